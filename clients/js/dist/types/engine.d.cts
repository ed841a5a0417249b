import "./features/engine.cjs";
import { transports } from "./engine/carrier.cjs";
import { ENGINE_PROTOCOL } from "./engine/packet.cjs";
import { EngineSocket } from "./engine/socket.cjs";
import { Transport } from "./engine/transport.cjs";
import type { EngineOptions } from "./options.cjs";
/** One Engine.IO session. It opens when it is made. */
export declare class Socket extends EngineSocket {
    constructor(uri?: string | EngineOptions | null, options?: EngineOptions);
    /** Connects again after a close, with the same options. */
    open(): void;
    _open(): void;
}
export * from "./features/engine.cjs";
export { nextTick } from "./timer.cjs";
export { ENGINE_PROTOCOL as protocol, Transport, transports };
export type { EngineEvents, Handshake } from "./engine/socket.cjs";
export type { CloseDetails, TransportError } from "./engine/transport.cjs";
export type { EngineOptions as SocketOptions } from "./options.cjs";
