import type { EventNames, EventsMap } from "../events.cjs";
import { Manager, SETTINGS } from "../manager.cjs";
import type { ManagerOptions } from "../options.cjs";
declare module "../emitter.cjs" {
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
declare module "../manager.cjs" {
    interface Manager<Listen, Emit> extends Settings {
        /** Same as `open`. */
        connect: this["open"];
    }
}
declare module "../socket.cjs" {
    interface Socket<Listen, Emit> {
        /** Same as `connect`. */
        open(): this;
        /** Same as `disconnect`. */
        close(): this;
    }
}
export {};
