// A TCP proxy that can stop carrying what the server says, without a word to either side, and that can be cut.
import { TcpProxy } from "./tcp-proxy.mjs";

export class StallingProxy extends TcpProxy {
  #servers = new Set();
  #isHeld = false;
  #isCut = false;
  /** Bytes that the server said and that were carried. */
  carried = 0;

  /** Nothing of what the server says is read from now on. */
  hold() {
    this.#isHeld = true;
    for (const server of this.#servers) server.pause();
  }

  release() {
    this.#isHeld = false;
    for (const server of this.#servers) server.resume();
  }

  /** All connections are lost, and new ones at once, until `mend`. */
  cut() {
    this.#isCut = true;
    super.cut();
  }

  mend() {
    this.#isCut = false;
  }

  carry(client, server) {
    if (this.#isCut) return void client.destroy();
    this.#servers.add(server);
    server.on("close", () => this.#servers.delete(server));
    client.pipe(server);
    server.on("data", (chunk) => {
      this.carried += chunk.length;
      // What the client does not take is not taken from the server.
      if (!client.write(chunk)) {
        server.pause();
        client.once("drain", () => this.#isHeld || server.resume());
      }
    });
    server.on("end", () => client.end());
    if (this.#isHeld) server.pause();
  }
}
