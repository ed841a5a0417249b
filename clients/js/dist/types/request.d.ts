import { type Answer, type ErrorAnswer, isErrorAnswer, RemoteError, type WithoutError } from "./answer.js";
import type { DefaultEventsMap, EventNames, EventParams, EventsMap, ParamsWithoutAck } from "./events.js";
import type { Socket } from "./features/socket.js";
import type { Socket as CoreSocket } from "./socket.js";
export { isErrorAnswer, RemoteError };
export type { Answer, ErrorAnswer };
/** A socket of any client. A shared one has no buffer, and `request` as a method. */
export interface Requester {
    emit(event: never, ...args: never[]): unknown;
    timeout(ms: number): unknown;
    sendBuffer: unknown[];
}
/** The events that a socket sends; of one that is of another package any. */
export type EmitOf<Some> = Some extends Socket<infer _Listen extends EventsMap, infer Emit extends EventsMap> ? Emit : Some extends CoreSocket<infer _Listen extends EventsMap, infer Emit extends EventsMap> ? Emit : DefaultEventsMap;
/** The first value of an acknowledgement; after `timeout()` an error comes before it. */
type ValueOf<Params> = Params extends [infer First, ...infer Others] ? 0 extends 1 & First ? First : First extends Error ? Others[0] : First : unknown;
type Last<List extends unknown[]> = List extends [...unknown[], infer Tail] ? Tail : List[number];
/** What it resolves with: the first value of the acknowledgement, but for answers that are errors. */
type Answered<Ack> = 0 extends 1 & Ack ? Ack : Ack extends (...args: infer Params) => unknown ? WithoutError<ValueOf<Required<Params>>> : unknown;
/**
 * Sends an event and resolves with the first value of its acknowledgement, as `emitWithAck`; but
 * rejects with a {@link RemoteError} where that is an error. And it always ends: without `timeout()`
 * or the option `ackTimeout` it rejects when there is no answer within 10 seconds, the time that it
 * waits for a connection included.
 *
 * ```js
 * const { id } = await request(socket, "say", "hello");
 * const other = await request(socket.timeout(500), "say", "hello");
 * ```
 */
export declare function request<Some extends Requester, Event extends EventNames<EmitOf<Some>>>(socket: Some, event: Event, ...args: ParamsWithoutAck<EmitOf<Some>, Event>): Promise<Answered<Last<EventParams<EmitOf<Some>, Event>>>>;
