/** A piece of a message: text, or an address to link to. */
export interface Piece {
  text: string;
  href?: string;
}

const ADDRESS = /https?:\/\/[^\s<>"'`{}|\\^\u3000]+/giu;
/** What ends a sentence rather than an address. */
const TRAILING = /[.,;:!?…。、！？」』)\]]+$/u;

/** Finds the web addresses in a message. Nothing but `http:` and `https:` becomes a link. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    if (!isAddress(address)) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: address, href: address });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** Without closing punctuation, except brackets that were opened inside of the address. */
function trimmed(address: string): string {
  const tail = TRAILING.exec(address)?.[0] ?? "";
  const bare = address.slice(0, address.length - tail.length);
  const keepsBracket = tail.startsWith(")") && bare.split("(").length > bare.split(")").length;
  return keepsBracket ? `${bare})` : bare;
}

function isAddress(text: string): boolean {
  try {
    const { protocol, host } = new URL(text);
    return host !== "" && (protocol === "https:" || protocol === "http:");
  } catch {
    return false;
  }
}
