import { nextTick } from "../timer.js";
import { encodePacket, type Packet, readBytes } from "./packet.js";
import { Transport } from "./transport.js";

/** Length codes of a frame's header (Engine.IO v4 "WebTransport"): two, or eight bytes follow. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const BINARY = 0x80;

/** Most bytes of a received message unless the option `receivedBytesMax` says otherwise. */
export const RECEIVED_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Packets as frames on one bidirectional stream of an HTTP/3 session. Each has a header: a bit for
 * binary and the length, in one, three or nine bytes.
 */
export class WebTransportTransport extends Transport {
  private _session?: any;
  private _writer?: WritableStreamDefaultWriter<Uint8Array>;

  get name(): string {
    return "webtransport";
  }

  uri(): string {
    // HTTP/3 is always encrypted.
    this.opts.secure = true;
    return this.createUri("http", this.opts.timestampRequests);
  }

  async open(): Promise<void> {
    try {
      const options = this.opts.transportOptions?.webtransport;
      const session = (this._session = new (globalThis as any).WebTransport(this.uri(), options));
      const closed = { description: "webtransport connection closed" };
      session.closed.then(
        () => this._end(() => this.onClose(closed)),
        (error: unknown) => this._end(() => this.onError("webtransport error", error)),
      );
      await session.ready;
      const stream = await session.createBidirectionalStream();
      this._writer = stream.writable.getWriter();
      const { sid } = this.query;
      await this._writeFrame({ type: "open", data: sid ? JSON.stringify({ sid }) : undefined });
      if (this._isClosed()) return;
      this.onOpen();
      await this._read(stream.readable.getReader());
      this._end(() => this.onClose(closed));
    } catch (error) {
      this._end(() => this.onError("webtransport error", error));
    }
  }

  protected doClose(): void {
    try {
      this._session?.close();
    } catch {
      // It is not connected yet, or already closed.
    }
  }

  protected async write(packets: Packet[]): Promise<void> {
    for (const packet of packets) await this._writeFrame(packet);
    nextTick(() => {
      if (!this._isClosed()) this._onDrain();
    });
  }

  /** Reports the end once. */
  private _end(report: () => void): void {
    if (this._isClosed()) return;
    report();
    this.doClose();
  }

  private async _writeFrame(packet: Packet): Promise<void> {
    const data = encodePacket(packet);
    const isText = typeof data === "string";
    const payload = isText
      ? new TextEncoder().encode(data)
      : await readBytes(data);
    const header = frameHeader(payload.length, !isText);
    await this._writer!.write(header);
    await this._writer!.write(payload);
  }

  private async _read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const frames = new FrameReader(this.opts.receivedBytesMax ?? RECEIVED_BYTES_MAX);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const data of frames.read(value)) {
        if (this._isClosed()) return;
        this.onData(data);
      }
    }
  }
}

/** The header of a frame. */
export function frameHeader(length: number, isBinary: boolean): Uint8Array {
  const size = length < LENGTH_16 ? 1 : length < 2 ** 16 ? 3 : 9;
  const header = new Uint8Array(size);
  const view = new DataView(header.buffer);
  const code = size === 1 ? length : size === 3 ? LENGTH_16 : LENGTH_64;
  header[0] = code | (isBinary ? BINARY : 0);
  if (size === 3) view.setUint16(1, length);
  if (size === 9) view.setBigUint64(1, BigInt(length));
  return header;
}

/** Frames from a stream of bytes that is cut anywhere. Throws when one is longer than allowed. */
export class FrameReader {
  /** What has come and belongs to no complete frame; joined only when enough is there. */
  private _chunks: Uint8Array[] = [];
  private _length = 0;
  /** Bytes that must be there before anything can be read. */
  private _needed = 1;

  constructor(private _bytesMax: number) {}

  /** The frames that `chunk` completes: texts, or binary messages. */
  read(chunk: Uint8Array): (string | ArrayBuffer)[] {
    const messages: (string | ArrayBuffer)[] = [];
    this._chunks.push(chunk);
    this._length += chunk.length;
    if (this._length < this._needed) return messages;
    let rest = this._chunks.length === 1 ? chunk : joined(this._chunks, this._length);
    for (;;) {
      const frame = this._next(rest);
      if (!frame) break;
      messages.push(frame.message);
      rest = rest.subarray(frame.end);
    }
    this._chunks = rest.length ? [rest] : [];
    this._length = rest.length;
    return messages;
  }

  private _next(bytes: Uint8Array): { message: string | ArrayBuffer; end: number } | undefined {
    this._needed = 1;
    if (!bytes.length) return undefined;
    const code = bytes[0] & ~BINARY;
    const head = code < LENGTH_16 ? 1 : code === LENGTH_16 ? 3 : 9;
    this._needed = head;
    if (bytes.length < head) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length =
      head === 1 ? code : head === 3 ? view.getUint16(1) : Number(view.getBigUint64(1));
    if (length > this._bytesMax) throw new Error(`message of ${length} bytes`);
    const end = head + length;
    this._needed = end;
    if (bytes.length < end) return undefined;
    const payload = bytes.slice(head, end);
    const isBinary = bytes[0] & BINARY;
    return { message: isBinary ? payload.buffer : new TextDecoder().decode(payload), end };
  }
}

function joined(chunks: Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
