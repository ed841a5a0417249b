// Listeners that get name and arguments of every event.

import { Emitter } from "../emitter.js";
import { EVENT } from "../parser/packet.js";
import { Socket } from "../socket.js";

type AnyListener = (event: string, ...args: any[]) => void;

declare module "../socket.js" {
  interface Socket<Listen, Emit> {
    /** Calls `listener` with name and arguments of every event that arrives. */
    onAny(listener: AnyListener): this;
    /** As `onAny`, but before those that are there. */
    prependAny(listener: AnyListener): this;
    /** Removes a catch-all listener of `onAny`, or all of them. */
    offAny(listener?: AnyListener): this;
    /** The catch-all listeners of `onAny`. */
    listenersAny(): AnyListener[];
    /** Calls `listener` with name and arguments of every event that is sent; not for acknowledgements. */
    onAnyOutgoing(listener: AnyListener): this;
    /** As `onAnyOutgoing`, but before those that are there. */
    prependAnyOutgoing(listener: AnyListener): this;
    /** Removes a catch-all listener of `onAnyOutgoing`, or all of them. */
    offAnyOutgoing(listener?: AnyListener): this;
    /** The catch-all listeners of `onAnyOutgoing`. */
    listenersAnyOutgoing(): AnyListener[];
  }
}

const { emitEvent, packet: send } = Socket.prototype;

Socket.prototype.emitEvent = function (args) {
  catchAllOf(this).emit("Any", ...(args as [string]));
  emitEvent.call(this, args);
};

Socket.prototype.packet = function (packet) {
  if (packet.type === EVENT) catchAllOf(this).emit("AnyOutgoing", ...(packet.data as [string]));
  send.call(this, packet);
};

class CatchAll extends Emitter<{ Any: AnyListener; AnyOutgoing: AnyListener }> {
  prepend(way: "Any" | "AnyOutgoing", listener: AnyListener): void {
    const others = this.listeners(way);
    this.off(way);
    for (const each of [listener, ...others]) this.on(way, each);
  }
}

const catchAlls = new WeakMap<object, CatchAll>();

function catchAllOf(socket: object): CatchAll {
  const catchAll = catchAlls.get(socket) || new CatchAll();
  catchAlls.set(socket, catchAll);
  return catchAll;
}

for (const way of ["Any", "AnyOutgoing"] as const) {
  Object.assign(Socket.prototype, {
    ["on" + way](listener: AnyListener) {
      catchAllOf(this).on(way, listener);
      return this;
    },
    ["prepend" + way](listener: AnyListener) {
      catchAllOf(this).prepend(way, listener);
      return this;
    },
    ["off" + way](listener?: AnyListener) {
      // Unlike those of events: no listener means all.
      if (listener) catchAllOf(this).off(way, listener);
      else catchAllOf(this).off(way);
      return this;
    },
    ["listeners" + way]() {
      return catchAllOf(this).listeners(way);
    },
  });
}
