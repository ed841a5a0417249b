/* sockeye-client 0.1.0, MIT OR Apache-2.0 */

// src/bindings/react.ts
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";

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

// src/bindings/react.ts
function useSocket(address, options = {}, key) {
  const { auth, ...others } = options;
  const all = JSON.stringify([address, others, key]);
  const held = useMemo(() => hold(address, others, key), [all]);
  const { socket } = held;
  useEffect(() => {
    if (auth !== void 0) socket.auth = auth;
  });
  useEffect(() => held.use(), [held]);
  return socket;
}
function useEvent(socket, event, listener) {
  const newest = useRef(listener);
  useEffect(() => {
    newest.current = listener;
  });
  useEffect(() => {
    const call = (...args) => newest.current(...args);
    socket.on(event, call);
    return () => {
      socket.off(event, call);
    };
  }, [socket, event]);
}
function useStatus(socket) {
  const status = useRef(OFFLINE);
  const subscribe = useCallback(
    (onChange) => watchStatus(socket, (next) => {
      status.current = next;
      onChange();
    }),
    [socket]
  );
  return useSyncExternalStore(subscribe, () => status.current, () => OFFLINE);
}
export {
  useEvent,
  useSocket,
  useStatus
};
//# sourceMappingURL=react.mjs.map
