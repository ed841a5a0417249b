/* sockeye-client 0.1.0, MIT OR Apache-2.0 */

// src/url.ts
var NOBODY = "x.invalid";
function url(uri, pathOption = "", page = globalThis.location) {
  let source = uri || "/";
  if (source.length > 8e3) throw new Error("URI too long");
  source = source.replace(/^\/(?!\/)/, (page ? page.host || NOBODY : "http://localhost") + "/").replace(/^(?!(http|ws)s?:\/\/)(\/\/)?/, (page && page.protocol !== "https:" ? "http:" : "https:") + "//");
  let { protocol, hostname, port: explicitPort, search: query } = partsOf(source), secure = /[ps]s:/.test(protocol), port = explicitPort || (secure ? "443" : "80");
  return {
    _source: source,
    _target: { hostname, port, secure },
    // `URL` would percent-encode it, and a namespace must arrive as it was written.
    path: /\/\/[^/?#]*([^?#]*)/.exec(source)[1] || "/",
    query,
    id: protocol + hostname + ":" + port + pathOption
  };
}
var PARTS = /^(https?:|wss?:)\/\/(?:[^@/?#]*@)?(\[[^\]]+]|[^\s:@/?#[\]\\]+)(?::(\d*))?(?:\/[^?#]*)?(\?[^#]+)?\??(?:#[^]*)?$/, PORT_MAX = 65535;
function partsOf(source) {
  let [, protocol, host, port = "", search = ""] = PARTS.exec(source) || [];
  if (!host || +port > PORT_MAX) throw new Error("invalid address");
  return { protocol, hostname: host.toLowerCase(), port, search };
}

// src/address.ts
function url2(uri, path = "", page) {
  let { _source: source, _target: target, path: namespace, query } = url(uri, path, page), { hostname, port } = target, protocol = /^\w+/.exec(source)[0], origin = `${protocol}://${hostname}`;
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
