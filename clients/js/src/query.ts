// Query strings. Where everything is built, not by `URLSearchParams`: that of React Native can neither
// decode nor encode.

/** Parameters by name; what is no text is sent as one. */
export type Query = Record<string, unknown>;

/**
 * The parameters of an address's query string, in which `+` is no space, or a copy of those that an
 * object holds.
 */
export function parseQuery(query: string | object = {}): Query {
  if (typeof query === "object") return { ...query };
  if (!FULL) return Object.fromEntries(new URLSearchParams(query.replace(/\+/g, "%2B")));
  const parameters: Record<string, string> = {};
  for (const part of query.replace(/^\?/, "").split("&")) {
    const [, name, value] = /([^=]*)=?([^]*)/.exec(part)!;
    if (part) parameters[decode(name)] = decode(value);
  }
  return parameters;
}

/** The inverse, without question mark. */
export function formatQuery(parameters: Query): string {
  if (!FULL) return String(new URLSearchParams(parameters as Record<string, string>));
  return Object.keys(parameters)
    .map((name) => encode(name) + "=" + encode(parameters[name]))
    .join("&");
}

/** A `%` that begins no code stays one. */
const decode = (text: string): string => text.replace(/(%[\da-f]{2})+/gi, decodeURIComponent);

/** Half of a character, as cutting a text may leave it, has no code. */
const encode = (value: unknown): string =>
  encodeURIComponent(String(value).replace(/[\ud800-\udfff]/gu, "\ufffd"));
