// A TCP proxy through which everything takes its time, each way, and stays in order.
import { TcpProxy } from "./tcp-proxy.mjs";

export class DelayingProxy extends TcpProxy {
  #delayMs;

  constructor(delayMs) {
    super();
    this.#delayMs = delayMs;
  }

  carry(client, server) {
    for (const [from, to] of [[client, server], [server, client]]) {
      from.on("data", (chunk) => this.#later(() => to.destroyed || to.write(chunk)));
      from.on("end", () => this.#later(() => to.end()));
    }
  }

  close(connection) {
    this.#later(() => connection.destroySoon());
  }

  /** Timers of one length end in the order in which they began. */
  #later(act) {
    setTimeout(act, this.#delayMs);
  }
}
