// Every broken WebSocket frame ends its own connection, with the close code of RFC 6455 §7.4.1, and
// nothing else: a neighbour connected all the while exchanges messages before and after.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { frame, RawTcp } from "./support/frames.mjs";
import { standIn } from "./support/program.mjs";
import { Endpoint } from "./support/raw.mjs";

const TARGET = "/engine.io/?EIO=4&transport=websocket";
let server;
let endpoint;
let neighbour;
before(async () => {
  server = await standIn("engine-v4", "--ping-interval", "60000");
  endpoint = new Endpoint(server.url, "/engine.io/");
  neighbour = await endpoint.webSocket();
});
after(async () => {
  neighbour?.terminate();
  await server?.stop();
});

async function assertNeighbourGoesOn() {
  neighbour.send("4on");
  assert.equal(await neighbour.next(), "4on");
}

async function webSocket() {
  const raw = await RawTcp.connect(server.port);
  assert.match(await raw.upgrade(TARGET), /^HTTP\/1\.1 101 /);
  return raw;
}

describe("frames", () => {
  const text = 1;
  const continuation = 0;
  const close = 8;
  const ping = 9;
  for (const [name, code, ...frames] of [
    ["reserved bit 1", 1002, { reserved: 4, payload: "4x" }],
    ["reserved bit 2", 1002, { reserved: 2, payload: "4x" }],
    ["reserved bit 3", 1002, { reserved: 1, payload: "4x" }],
    ["a reserved opcode for data", 1002, { opcode: 3, payload: "4x" }],
    ["a reserved opcode for control", 1002, { opcode: 0xb }],
    ["no mask", 1002, { masked: false, payload: "4x" }],
    ["a continuation of nothing", 1002, { opcode: continuation, payload: "4x" }],
    ["a new message inside a message", 1002, { fin: false, payload: "4a" }, { opcode: text, payload: "4b" }],
    ["a ping in fragments", 1002, { fin: false, opcode: ping }],
    ["a ping of 126 bytes", 1002, { opcode: ping, payload: "p".repeat(126) }],
    ["a length with the highest bit", 1002, { header: [127, 0x80, 0, 0, 0, 0, 0, 0, 1] }],
    ["a close frame of one byte", 1002, { opcode: close, payload: "\x03" }],
    ["a close frame with code 1005", 1002, { opcode: close, payload: Buffer.from([0x03, 0xed]) }],
    ["a close frame with code 999", 1002, { opcode: close, payload: Buffer.from([0x03, 0xe7]) }],
    ["a close reason that is not UTF-8", 1007, { opcode: close, payload: Buffer.from([0x03, 0xe8, 0xff]) }],
    ["text that is not UTF-8", 1007, { payload: Buffer.from([0x34, 0xc3, 0x28]) }],
    ["text that ends inside a letter", 1007, { payload: Buffer.from([0x34, 0xe2, 0x82]) }],
    ["text with a surrogate", 1007, { payload: Buffer.from([0x34, 0xed, 0xa0, 0x80]) }],
    ["a message past the limit by its header alone", 1009, { header: [127, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x41] }],
    ["a message past the limit in fragments", 1009,
      { fin: false, payload: `4${"x".repeat(999_000)}` }, { opcode: continuation, payload: "x".repeat(1_001) }],
  ]) {
    test(`${name}: ${code}`, async () => {
      const raw = await webSocket();
      for (const each of frames) raw.write(frame(each));
      assert.equal(await raw.closeCode(), code);
      await assertNeighbourGoesOn();
    });
  }

  test("a close frame is answered with its code", async () => {
    const raw = await webSocket();
    raw.write(frame({ opcode: close, payload: Buffer.from([0x0f, 0xa0]) }));
    assert.equal(await raw.closeCode(), 4000);
    await assertNeighbourGoesOn();
  });

  test("a connection that is cut inside a frame", async () => {
    const raw = await webSocket();
    raw.write(frame({ payload: "4hello" }).subarray(0, 4));
    raw.destroy();
    await assertNeighbourGoesOn();
  });
});

describe("handshakes", () => {
  for (const [name, lines] of [
    ["a key of the wrong length", { "Sec-WebSocket-Key": "c2hvcnQ=" }],
    ["no key", { "Sec-WebSocket-Key": null }],
    ["version 7", { "Sec-WebSocket-Version": "7" }],
    ["another upgrade", { Upgrade: "h2c" }],
  ]) {
    test(`${name} is refused`, async () => {
      const raw = await RawTcp.connect(server.port);
      assert.match(await raw.upgrade(TARGET, lines), /^HTTP\/1\.1 4\d\d /);
      raw.destroy();
      await assertNeighbourGoesOn();
    });
  }

  test("something that is not HTTP ends its connection", async () => {
    const raw = await RawTcp.connect(server.port);
    raw.write("\x16\x03\x01\x02\x00 this is no request\r\n\r\n");
    await raw.ended;
    await assertNeighbourGoesOn();
  });

  test("headers without end are refused", async () => {
    const raw = await RawTcp.connect(server.port);
    raw.write(`GET ${TARGET} HTTP/1.1\r\nHost: localhost\r\n`);
    const line = `X-Filler: ${"x".repeat(8_000)}\r\n`;
    for (let lines = 0; lines < 200; lines += 1) raw.write(line);
    // The answer may be lost, since the server closes while this client still writes.
    const head = await Promise.race([raw.head().catch(() => "ended"), raw.ended.then(() => "ended")]);
    assert.match(head, /^HTTP\/1\.1 4\d\d |^ended$/);
    raw.destroy();
    await assertNeighbourGoesOn();
  });
});
