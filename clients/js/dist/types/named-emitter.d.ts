import { Emitter } from "./emitter.js";
import type { EventNames, EventsMap, ListenerOf } from "./events.js";
/** Whether methods have all their names, here and in managers. */
export declare const ALIASES = true;
/** Event emitter with all the names that the methods have in the one of socket.io-client. */
export declare class NamedEmitter<Listen extends EventsMap, Emit extends EventsMap = Listen, Reserved extends EventsMap = {}> extends Emitter<Listen, Emit, Reserved> {
    /** Same as `on`. */
    addEventListener<Event extends EventNames<Reserved> | EventNames<Listen>>(...args: [event: Event, listener: ListenerOf<Reserved, Listen, Event>]): this;
    /** Same as `off`. */
    removeListener<Event extends EventNames<Reserved> | EventNames<Listen>>(...args: [event?: Event, listener?: ListenerOf<Reserved, Listen, Event>]): this;
    /** Same as `off`. */
    removeEventListener<Event extends EventNames<Reserved> | EventNames<Listen>>(...args: [event?: Event, listener?: ListenerOf<Reserved, Listen, Event>]): this;
    /** Same as `off`. */
    removeAllListeners<Event extends EventNames<Reserved> | EventNames<Listen>>(...args: [event?: Event, listener?: ListenerOf<Reserved, Listen, Event>]): this;
    /** Whether anybody listens to `event`. */
    hasListeners(event: EventNames<Reserved> | EventNames<Listen>): boolean;
}
