/* sockeye-client 0.1.0, MIT OR Apache-2.0 */

// src/url.ts
var CHARACTERS_MAX = 8e3;
var NOBODY = "x.invalid";
function url(uri, pathOption = "", page = globalThis.location) {
  let source = uri || "/";
  if (source.length > CHARACTERS_MAX) throw new Error("URI too long");
  if (/^\/(?!\/)/.test(source)) {
    source = (page ? page.host || NOBODY : "http://localhost") + source;
  }
  if (!/^(http|ws)s?:\/\//.test(source)) {
    source = (page && page.protocol !== "https:" ? "http:" : "https:") + source.replace(/^(\/\/)?/, "//");
  }
  const { protocol, hostname, port: explicitPort, search: query } = true ? partsOf(source) : new URL(source);
  const secure = /[ps]s:/.test(protocol);
  const port = explicitPort || (secure ? "443" : "80");
  return {
    source,
    target: { hostname, port, secure },
    // `URL` would percent-encode it, and a namespace must arrive as it was written.
    path: /\/\/[^/?#]*([^?#]*)/.exec(source)[1] || "/",
    query,
    id: protocol + hostname + ":" + port + pathOption
  };
}
var PARTS = /^(https?:|wss?:)\/\/(?:[^@/?#]*@)?(\[[^\]]+]|[^\s:@/?#[\]\\]+)(?::(\d*))?(?:\/[^?#]*)?(\?[^#]+)?\??(?:#[^]*)?$/;
var PORT_MAX = 65535;
function partsOf(source) {
  const [, protocol, host, port = "", search = ""] = PARTS.exec(source) || [];
  if (!host || +port > PORT_MAX) throw new Error("invalid address");
  return { protocol, hostname: host.toLowerCase(), port, search };
}

// src/address.ts
function url2(uri, path = "", page) {
  const { source, target, path: namespace, query } = url(uri, path, page);
  const { hostname, port } = target;
  const protocol = /^\w+/.exec(source)[0];
  const origin = `${protocol}://${hostname}`;
  return {
    source,
    protocol,
    host: hostname.replace(/[[\]]/g, ""),
    port,
    path: namespace,
    query: query.slice(1),
    id: `${origin}:${port}${path}`,
    href: String(page?.port) === port ? origin : `${origin}:${port}`
  };
}
export {
  url2 as url
};
//# sourceMappingURL=url.mjs.map
