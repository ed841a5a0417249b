import "./features/engine.js";
import { transports } from "./engine/carrier.js";
import { ENGINE_PROTOCOL } from "./engine/packet.js";
import { EngineSocket } from "./engine/socket.js";
import { Transport } from "./engine/transport.js";
import type { EngineOptions } from "./options.js";
/** One Engine.IO session. It opens when it is made. */
export declare class Socket extends EngineSocket {
    constructor(uri?: string | EngineOptions | null, options?: EngineOptions);
    /** Connects again after a close, with the same options. */
    open(): void;
    _open(): void;
}
export * from "./features/engine.js";
export { nextTick } from "./timer.js";
export { ENGINE_PROTOCOL as protocol, Transport, transports };
export type { EngineEvents, Handshake } from "./engine/socket.js";
export type { CloseDetails, TransportError } from "./engine/transport.js";
export type { EngineOptions as SocketOptions } from "./options.js";
