/* sockeye-client 0.1.0, MIT OR Apache-2.0 */

// src/bindings/sockets.ts
import { io } from "sockeye-client";
var sockets = /* @__PURE__ */ new Map();
var UNUSED_MS = 1e4;
function hold(address, options, name) {
  const make = () => io(address, { ...options, autoConnect: false });
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
export {
  connection,
  latest,
  listen,
  status
};
//# sourceMappingURL=svelte.mjs.map
