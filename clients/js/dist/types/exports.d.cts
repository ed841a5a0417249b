import { isErrorAnswer, RemoteError } from "./answer.cjs";
import type { DefaultEventsMap, EventsMap } from "./events.cjs";
import * as engine from "./features/engine.cjs";
import { PayloadTooLarge } from "./features/limit.cjs";
import { Manager } from "./features/manager.cjs";
import { Socket } from "./features/socket.cjs";
import type { ConnectOptions } from "./options.cjs";
import { protocol } from "./parser/packet.cjs";
import { nextTick } from "./timer.cjs";
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
export * from "./features/engine.cjs";
export type * from "./types.cjs";
