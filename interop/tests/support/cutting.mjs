// A TCP proxy that loses its connections at random bytes, in either direction: with both sides told, or
// silently for a while.
import net from "node:net";
import { once } from "node:events";

/** Forwards to a port of this machine. */
export class CuttingProxy {
  #server;
  #connections = new Set();
  /** Connections that were lost. */
  cuts = 0;
  /** Nothing is lost any more, if that is set. */
  isCalm = false;

  static async start(port) {
    const proxy = new CuttingProxy();
    proxy.#server = net.createServer((client) => proxy.#forward(client, port));
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

  #forward(client, port) {
    const server = net.connect({ port, host: "localhost" });
    const both = [client, server];
    let isLost = false;
    const lose = (isSilent) => {
      if (isLost || this.isCalm) return;
      isLost = true;
      this.cuts += 1;
      const end = () => both.forEach((connection) => connection.destroySoon());
      if (isSilent) setTimeout(end, Math.random() * 300);
      else end();
    };
    const carry = (from, to) => {
      let left = bytesUntilCut();
      from.on("data", (chunk) => {
        if (isLost) return;
        if (chunk.length < left || this.isCalm) {
          left -= chunk.length;
          to.write(chunk);
        } else {
          to.write(chunk.subarray(0, left));
          lose(Math.random() < 0.2);
        }
      });
      from.on("end", () => to.end());
    };
    carry(client, server);
    carry(server, client);
    const timer = setTimeout(() => lose(Math.random() < 0.2), 50 + Math.random() * 1_000);
    for (const connection of both) {
      this.#connections.add(connection);
      connection.setNoDelay(true);
      connection.on("error", () => {});
      connection.on("close", () => {
        clearTimeout(timer);
        this.#connections.delete(connection);
        both.forEach((other) => other.destroySoon());
      });
    }
  }
}

/** Often amid the handshake or the reply, often amid what is sent again, often not at all. */
function bytesUntilCut() {
  const kind = Math.random();
  if (kind < 0.4) return Infinity;
  const limit = kind < 0.6 ? 800 : kind < 0.8 ? 6_000 : 60_000;
  return Math.floor(Math.random() * limit);
}
