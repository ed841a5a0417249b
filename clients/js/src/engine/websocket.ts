import { openWebSocket, type PlatformSocket, prepareWebSocket, sendMessage } from "../platform.js";
import { nextTick } from "../timer.js";
import { encodeAsText, encodePacket, isBlob, type Packet, readBytes } from "./packet.js";
import { Transport } from "./transport.js";

/** Packets as WebSocket messages (Engine.IO v4 "WebSocket"). */
export class WebSocketTransport extends Transport {
  /** The platform's socket; absent before opening. */
  ws?: PlatformSocket;

  get name(): string {
    return "websocket";
  }

  uri(): string {
    return this.createUri("ws", this.opts.timestampRequests);
  }

  async open(): Promise<void> {
    if (FULL) {
      const loading = prepareWebSocket(this.opts);
      // Where nothing is loaded it begins at once.
      if (loading) await loading;
      if (this._isClosed()) return;
    }
    let ws: WebSocket;
    try {
      this.ws = ws = openWebSocket(this.uri(), this.opts);
    } catch (error) {
      // A bad address, or no WebSocket here.
      return this.onError("websocket error", error);
    }
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this.onOpen();
    ws.onmessage = (event) => this.onData(event.data);
    ws.onclose = (context) => this.onClose({ description: "websocket connection closed", context });
    // `ws` says in its error what the server answered; browsers keep it to themselves.
    ws.onerror = (event) =>
      this.onError("websocket error", event, FULL ? (event as ErrorEvent).error : undefined);
  }

  protected doClose(): void {
    this.ws?.close();
  }

  protected async write(packets: Packet[]): Promise<void> {
    for (const packet of packets) {
      let data = this.opts.forceBase64 ? await encodeAsText(packet) : encodePacket(packet);
      // What a platform does with one that it cannot read differs.
      if (FULL && isBlob(data)) data = await readBytes(data);
      if (FULL) sendMessage(this.ws!, data, packet.options, this.opts);
      else this.ws!.send(data as string);
    }
    // Later, so that what one turn sends is batched, and `volatile` sees a busy transport.
    nextTick(() => this._onDrain());
  }
}
