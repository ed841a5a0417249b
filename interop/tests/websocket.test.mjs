// Raw WebSocket: `stand-in websocket` echoes, and the `ws` client of npm looks at what comes back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { frame, RawTcp } from "./support/frames.mjs";
import { Program, standIn } from "./support/program.mjs";
import { RawWebSocket } from "./support/raw.mjs";
import { within } from "./support/waiting.mjs";

let server;
let address;
before(async () => {
  server = await standIn("websocket");
  address = server.url.replace("http", "ws");
});
after(() => server?.stop());

for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000, 16 * 1024 * 1024]) {
  test(`echoes ${size} bytes, text and binary`, async () => {
    const socket = await RawWebSocket.open(address, { perMessageDeflate: false });
    const text = "가".repeat(size / 3) + "x".repeat(size % 3);
    socket.send(text);
    assert.ok((await socket.next()) === text);
    const bytes = Buffer.alloc(size, 0xa5);
    socket.send(bytes);
    assert.ok(bytes.equals(await socket.next()));
    socket.close();
    await socket.end();
  });
}

test("puts fragments together, with a ping between them", async () => {
  const raw = await RawTcp.connect(server.port);
  assert.match(await raw.upgrade("/"), /^HTTP\/1\.1 101 /);
  raw.write(frame({ fin: false, payload: Buffer.from("반갑").subarray(0, 4) }));
  raw.write(frame({ opcode: 9, payload: "between" }));
  raw.write(frame({ opcode: 0, payload: Buffer.from("반갑").subarray(4) }));
  assert.deepEqual(await raw.frame(), { opcode: 10, payload: Buffer.from("between") });
  assert.deepEqual(await raw.frame(), { opcode: 1, payload: Buffer.from("반갑") });
  raw.destroy();
});

test("takes a frame byte by byte", async () => {
  const raw = await RawTcp.connect(server.port);
  assert.match(await raw.upgrade("/"), /^HTTP\/1\.1 101 /);
  for (const byte of frame({ payload: "slowly" })) raw.write(Buffer.from([byte]));
  assert.deepEqual(await raw.frame(), { opcode: 1, payload: Buffer.from("slowly") });
  raw.destroy();
});

test("answers a ping with its payload", async () => {
  const socket = new WebSocket(address);
  await once(socket, "open");
  socket.ping("are you there");
  const [payload] = await within(20_000, "the pong", once(socket, "pong"));
  assert.equal(payload.toString(), "are you there");
  socket.terminate();
});

test("answers a close with its code", async () => {
  const socket = new WebSocket(address);
  await once(socket, "open");
  socket.close(4321, "enough");
  const [code] = await within(20_000, "the close", once(socket, "close"));
  assert.equal(code, 4321);
});

test("says goodbye with 1001 when the server is told to end", async () => {
  const other = await standIn("websocket");
  const socket = await RawWebSocket.open(other.url.replace("http", "ws"));
  socket.send("x");
  assert.equal(await socket.next(), "x");
  const stopped = other.stop();
  assert.equal((await socket.end()).code, 1001);
  assert.equal(await stopped, 0);
});

test("listens on both loopback families and says where", async () => {
  const families = ["127.0.0.1", "[::1]"];
  for (const host of families) {
    const response = await fetch(`http://${host}:${server.port}/`);
    assert.equal(response.status, 426, "a plain request is told what is missing");
    await response.text();
  }
  assert.match(server.log, /^listening on http:\/\/\S+:\d+\n$/);
});

test("does not start on a port that is taken", async () => {
  await assert.rejects(Program.start("stand-in", ["websocket", "--port", String(server.port)]), /ended with 1/);
});
