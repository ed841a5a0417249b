/* sockeye-client 0.1.0, MIT OR Apache-2.0 */
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// src/bindings/svelte.ts
var svelte_exports = {};
__export(svelte_exports, {
  connection: () => connection,
  latest: () => latest,
  listen: () => listen,
  status: () => status
});
module.exports = __toCommonJS(svelte_exports);

// src/bindings/sockets.ts
var import_sockeye_client = require("sockeye-client");
var sockets = /* @__PURE__ */ new Map();
var UNUSED_MS = 1e4;
function hold(address, options, name) {
  const make = () => (0, import_sockeye_client.io)(address, { ...options, autoConnect: false });
  if (typeof window === "undefined") return { socket: make(), use: () => () => {
  } };
  const key = JSON.stringify([address, options, name]);
  const known = sockets.get(key);
  if (known) return known;
  const socket = make();
  let users = 0;
  let timer;
  const leaveLater = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (users) return;
      sockets.delete(key);
      socket.disconnect();
    }, ms);
    timer.unref?.();
  };
  const held = {
    socket,
    use() {
      users++;
      sockets.set(key, held);
      socket.connect();
      let isUsing = true;
      return () => {
        if (isUsing && --users === 0) leaveLater(0);
        isUsing = false;
      };
    }
  };
  sockets.set(key, held);
  leaveLater(UNUSED_MS);
  return held;
}

// src/bindings/status.ts
var OFFLINE = { connected: false };
var EVENTS = ["connect", "connect_error", "disconnect"];
function watchStatus(socket, onChange) {
  const listeners = {
    connect: () => onChange(statusOf(socket)),
    connect_error: (error) => onChange({ connected: false, error }),
    disconnect: (reason) => onChange({ connected: false, reason })
  };
  for (const event of EVENTS) socket.on(event, listeners[event]);
  onChange(statusOf(socket));
  return () => {
    for (const event of EVENTS) socket.off(event, listeners[event]);
  };
}
function statusOf({ connected, id }) {
  return connected ? { connected, id } : OFFLINE;
}

// src/bindings/svelte.ts
function connection(address, options = {}, key) {
  const { auth, ...others } = options;
  const held = hold(address, others, key);
  if (auth !== void 0) held.socket.auth = auth;
  const { subscribe } = status(held.socket);
  return {
    socket: held.socket,
    subscribe(run) {
      const stop = subscribe(run);
      const leave = held.use();
      return () => {
        stop();
        leave();
      };
    }
  };
}
function status(socket) {
  return {
    subscribe(run) {
      let last = OFFLINE;
      let isFirst = true;
      return watchStatus(socket, (next) => {
        if (!isFirst && next === last) return;
        isFirst = false;
        run(last = next);
      });
    }
  };
}
function latest(socket, event, initial) {
  return {
    subscribe(run) {
      run(initial);
      return listen(socket, event, ((value) => run(initial = value)));
    }
  };
}
function listen(socket, event, listener) {
  socket.on(event, listener);
  return () => {
    socket.off(event, listener);
  };
}
//# sourceMappingURL=svelte.cjs.map
