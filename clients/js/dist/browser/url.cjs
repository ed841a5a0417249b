/* sockeye-client 0.1.0, MIT OR Apache-2.0 */
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: !0 });
}, __copyProps = (to, from, except, desc) => {
  if (from && typeof from == "object" || typeof from == "function")
    for (let key of __getOwnPropNames(from))
      !__hasOwnProp.call(to, key) && key !== except && __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: !0 }), mod);

// src/address.ts
var address_exports = {};
__export(address_exports, {
  url: () => url2
});
module.exports = __toCommonJS(address_exports);

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
//# sourceMappingURL=url.cjs.map
