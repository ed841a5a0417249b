// A TCP proxy that writes down the HTTP requests that pass and how they were answered: what the
// network tab of a browser shows, for clients that have none.
import { TcpProxy } from "./tcp-proxy.mjs";

export class RecordingProxy extends TcpProxy {
  /** One entry per request, in the order of their arrival: method, query, status. */
  requests = [];

  /** The requests of one transport. */
  of(transport) {
    return this.requests.filter(({ query }) => query.get("transport") === transport);
  }

  /** Carries nothing more on the connections that are there, and does not say so. */
  silence() {
    for (const connection of this.connections) {
      connection.unpipe();
      connection.removeAllListeners("data");
      connection.removeAllListeners("close");
      connection.resume();
    }
  }

  carry(client, server) {
    const unanswered = [];
    const requests = new HeadReader((head) => {
      const [method, target] = head.split(" ");
      const request = { method, query: new URL(target, "http://x").searchParams, status: null };
      this.requests.push(request);
      unanswered.push(request);
    });
    const responses = new HeadReader((head) => {
      const request = unanswered.shift();
      request.status = Number(head.split(" ")[1]);
      if (request.status === 101) {
        requests.stop();
        responses.stop();
      }
    });
    client.on("data", (chunk) => requests.read(chunk));
    server.on("data", (chunk) => responses.read(chunk));
    super.carry(client, server);
  }
}

/** Finds the heads of the HTTP messages in one direction of a connection. */
class HeadReader {
  #found;
  #rest = Buffer.alloc(0);
  #bodyBytes = 0;
  #stopped = false;

  constructor(found) {
    this.#found = found;
  }

  /** What follows is no longer HTTP. */
  stop() {
    this.#stopped = true;
  }

  read(chunk) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (!this.#stopped) {
      const skipped = Math.min(this.#bodyBytes, this.#rest.length);
      this.#bodyBytes -= skipped;
      this.#rest = this.#rest.subarray(skipped);
      const end = this.#rest.indexOf("\r\n\r\n");
      if (this.#bodyBytes > 0 || end < 0) return;
      const head = this.#rest.subarray(0, end).toString("latin1");
      this.#rest = this.#rest.subarray(end + 4);
      this.#bodyBytes = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      this.#found(head);
    }
  }
}
