/** The link of an invitation: at the best of the server's addresses. */
export function invitationLink(code: string, addresses: readonly string[]): string {
  return `${addresses[0] ?? location.origin}/invite#${code}`;
}
