// A TCP relay through which everything takes its time, each way, and stays in order.
import net from "node:net";
import { once } from "node:events";

/** Forwards to a port of this machine. */
export class DelayingProxy {
  #server;
  #connections = new Set();

  static async start(port, delayMs) {
    const proxy = new DelayingProxy();
    proxy.#server = net.createServer((client) => proxy.#forward(client, port, delayMs));
    proxy.#server.listen(0, "localhost");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url() {
    return `http://localhost:${this.#server.address().port}`;
  }

  async stop() {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
    await once(this.#server, "close");
  }

  #forward(client, port, delayMs) {
    const server = net.connect({ port, host: "localhost" });
    // Timers of one length end in the order in which they began.
    const carry = (from, to) => {
      from.on("data", (chunk) => setTimeout(() => to.destroyed || to.write(chunk), delayMs));
      from.on("end", () => setTimeout(() => to.end(), delayMs));
      from.on("error", () => {});
      from.on("close", () => {
        this.#connections.delete(from);
        setTimeout(() => to.destroySoon(), delayMs);
      });
    };
    for (const connection of [client, server]) {
      connection.setNoDelay(true);
      this.#connections.add(connection);
    }
    carry(client, server);
    carry(server, client);
  }
}
