import { type Packet } from "./packet.cjs";
import { Transport } from "./transport.cjs";
/** Most bytes of a received message unless the option `receivedBytesMax` says otherwise. */
export declare const RECEIVED_BYTES_MAX: number;
/**
 * Packets as frames on one bidirectional stream of an HTTP/3 session. Each has a header: a bit for
 * binary and the length, in one, three or nine bytes.
 */
export declare class WebTransportTransport extends Transport {
    private _session?;
    private _writer?;
    get name(): string;
    uri(): string;
    open(): Promise<void>;
    protected doClose(): void;
    protected write(packets: Packet[]): Promise<void>;
    /** Reports the end once. */
    private _end;
    private _writeFrame;
    private _read;
}
/** The header of a frame. */
export declare function frameHeader(length: number, isBinary: boolean): Uint8Array;
/** Frames from a stream of bytes that is cut anywhere. Throws when one is longer than allowed. */
export declare class FrameReader {
    private _bytesMax;
    /** What has come and belongs to no complete frame; joined only when enough is there. */
    private _chunks;
    private _length;
    /** Bytes that must be there before anything can be read. */
    private _needed;
    constructor(_bytesMax: number);
    /** The frames that `chunk` completes: texts, or binary messages. */
    read(chunk: Uint8Array): (string | ArrayBuffer)[];
    private _next;
}
