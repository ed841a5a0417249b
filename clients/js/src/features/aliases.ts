// Other names for the same: those of component-emitter, and options as methods.

import { Emitter } from "../emitter.js";
import type { EventNames, EventsMap } from "../events.js";
import { Manager, SETTINGS } from "../manager.js";
import type { ManagerOptions } from "../options.js";
import { Socket } from "../socket.js";

declare module "../emitter.js" {
  interface Emitter<Listen extends EventsMap, Emit, Reserved extends EventsMap> {
    /** Same as `on`. */
    addEventListener: this["on"];
    /** Same as `off`. */
    removeListener: this["off"];
    /** Same as `off`. */
    removeEventListener: this["off"];
    /** Same as `off`. */
    removeAllListeners: this["off"];
    /** Whether anybody listens to `event`. */
    hasListeners(event: EventNames<Reserved> | EventNames<Listen>): boolean;
  }
}

/** Methods that read an option, or set it when given a value. */
type Settings = {
  [Name in keyof typeof SETTINGS]: {
    (): NonNullable<ManagerOptions[Name]>;
    (value: ManagerOptions[Name]): Manager<any, any>;
  };
};

declare module "../manager.js" {
  interface Manager<Listen, Emit> extends Settings {
    /** Same as `open`. */
    connect: this["open"];
  }
}

declare module "../socket.js" {
  interface Socket<Listen, Emit> {
    /** Same as `connect`. */
    open(): this;
    /** Same as `disconnect`. */
    close(): this;
  }
}

const { prototype } = Emitter;
prototype.addEventListener = prototype.on;
prototype.removeListener =
  prototype.removeEventListener =
  prototype.removeAllListeners =
    prototype.off;
prototype.hasListeners = function (event) {
  return !!this.listeners(event)[0];
};

Manager.prototype.connect = Manager.prototype.open;
Socket.prototype.open = Socket.prototype.connect;
Socket.prototype.close = Socket.prototype.disconnect;

for (const name in SETTINGS) {
  Manager.prototype[name as keyof Settings] = function (this: Manager, value?: any): any {
    if (value === undefined) return (this.opts as any)[name];
    (this.opts as any)[name] = value;
    if (name === "reconnection" && !value) this.skipReconnect = true;
    return this;
  };
}
