// A TCP proxy that loses a connection at a step of the answer that a test names.
import { reset } from "./resetting.mjs";
import { TcpProxy } from "./tcp-proxy.mjs";

/**
 * Steps at which a connection is lost: each is given what the server has sent on it so far, as latin1, and
 * says how many bytes of it pass, or nothing while the step is not reached.
 */
export const STEPS = {
  "before the head": (sent) => (sent === "" ? undefined : 0),
  "in the middle of the head": (sent) => found(/^HTTP.*\r\n.*\r\n/.exec(sent)?.[0].length ?? -1, 0),
  "behind the head": (sent) => found(sent.indexOf("\r\n\r\n"), 4),
  "in the middle of an id": (sent) => found(afterHead(sent, 'id"?: ?"?0{10}'), 0),
  "in the middle of an event": (sent) => found(afterHead(sent, 'data"?: ?\\["'), 0),
  "before the end of an event": (sent) => found(afterHead(sent, 'data"?: ?\\["[^"]*"\\]'), 0),
  "behind an event": (sent) => found(afterHead(sent, '"\\](?:\\}\\n|\\n\\n)'), 0),
};

function found(index, more) {
  return index < 0 ? undefined : index + more;
}

/** Behind the first match in the body. */
function afterHead(sent, pattern) {
  const head = sent.indexOf("\r\n\r\n");
  if (head < 0) return -1;
  const match = new RegExp(pattern, "d").exec(sent.slice(head + 4));
  return match ? head + 4 + match.indices[0][1] : -1;
}

export class SteppingProxy extends TcpProxy {
  #step;
  /** Connections that were lost at a step. */
  lost = 0;

  /** How many clients are connected. */
  get open() {
    return this.connections.size / 2;
  }

  /** Loses the next connection that reaches this step, and no other. */
  loseAt(step) {
    this.#step = STEPS[step];
  }

  /** Whether no step is waited for. */
  get isCalm() {
    return this.#step === undefined;
  }

  /** Resets all that are there. */
  cut() {
    for (const connection of this.connections) reset(connection);
  }

  carry(client, server) {
    let sent = "";
    let passed = 0;
    client.pipe(server);
    server.on("data", (chunk) => {
      sent += chunk.toString("latin1");
      const limit = this.#step?.(sent);
      if (limit !== undefined) {
        this.#step = undefined;
        this.lost += 1;
        if (limit > passed) client.write(Buffer.from(sent.slice(passed, limit), "latin1"));
        [client, server].forEach((connection) => connection.destroySoon());
        server.removeAllListeners("data");
        return;
      }
      passed += chunk.length;
      client.write(chunk);
    });
  }
}
