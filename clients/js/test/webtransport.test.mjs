// WebTransport, with streams in memory for the network and npm's engine.io as server.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { afterEach, describe, it } from "node:test";

import { FrameReader, frameHeader } from "../build/engine/webtransport.js";
import { Socket } from "../build/engine.js";

const require = createRequire(createRequire(import.meta.url).resolve("socket.io"));
const { Server } = require("engine.io");

// Node 20 has none.
globalThis.WebSocket ??= (await import("ws")).WebSocket;
afterEach(() => delete globalThis.WebTransport);

/** The platform's WebTransport, whose sessions go to `server`; with `refuses` none is opened. */
function install(server, { refuses } = {}) {
  const made = [];
  globalThis.WebTransport = class {
    constructor(url, options) {
      Object.assign(this, { url, options });
      made.push(this);
      this.closed = new Promise((resolve) => (this.finish = resolve));
      this.ready = refuses ? Promise.reject(new Error("refused")) : Promise.resolve();
    }

    async createBidirectionalStream() {
      const up = new TransformStream();
      const down = new TransformStream();
      const streams = new TransformStream();
      const writer = streams.writable.getWriter();
      writer.write({ readable: up.readable, writable: down.writable });
      server.onWebTransportSession({
        incomingBidirectionalStreams: streams.readable,
        closed: this.closed,
        close: () => this.close(),
      });
      return { readable: down.readable, writable: up.writable };
    }

    close() {
      this.finish();
    }
  };
  return made;
}

const event = (emitter, name) =>
  new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));

describe("WebTransport", { timeout: 180_000 }, () => {
  for (const [length, header] of [
    [0, [0]],
    [125, [125]],
    [126, [126, 0, 126]],
    [65_535, [126, 255, 255]],
    [65_536, [127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ]) {
    it(`frames ${length} bytes, cut anywhere`, () => {
      assert.deepEqual([...frameHeader(length, false)], header);
      assert.equal(frameHeader(length, true)[0], header[0] | 0x80);
      const payload = new Uint8Array(length).fill(97);
      const bytes = Uint8Array.from([...header, ...payload, 0x81, 7]);
      for (const cut of [1, 2, 5, 10, 130, bytes.length]) {
        const reader = new FrameReader(1e6);
        const messages = [];
        for (let at = 0; at < bytes.length; at += cut * (length > 1000 ? 997 : 1)) {
          const chunk = bytes.slice(at, at + cut * (length > 1000 ? 997 : 1));
          messages.push(...reader.read(chunk));
        }
        assert.equal(messages.length, 2);
        assert.equal(messages[0], "a".repeat(length));
        assert.deepEqual([...new Uint8Array(messages[1])], [7]);
      }
    });
  }

  it("takes no message that is longer than allowed, and says so before it comes", () => {
    assert.deepEqual(new FrameReader(3).read(Uint8Array.of(3, 97, 97, 97)), ["aaa"]);
    assert.throws(() => new FrameReader(3).read(Uint8Array.of(4)), /message of 4 bytes/);
    const huge = Uint8Array.of(127, 255, 255, 255, 255, 255, 255, 255, 255);
    assert.throws(() => new FrameReader(3).read(huge), /message of/);
  });

  it("carries text and binary both ways", async (t) => {
    const server = new Server({ transports: ["webtransport"] });
    t.after(() => server.close());
    const [opened] = [event(server, "connection")];
    const made = install(server);
    const options = { webtransport: { serverCertificateHashes: [] } };
    const client = new Socket("https://127.0.0.1", {
      transports: ["webtransport"],
      transportOptions: options,
    });
    client.binaryType = "arraybuffer";
    const [peer] = await opened;
    await event(client, "open");
    assert.equal(made[0].url, "https://127.0.0.1/engine.io/?EIO=4&transport=webtransport");
    assert.equal(made[0].options, options.webtransport);

    client.send("hello");
    assert.deepEqual(await event(peer, "message"), ["hello"]);
    client.send(Uint8Array.of(1, 2, 3));
    assert.deepEqual([...(await event(peer, "message"))[0]], [1, 2, 3]);
    peer.send("你好".repeat(50_000));
    assert.equal((await event(client, "message"))[0].length, 100_000);
    peer.send(Uint8Array.of(4, 5));
    assert.deepEqual([...new Uint8Array((await event(client, "message"))[0])], [4, 5]);

    const ended = event(client, "close");
    peer.close();
    assert.equal((await ended)[0], "transport close");
  });

  it("says what went wrong when it is refused, or missing", async () => {
    install(undefined, { refuses: true });
    const refused = new Socket("http://127.0.0.1", { transports: ["webtransport"] });
    const [error] = await event(refused, "error");
    assert.equal(error.message, "webtransport error");
    assert.equal(error.description.message, "refused");

    delete globalThis.WebTransport;
    const missing = new Socket("http://127.0.0.1", { transports: ["webtransport"] });
    assert.equal((await event(missing, "error"))[0].type, "TransportError");
  });

  for (const [upgradesTo, refuses] of [
    ["webtransport", false],
    ["websocket", true],
  ]) {
    it(`upgrades to ${upgradesTo} when WebTransport ${refuses ? "fails" : "works"}`, async (t) => {
      const http = require("node:http").createServer();
      const server = new Server({ transports: ["polling", "websocket", "webtransport"] });
      server.attach(http);
      await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
      t.after(() => {
        server.close();
        http.close();
        http.closeAllConnections();
      });
      install(server, { refuses });
      const client = new Socket(`http://127.0.0.1:${http.address().port}`);
      const peerOf = event(server, "connection");
      const [transport] = await event(client, "upgrade");
      assert.equal(transport.name, upgradesTo);
      const [peer] = await peerOf;
      const answer = event(peer, "message");
      client.send("after");
      assert.deepEqual(await answer, ["after"]);
      const closed = event(client, "close");
      client.close();
      await closed;
    });
  }
});
