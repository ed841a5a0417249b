import { request, startTimer, stopTimer } from "../platform.js";
import { byteLength, encodeAsText, SEPARATOR, type Packet } from "./packet.js";
import { Transport } from "./transport.js";

/** Packets as bodies of HTTP requests: one GET waits, POSTs go out one at a time. */
export class Polling extends Transport {
  /** Whether a GET is waiting. */
  _polling = false;
  private _abort = new AbortController();
  private _onPause?: () => void;

  get name(): string {
    return "polling";
  }

  uri(): string {
    return this.createUri("http", this.opts.timestampRequests !== false);
  }

  // Engine.IO v4 "Upgrade": what is on its way must arrive before the other transport speaks.
  pause(onPause: () => void): void {
    this._onPause = onPause;
    this._pauseIfIdle();
  }

  _resume(): void {
    this._onPause = undefined;
    if (!this._polling) this.open();
  }

  /** One GET after the other, until the session ends or pauses. */
  async open(): Promise<void> {
    this._polling = true;
    const payload = await this._request("xhr poll error");
    if (payload === undefined) return;
    if (this._isClosed()) {
      // Closed during the handshake: the session that just began would otherwise linger on the
      // server until it misses a pong.
      this.query.sid = /"sid":"([^"]*)/.exec(payload)?.[1];
      return this.doClose();
    }
    for (const part of payload.split(SEPARATOR)) {
      if (part[0] === "0" && this.readyState === "opening") this.onOpen();
      if (part[0] === "1") {
        this._abort.abort();
        this.onClose({ description: "transport closed by the server" });
      }
      if (this._isClosed()) return;
      this.onData(part);
    }
    this._polling = false;
    if (this._onPause) this._pauseIfIdle();
    else if (this.readyState === "open") this.open();
  }

  protected async doClose(): Promise<void> {
    if (this.query.sid) {
      await this._request("", "1");
      this._abort.abort();
    }
  }

  protected async write(packets: Packet[]): Promise<void> {
    const parts = await Promise.all(packets.map(encodeAsText));
    const { _maxPayload: bytesMax = Infinity } = this.opts.socket;
    while (parts.length) {
      // A packet that is too large by itself goes alone, and the server will say so.
      let body = parts.shift()!;
      let bytes = byteLength(body);
      while (parts.length && (bytes += byteLength(parts[0]) + 1) <= bytesMax) {
        body += SEPARATOR + parts.shift();
      }
      if ((await this._request("xhr post error", body)) === undefined) return;
    }
    this._onDrain();
    this._pauseIfIdle();
  }

  private _pauseIfIdle(): void {
    if (!this._polling && this.writable) this._onPause?.();
  }

  /** One request. Undefined: it failed, which has been reported unless nobody listens any more. */
  private async _request(failure: string, body?: string): Promise<string | undefined> {
    const { opts, _abort } = this;
    const { requestTimeout } = opts;
    const timer = requestTimeout ? startTimer(opts, () => _abort.abort(), requestTimeout) : undefined;
    const response: { status: number; responseText?: string; cause?: unknown } = await request(
      this.uri(),
      body,
      opts,
      _abort.signal,
    ).catch((cause) => ({ status: 0, cause }));
    stopTimer(opts, timer);
    if (response.status === 200) return response.responseText;
    _abort.abort();
    this.onError(failure, response.cause || response.status, response);
  }
}
