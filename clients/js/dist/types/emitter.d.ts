import type { EventNames, EventParams, EventsMap, ListenerOf } from "./events.js";
type Fn = ((...args: unknown[]) => void) & {
    /** The listener that a `once` wrapper stands for. */
    fn?: (...args: unknown[]) => void;
};
/**
 * Event emitter with the methods of the one that socket.io-client uses.
 *
 * `Reserved` are the events that the library raises through {@link Emitter.emitReserved}; a subclass
 * may give `emit` another meaning without touching those.
 */
export declare class Emitter<Listen extends EventsMap, Emit extends EventsMap = Listen, Reserved extends EventsMap = {}> {
    /**
     * Lists of listeners by `$` and name, as programs find them in socket.io-client. So a number is the
     * same name as its text, and no name that comes from the peer is one that objects have by nature.
     * They are replaced and never changed, so that listeners may come and go while an event is raised.
     */
    _callbacks: Record<string, Fn[] | undefined>;
    /** Calls `listener` at every `event`. */
    on<Event extends EventNames<Reserved> | EventNames<Listen>>(event: Event, listener: ListenerOf<Reserved, Listen, Event>): this;
    /** Calls `listener` at the next `event` only. */
    once<Event extends EventNames<Reserved> | EventNames<Listen>>(event: Event, listener: ListenerOf<Reserved, Listen, Event>): this;
    /**
     * Removes one listener, all listeners of an event, or all listeners. It is the number of arguments
     * that counts: `off("x", undefined)` names a listener that is not there.
     */
    off<Event extends EventNames<Reserved> | EventNames<Listen>>(event?: Event, listener?: ListenerOf<Reserved, Listen, Event>): this;
    /** Calls the listeners of `event` in the order in which they were added. */
    emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this;
    /**
     * Raises an event of the library itself. What a listener throws is reported like any uncaught
     * error, but neither leaves the protocol's state half changed nor stops the other listeners.
     */
    emitReserved<Event extends EventNames<Reserved>>(event: Event, ...args: EventParams<Reserved, Event>): this;
    /** The listeners of `event`. */
    listeners<Event extends EventNames<Reserved> | EventNames<Listen>>(event: Event): ListenerOf<Reserved, Listen, Event>[];
}
export {};
