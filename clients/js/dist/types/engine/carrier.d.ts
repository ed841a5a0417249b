import { NamedEmitter } from "../named-emitter.js";
import type { EngineOptions, TransportClass } from "../options.js";
import { type BinaryType } from "../platform.js";
import { type Packet, type RawData } from "./packet.js";
import type { EngineEvents, Handshake } from "./socket.js";
import type { CloseDetails, Transport } from "./transport.js";
/** Transport constructors by name. The entry file fills it, so that unused ones cost nothing. */
export declare const transports: Record<string, TransportClass>;
/**
 * What carries the packets of an engine socket: one of several transports, which may fail and be
 * replaced by the next one, or by a better one; and the buffer before it. It is what engine sockets of
 * different builds differ in: where WebSocket is all there is, it is `websocket-carrier.ts`.
 */
export declare abstract class Carrier extends NamedEmitter<{}, {}, EngineEvents> {
    /** Session id, while there is one. */
    id?: string;
    /** The transport that messages leave by. */
    transport: Transport;
    readyState: "opening" | "open" | "closing" | "closed";
    /** Packets that no transport has confirmed to have passed on. */
    writeBuffer: Packet[];
    /** Form of received binary messages. */
    abstract binaryType: BinaryType;
    /** Names of the transports that may be used, the first one at first. */
    transports: string[];
    abstract readonly opts: EngineOptions;
    /** Whether another transport is taking over; nothing is sent meanwhile. */
    upgrading: boolean;
    /** Classes of the transports by name. The core has those that it was built with. */
    _transportsByName: Record<string, TransportClass>;
    /** How many of the first packets of `writeBuffer` the transport has. */
    _prevBufferLen: number;
    /** Most bytes of a polling payload that the server takes, if it said so. */
    _maxPayload?: number;
    abstract _begin(handshake: Handshake): void;
    abstract _resetPingTimer(): void;
    abstract _giveUp(error: Error): void;
    abstract _onClose(reason: string, details?: CloseDetails | Error): void;
    /** Opens the first of the transports. */
    _open(): void;
    /** A transport of this session that is not open yet. */
    createTransport(name: string): Transport;
    /** Makes `transport` the one that messages go through. */
    setTransport(transport: Transport): void;
    /** Ends an upgrade: what follows goes through `transport`. */
    _switchTo(transport: Transport): void;
    /** Hands waiting packets to the transport if it can take them. */
    flush(): void;
    /** Sends a message. */
    send(data: RawData, options?: Packet["options"]): this;
    private _sendPacket;
    private _onPacket;
    /** The session has begun: sends what waits, and tries the better transports that the server has. */
    private _onHandshake;
    /** Opening or open. */
    private _isActive;
    /** Opens the next transport if one could not be opened; otherwise the session ends. */
    _onError(error: Error): void;
    /** Ends the session when everything has been sent and no upgrade is under way. */
    close(): this;
    /** The session has ended. */
    _end(reason: string, details?: CloseDetails | Error): void;
}
