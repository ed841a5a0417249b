import { type PlatformSocket } from "../platform.cjs";
import { type Packet } from "./packet.cjs";
import { Transport } from "./transport.cjs";
/** Packets as WebSocket messages (Engine.IO v4 "WebSocket"). */
export declare class WebSocketTransport extends Transport {
    /** The platform's socket; absent before opening. */
    ws?: PlatformSocket;
    get name(): string;
    uri(): string;
    open(): Promise<void>;
    protected doClose(): void;
    protected write(packets: Packet[]): Promise<void>;
}
