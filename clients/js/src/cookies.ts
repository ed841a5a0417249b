// Cookies for Node, where no browser keeps them: what a server set is sent back in the session.

/** Most cookies that are kept, and most characters of each (RFC 6265 §6.1 asks for 50 of 4,096). */
const COOKIES_MAX = 50;
const COOKIE_LENGTH_MAX = 4096;

/** A cookie as a `Set-Cookie` header holds it, as far as it matters here. */
export interface Cookie {
  name: string;
  value: string;
  /** When it is to be forgotten. Default: at the end of the session. */
  expires?: Date;
}

/** Reads a `Set-Cookie` header; undefined if there is no cookie in it. */
export function parseCookie(header: string): Cookie | undefined {
  const [pair, ...attributes] = header.split(";");
  const at = pair.indexOf("=");
  const name = pair.slice(0, at).trim();
  if (at < 0 || !name) return undefined;
  const cookie: Cookie = { name, value: pair.slice(at + 1).trim() };
  let hasMaxAge = false;
  for (const attribute of attributes) {
    const [, key, value] = /^\s*([^=]*?)\s*(?:=\s*(.*?)\s*)?$/.exec(attribute) || [];
    // Max-Age wins over Expires, whatever their order (RFC 6265 §5.3).
    if (/^max-age$/i.test(key) && /^-?\d+$/.test(value)) {
      hasMaxAge = true;
      cookie.expires = new Date(Math.min(Date.now() + 1000 * +value, 8.64e15));
    } else if (/^expires$/i.test(key) && !hasMaxAge && !Number.isNaN(Date.parse(value))) {
      cookie.expires = new Date(value);
    }
  }
  return cookie;
}

/** The cookies of one session. */
export class CookieJar {
  private _cookies = new Map<string, Cookie>();

  /** Takes what an answer's `Set-Cookie` headers say. */
  store(headers: string[] = []): void {
    for (const header of headers) {
      const cookie = header.length > COOKIE_LENGTH_MAX ? undefined : parseCookie(header);
      if (!cookie) continue;
      if (isOver(cookie)) this._cookies.delete(cookie.name);
      else if (this._cookies.has(cookie.name) || this._cookies.size < COOKIES_MAX) {
        this._cookies.set(cookie.name, cookie);
      }
    }
  }

  /** The `Cookie` header of a request, beside cookies that it has already; undefined if there are none. */
  header(own?: string): string | undefined {
    const pairs = own ? [own] : [];
    for (const cookie of this._cookies.values()) {
      if (isOver(cookie)) this._cookies.delete(cookie.name);
      else pairs.push(`${cookie.name}=${cookie.value}`);
    }
    return pairs.length ? pairs.join("; ") : undefined;
  }
}

function isOver({ expires }: Cookie): boolean {
  return !!expires && expires.getTime() <= Date.now();
}

const jars = new WeakMap<object, CookieJar>();

/** The jar of a session. */
export function jarOf(session: object): CookieJar {
  const jar = jars.get(session) || new CookieJar();
  jars.set(session, jar);
  return jar;
}
