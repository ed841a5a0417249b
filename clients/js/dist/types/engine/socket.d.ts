import { Emitter } from "../emitter.js";
import type { EngineOptions, TransportClass } from "../options.js";
import { type BinaryType } from "../platform.js";
import type { Packet, RawData } from "./packet.js";
import type { CloseDetails, Transport } from "./transport.js";
/** What the server announces when a session opens. */
export interface Handshake {
    sid: string;
    upgrades: string[];
    pingInterval: number;
    pingTimeout: number;
    maxPayload?: number;
}
/** Events of an {@link EngineSocket}. */
export interface EngineEvents {
    open: () => void;
    handshake: (handshake: Handshake) => void;
    packet: (packet: Packet) => void;
    packetCreate: (packet: Packet) => void;
    data: (data: any) => void;
    message: (data: any) => void;
    flush: () => void;
    drain: () => void;
    heartbeat: () => void;
    ping: () => void;
    pong: () => void;
    upgrading: (transport: Transport) => void;
    upgrade: (transport: Transport) => void;
    upgradeError: (error: Error) => void;
    error: (error: Error) => void;
    close: (reason: string, details?: CloseDetails | Error) => void;
}
/** The Engine.IO revision spoken here. */
export declare const ENGINE_PROTOCOL = 4;
/** Transport constructors by name. The entry file fills it, so that unused ones cost nothing. */
export declare const transports: Record<string, TransportClass>;
/**
 * One Engine.IO session: ordered messages over whatever transport works, with heartbeat and
 * upgrade (Engine.IO v4). States: opening → open → (closing) → closed; it does not reconnect.
 */
export declare class EngineSocket extends Emitter<{}, {}, EngineEvents> {
    /** Session id, while there is one. */
    id?: string;
    /** The transport that messages leave by. */
    transport: Transport;
    readyState: "opening" | "open" | "closing" | "closed";
    /** Packets that no transport has confirmed to have passed on. */
    writeBuffer: Packet[];
    /** Form of received binary messages. */
    binaryType: BinaryType;
    /** Names of the transports that may be used, the first one at first. */
    transports: string[];
    readonly opts: EngineOptions;
    /** Whether another transport is taking over; nothing is sent meanwhile. */
    upgrading: boolean;
    /** When the server counts as lost, in milliseconds as `Date.now()`; 0 when that was noticed. */
    _pingTimeoutTime: number;
    /** Most bytes of a polling payload that the server takes, if it said so. */
    _maxPayload?: number;
    /** Classes of the transports by name. The core has those that it was built with. */
    _classes: Record<string, TransportClass>;
    /** How many of the first packets of `writeBuffer` the transport has. */
    _inFlight: number;
    /** What the server said when the session opened. */
    _handshake?: Handshake;
    private _pingMs;
    private _pingTimer?;
    constructor(uri?: string, options?: EngineOptions);
    /** Sends a message. */
    send(data: RawData, options?: Packet["options"]): this;
    /** Ends the session when everything has been sent and no upgrade is under way. */
    close(): this;
    /** Whether the heartbeat deadline has passed, though its timer may have been held up. */
    _hasPingExpired(): boolean;
    /** A transport of this session that is not open yet. */
    createTransport(name: string): Transport;
    /** Makes `transport` the one that messages go through. */
    setTransport(transport: Transport): void;
    /** Ends an upgrade: what follows goes through `transport`. */
    switchTo(transport: Transport): void;
    /** Hands waiting packets to the transport if it can take them. */
    flush(): void;
    /** Opening or open. */
    private _isActive;
    _open(): void;
    private _onPacket;
    private _onHandshake;
    private _resetPingTimer;
    private _sendPacket;
    private _onError;
    /** Ends the session at once. */
    _onClose(reason: string, details?: CloseDetails | Error): void;
}
