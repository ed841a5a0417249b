import { type Packet } from "./packet.cjs";
import { Transport } from "./transport.cjs";
/** Packets as bodies of HTTP requests: one GET waits, POSTs go out one at a time. */
export declare class Polling extends Transport {
    /** Whether a GET is waiting. */
    _polling: boolean;
    private _abort;
    private _onPause?;
    get name(): string;
    uri(): string;
    pause(onPause: () => void): void;
    _resume(): void;
    /** One GET after the other, until the session ends or pauses. */
    open(): Promise<void>;
    protected doClose(): Promise<void>;
    protected write(packets: Packet[]): Promise<void>;
    private _pauseIfIdle;
    /** One request. Undefined: it failed, which has been reported unless nobody listens any more. */
    private _request;
}
