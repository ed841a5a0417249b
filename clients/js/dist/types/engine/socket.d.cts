import type { EngineOptions } from "../options.cjs";
import { type BinaryType } from "../platform.cjs";
import { Carrier } from "./carrier.cjs";
import type { Packet, RawData } from "./packet.cjs";
import type { CloseDetails, Transport } from "./transport.cjs";
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
    data: (data: RawData) => void;
    message: (data: RawData) => void;
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
/**
 * One Engine.IO session: ordered messages over whatever transport works, with heartbeat and
 * upgrade (Engine.IO v4). States: opening → open → (closing) → closed; it does not reconnect.
 *
 * Here are its address, its heartbeat and its end; how packets travel is its carrier's.
 */
export declare class EngineSocket extends Carrier {
    /** Form of received binary messages. */
    binaryType: BinaryType;
    /** When the server counts as lost, in milliseconds as `Date.now()`. */
    _pingTimeoutTime: number;
    private _pingMs;
    private _pingTimer?;
    readonly opts: EngineOptions;
    /** Host name that the session goes to, IPv6 without brackets. */
    readonly hostname: string;
    /** Port that the session goes to. */
    readonly port: string;
    /** Whether TLS is used. */
    readonly secure: boolean;
    /** Same as `send`. */
    readonly write: this["send"];
    /** Of these transports those that may be used here. */
    readonly _filterUpgrades: (upgrades: string[]) => string[];
    constructor(uri?: string, options?: EngineOptions);
    /** Whether the heartbeat deadline has passed, though its timer may have been held up. */
    _hasPingExpired(): boolean;
    /** The session begins. */
    _begin(handshake: Handshake): void;
    /** The server was heard: the heartbeat's next deadline. */
    _resetPingTimer(): void;
    /** Ends the session over an error. */
    _giveUp(error: Error): void;
    /** Ends the session at once. */
    _onClose(reason: string, details?: CloseDetails | Error): void;
}
