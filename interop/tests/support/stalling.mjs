// A TCP relay that can stop carrying what the server says, without a word to either side, and that can be cut.
import net from "node:net";
import { once } from "node:events";

/** Forwards to a port of this machine. */
export class StallingProxy {
  #server;
  #pairs = new Set();
  #isHeld = false;
  #isCut = false;
  /** Bytes that the server said and that were carried. */
  carried = 0;

  static async start(port) {
    const proxy = new StallingProxy();
    proxy.#server = net.createServer((client) => proxy.#forward(client, port));
    proxy.#server.listen(0, "localhost");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url() {
    return `http://localhost:${this.#server.address().port}`;
  }

  /** Nothing of what the server says is read from now on. */
  hold() {
    this.#isHeld = true;
    for (const { server } of this.#pairs) server.pause();
  }

  release() {
    this.#isHeld = false;
    for (const { server } of this.#pairs) server.resume();
  }

  /** All connections are lost, and new ones at once, until `mend`. */
  cut() {
    this.#isCut = true;
    for (const { client, server } of this.#pairs) [client, server].forEach((socket) => socket.destroy());
  }

  mend() {
    this.#isCut = false;
  }

  async stop() {
    this.#server.close();
    this.cut();
    await once(this.#server, "close");
  }

  #forward(client, port) {
    if (this.#isCut) return client.destroy();
    const server = net.connect({ port, host: "localhost" });
    const pair = { client, server };
    this.#pairs.add(pair);
    client.on("data", (chunk) => server.write(chunk));
    server.on("data", (chunk) => {
      this.carried += chunk.length;
      // What the client does not take is not taken from the server.
      if (!client.write(chunk)) {
        server.pause();
        client.once("drain", () => this.#isHeld || server.resume());
      }
    });
    if (this.#isHeld) server.pause();
    for (const [from, to] of [[client, server], [server, client]]) {
      from.setNoDelay(true);
      from.on("error", () => {});
      from.on("end", () => to.end());
      from.on("close", () => {
        this.#pairs.delete(pair);
        to.destroySoon();
      });
    }
  }
}
