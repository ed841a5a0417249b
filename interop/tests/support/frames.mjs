// WebSocket frames by hand, right and wrong ones, over a plain TCP connection.
import net from "node:net";
import { once } from "node:events";
import { PATIENCE, within } from "./waiting.mjs";

/** A frame as a client sends it; every field can be set wrong. */
export function frame({ fin = true, reserved = 0, opcode = 1, masked = true, payload = "", length, header }) {
  const data = Buffer.from(payload);
  const size = length ?? data.length;
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  let head;
  if (header) {
    head = Buffer.from([first, mask | header[0], ...header.slice(1)]);
  } else if (size < 126) {
    head = Buffer.from([first, mask | size]);
  } else if (size < 65_536) {
    head = Buffer.from([first, mask | 126, size >> 8, size & 0xff]);
  } else {
    head = Buffer.alloc(10);
    head.set([first, mask | 127]);
    head.writeBigUInt64BE(BigInt(size), 2);
  }
  if (!masked) return Buffer.concat([head, data]);
  const key = Buffer.from([0x11, 0x22, 0x33, 0x44]);
  return Buffer.concat([head, key, data.map((byte, index) => byte ^ key[index % 4])]);
}

/** A client whose bytes are the test's. */
export class RawTcp {
  #socket;
  #received = Buffer.alloc(0);

  static async connect(port) {
    const raw = new RawTcp();
    raw.#socket = net.connect({ port, host: "localhost" });
    raw.#socket.on("data", (chunk) => {
      raw.#received = Buffer.concat([raw.#received, chunk]);
    });
    raw.#socket.on("error", () => {});
    raw.ended = new Promise((resolve) => raw.#socket.once("close", resolve));
    await once(raw.#socket, "connect");
    return raw;
  }

  write(bytes) {
    this.#socket.write(bytes);
  }

  /** Sends a handshake with these lines in place of the ordinary ones, gives the response's head. */
  async upgrade(target, lines = {}) {
    const headers = {
      Host: "localhost",
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      ...lines,
    };
    const text = Object.entries(headers).filter(([, value]) => value !== null);
    this.write(`GET ${target} HTTP/1.1\r\n${text.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
    return this.head();
  }

  /** Waits for the head of an HTTP response; what follows it stays to be read. */
  head() {
    return this.#take("the head of a response", (received) => {
      const end = received.indexOf("\r\n\r\n");
      return end >= 0 && { value: received.subarray(0, end).toString("latin1"), size: end + 4 };
    });
  }

  /** What was received and not taken. */
  get rest() {
    return this.#received.toString("latin1");
  }

  /** Waits for one frame of the server, which has no mask. */
  frame() {
    return this.#take("a frame", (received) => {
      if (received.length < 2 || (received[1] === 126 && received.length < 4)) return false;
      const [length, at] = received[1] < 126 ? [received[1], 2] : [received.readUInt16BE(2), 4];
      const payload = Buffer.from(received.subarray(at, at + length));
      return payload.length === length && { value: { opcode: received[0] & 0x0f, payload }, size: at + length };
    });
  }

  /** Waits for the end of the connection and gives the code of the close frame before it, or null. */
  async closeCode() {
    await within(PATIENCE, "the end of the connection", this.ended);
    while (this.#received.length > 0) {
      const { opcode, payload } = await this.frame();
      if (opcode === 8) return payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    }
    return null;
  }

  /** Waits until `find` finds something at the beginning of what was received, and takes it. */
  #take(what, find) {
    const taking = (async () => {
      for (;;) {
        const found = find(this.#received);
        if (found) {
          this.#received = this.#received.subarray(found.size);
          return found.value;
        }
        const end = this.ended.then(() => {
          throw new Error(`the connection ended instead of ${what}`);
        });
        await Promise.race([new Promise((resolve) => this.#socket.once("data", resolve)), end]);
      }
    })();
    return within(PATIENCE, what, taking);
  }

  destroy() {
    this.#socket.destroy();
  }
}
