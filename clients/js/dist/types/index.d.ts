import { isErrorAnswer, RemoteError } from "./answer.js";
import type { DefaultEventsMap, EventsMap } from "./events.js";
import * as engine from "./features/engine.js";
import { PayloadTooLarge } from "./features/limit.js";
import { Manager } from "./features/manager.js";
import { Socket } from "./features/socket.js";
import type { ConnectOptions } from "./options.js";
import { protocol } from "./parser/packet.js";
import { nextTick } from "./timer.js";
/** Connects: the socket for an address. */
interface Lookup {
    <Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(options?: Partial<ConnectOptions>): Socket<Listen, Emit>;
    <Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(uri: string | undefined | null, options?: Partial<ConnectOptions>): Socket<Listen, Emit>;
}
declare const lookup: Lookup;
/** Connects: the same function as `io.connect`, with the library's classes as properties. */
export declare const io: Lookup & {
    Fetch: typeof engine.Fetch;
    XHR: typeof engine.Fetch;
    NodeXHR: typeof engine.Fetch;
    NodeWebSocket: typeof engine.NodeWebSocket;
    WebSocket: typeof engine.NodeWebSocket;
    WebTransport: typeof engine.WebTransport;
    Manager: typeof Manager;
    Socket: typeof Socket;
    PayloadTooLarge: typeof PayloadTooLarge;
    RemoteError: typeof RemoteError;
    isErrorAnswer: typeof isErrorAnswer;
    protocol: number;
    nextTick: (callback: () => void) => void;
    io: Lookup;
    connect: Lookup;
};
export { isErrorAnswer, lookup as connect, Manager, nextTick, PayloadTooLarge, protocol, RemoteError, Socket };
export default io;
export * from "./features/engine.js";
export type * from "./types.js";
