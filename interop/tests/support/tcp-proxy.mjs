// What the TCP proxies of the tests have in common: each is a subclass that says what happens to the bytes.
import net from "node:net";
import { once } from "node:events";

/** Forwards to a port of this machine, from a port that the system chooses. */
export class TcpProxy {
  #listener;
  /** Both ends of each connection that passes. */
  connections = new Set();

  /** `options` are for the constructor of the subclass. */
  static async start(port, ...options) {
    const proxy = new this(...options);
    proxy.#listener = net.createServer((client) => proxy.#forward(client, port));
    proxy.#listener.listen(0, "localhost");
    await once(proxy.#listener, "listening");
    return proxy;
  }

  get port() {
    return this.#listener.address().port;
  }

  get url() {
    return `http://localhost:${this.port}`;
  }

  /** Cuts every connection, as a network does that goes away. */
  cut() {
    for (const connection of this.connections) connection.destroy();
  }

  async stop() {
    this.#listener.close();
    this.cut();
    await once(this.#listener, "close");
  }

  #forward(client, port) {
    const server = net.connect({ port, host: "localhost" });
    for (const [connection, other] of [[client, server], [server, client]]) {
      this.connections.add(connection);
      connection.setNoDelay(true);
      connection.on("error", () => {});
      connection.on("close", () => {
        this.connections.delete(connection);
        this.close(other);
      });
    }
    this.carry(client, server);
  }

  /** Carries what either end says to the other: everything, at once. */
  carry(client, server) {
    client.pipe(server).pipe(client);
  }

  /** Closes one end, whose other end is gone. */
  close(connection) {
    connection.destroySoon();
  }
}
