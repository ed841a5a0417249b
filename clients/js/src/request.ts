// `sockeye-client/request`: `request` for sockets that do not have it, those of the core, of the WebSocket
// build and of socket.io-client. The socket of the full client has it as a method, which calls this.

import { type Answer, type ErrorAnswer, isErrorAnswer, RemoteError, remoteErrorOf, type WithoutError } from "./answer.js";
import type { DefaultEventsMap, EventNames, EventParams, EventsMap, ParamsWithoutAck } from "./events.js";
import type { Socket } from "./features/socket.js";
import type { Socket as CoreSocket } from "./socket.js";

export { isErrorAnswer, RemoteError };
export type { Answer, ErrorAnswer };

/** Milliseconds that a request waits for its answer unless something else is said. */
const REQUEST_MS = 10_000;

/** A socket of any client. A shared one has no buffer, and `request` as a method. */
export interface Requester {
  emit(event: never, ...args: never[]): unknown;
  timeout(ms: number): unknown;
  sendBuffer: unknown[];
}

/** The events that a socket sends; of one that is of another package any. */
export type EmitOf<Some> =
  Some extends Socket<infer _Listen extends EventsMap, infer Emit extends EventsMap>
    ? Emit
    : Some extends CoreSocket<infer _Listen extends EventsMap, infer Emit extends EventsMap>
      ? Emit
      : DefaultEventsMap;

/** The first value of an acknowledgement; after `timeout()` an error comes before it. */
type ValueOf<Params> = Params extends [infer First, ...infer Others]
  ? 0 extends 1 & First
    ? First
    : First extends Error
      ? Others[0]
      : First
  : unknown;

type Last<List extends unknown[]> = List extends [...unknown[], infer Tail] ? Tail : List[number];

/** What it resolves with: the first value of the acknowledgement, but for answers that are errors. */
type Answered<Ack> = 0 extends 1 & Ack
  ? Ack
  : Ack extends (...args: infer Params) => unknown
    ? WithoutError<ValueOf<Required<Params>>>
    : unknown;

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
export function request<Some extends Requester, Event extends EventNames<EmitOf<Some>>>(
  socket: Some,
  event: Event,
  ...args: ParamsWithoutAck<EmitOf<Some>, Event>
): Promise<Answered<Last<EventParams<EmitOf<Some>, Event>>>>;
export function request(socket: any, ...args: unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const { flags, _opts } = socket;
    // With a time set, all clients call it with an error first, and also tell it of a lost connection.
    const answered = (error: unknown, ...answer: unknown[]) => {
      error = error || remoteErrorOf(answer);
      error ? reject(error) : resolve(answer[0]);
    };
    try {
      socket.timeout(flags.timeout ?? _opts.ackTimeout ?? REQUEST_MS).emit(...args, answered);
    } finally {
      // One that was not sent, or is yet to be, leaves its time to no other event.
      if (socket.flags === flags) socket.flags = {};
    }
  });
}
