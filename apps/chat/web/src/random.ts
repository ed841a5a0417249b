/** A key that nothing else has, and that nobody guesses: 96 random bits. */
export function newKey(): string {
  // Not `crypto.randomUUID`, which is missing on plain HTTP outside of localhost.
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
