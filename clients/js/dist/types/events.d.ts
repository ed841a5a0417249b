import type { WithoutError } from "./answer.js";
/** Names of events with the functions that listen to them. Extend it in an interface of your own. */
export interface EventsMap {
    [event: string]: any;
}
/** What is assumed when no event types are given: any name, any arguments. */
export interface DefaultEventsMap {
    [event: string]: (...args: any[]) => void;
}
/** The event names of a map. */
export type EventNames<Map extends EventsMap> = keyof Map & string;
/** The arguments that the listener of an event receives, the acknowledgement function included. */
export type EventParams<Map extends EventsMap, Event extends EventNames<Map>> = Parameters<Map[Event]>;
/** The listener of an event that the library raises itself, or else of a user's event. */
export type ListenerOf<Reserved extends EventsMap, User extends EventsMap, Event extends EventNames<Reserved> | EventNames<User>> = Event extends EventNames<Reserved> ? Reserved[Event] : Event extends EventNames<User> ? User[Event] : never;
type AllButLast<List extends unknown[]> = List extends [...infer Head, unknown] ? Head : unknown[];
type Last<List extends unknown[]> = List extends [...unknown[], infer Tail] ? Tail : List[number];
/** What may be anything stays so. */
type FirstParam<Fn> = 0 extends 1 & Fn ? Fn : Fn extends (first: infer First, ...rest: never[]) => unknown ? First : unknown;
/** The arguments of an event without its acknowledgement function. */
export type ParamsWithoutAck<Map extends EventsMap, Event extends EventNames<Map>> = AllButLast<EventParams<Map, Event>>;
/** What `emitWithAck` resolves with: the first value that the other side acknowledges with. */
export type AckValue<Map extends EventsMap, Event extends EventNames<Map>> = FirstParam<Last<EventParams<Map, Event>>>;
/** What `request` resolves with: the same, but for answers that are errors. */
export type Answered<Map extends EventsMap, Event extends EventNames<Map>> = WithoutError<AckValue<Map, Event>>;
type PrependError<Fn> = Fn extends (...args: infer Params) => infer Result ? (err: Error, ...args: Params) => Result : Fn;
type PrependErrorToLast<List extends unknown[]> = List extends [...infer Head, infer Tail] ? [...Head, PrependError<Tail>] : List;
/**
 * The same events, but every acknowledgement function gets an error first; it is null when there is
 * none, which the type does not say, as that of socket.io-client does not: functions written for one
 * fit the other.
 */
export type WithAckErrors<Map extends EventsMap> = {
    [Event in keyof Map]: Map[Event] extends (...args: infer Params) => infer Result ? (...args: PrependErrorToLast<Params>) => Result : Map[Event];
};
export {};
