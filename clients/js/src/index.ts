// All of the library: what pages, bundlers and Node get unless they ask for less.
//
// Its classes extend those of the core. `features/socket.ts` and `features/manager.ts` say at which
// points, and in what order the features act there; the order of imports means nothing.

import { isErrorAnswer, RemoteError } from "./answer.js";
import type { DefaultEventsMap, EventsMap } from "./events.js";
import * as engine from "./features/engine.js";
import { PayloadTooLarge } from "./features/limit.js";
import { Manager } from "./features/manager.js";
import { Socket } from "./features/socket.js";
import { classes, lookup as coreLookup } from "./io.js";
import type { ConnectOptions } from "./options.js";
import { protocol } from "./parser/packet.js";
import { nextTick } from "./timer.js";

/** Connects: the socket for an address. */
interface Lookup {
  <Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(
    options?: Partial<ConnectOptions>,
  ): Socket<Listen, Emit>;
  <Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(
    uri: string | undefined | null,
    options?: Partial<ConnectOptions>,
  ): Socket<Listen, Emit>;
}

classes.Manager = Manager;
const lookup = coreLookup as Lookup;

/** Connects: the same function as `io.connect`, with the library's classes as properties. */
export const io = Object.assign(lookup, {
  ...engine,
  ...{ Manager, Socket, PayloadTooLarge, RemoteError, isErrorAnswer },
  ...{ protocol, nextTick, io: lookup, connect: lookup },
});

export { isErrorAnswer, lookup as connect, Manager, nextTick, PayloadTooLarge, protocol, RemoteError, Socket };
export default io;
export * from "./features/engine.js";
export type * from "./types.js";
