// Raw WebSocket with npm `ws` at the other end, both ways, with and without compression.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import path from "node:path";
import { fileURLToPath } from "node:url";
import WebSocket, { WebSocketServer } from "ws";
import { standIn } from "./support/program.mjs";
import { within } from "./support/waiting.mjs";

const workspace = fileURLToPath(new URL("../..", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? path.join(workspace, "target");
const program = path.join(process.env.SOCKEYE_BIN_DIR ?? path.join(target, "debug"), "stand-in");

const MESSAGES = [
  "",
  "hello",
  "가나다".repeat(50_000),
  Buffer.alloc(0),
  Buffer.alloc(126, 0xa5),
  Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 251)),
];

/** Sends every message twice and expects each back, in order. */
async function checkEcho(socket) {
  const answers = [];
  const complete = new Promise((resolve, reject) => {
    socket.on("message", (data, binary) => {
      answers.push(binary ? data : data.toString());
      if (answers.length === 2 * MESSAGES.length) resolve();
    });
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`closed with ${code}`)));
  });
  for (const message of [...MESSAGES, ...MESSAGES]) socket.send(message);
  await within(20_000, "the echoes", complete);
  for (const [index, message] of [...MESSAGES, ...MESSAGES].entries()) {
    if (typeof message === "string") assert.ok(answers[index] === message, `message ${index}`);
    else assert.ok(message.equals(answers[index]), `message ${index}`);
  }
  socket.removeAllListeners("close");
}

let server;
before(async () => {
  server = await standIn("websocket");
});
after(() => server?.stop());

for (const [name, perMessageDeflate] of [
  ["without compression", false],
  ["with compression", true],
  ["with compression that forgets", { serverNoContextTakeover: true, clientNoContextTakeover: true }],
  ["with small windows", { serverMaxWindowBits: 9, clientMaxWindowBits: 9, threshold: 0 }],
]) {
  test(`npm's client, our server, ${name}`, async () => {
    const socket = new WebSocket(server.url.replace("http", "ws"), { perMessageDeflate });
    await within(20_000, "the connection", once(socket, "open"));
    if (!perMessageDeflate) assert.equal(socket.extensions, "");
    await checkEcho(socket);
    socket.ping("alive");
    const [pong] = await within(20_000, "the pong", once(socket, "pong"));
    assert.equal(pong.toString(), "alive");
    socket.close(4321, "안녕");
    const [code, reason] = await within(20_000, "the close", once(socket, "close"));
    assert.equal(code, 4321);
    assert.equal(reason.toString(), "안녕");
  });

  test(`our client, npm's server, ${name}`, async () => {
    // The client runs the cases of a fuzzing server; this one has a single case: the echo.
    const peer = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate });
    await once(peer, "listening");
    const checked = new Promise((resolve, reject) => {
      peer.on("connection", (socket, request) => {
        if (!request.url.startsWith("/runCase")) {
          if (request.url.startsWith("/getCaseCount")) socket.send("1");
          socket.close(1000);
          return;
        }
        const check = async () => {
          await checkEcho(socket);
          socket.ping("alive");
          const [pong] = await within(20_000, "the pong", once(socket, "pong"));
          assert.equal(pong.toString(), "alive");
          socket.close(1001, "done");
          const [code] = await within(20_000, "the close", once(socket, "close"));
          assert.equal(code, 1001);
        };
        check().then(resolve, reject);
      });
    });
    const url = `ws://127.0.0.1:${peer.address().port}`;
    const client = spawn(program, ["websocket-client", "--url", url], { stdio: ["ignore", "pipe", "inherit"] });
    const exit = once(client, "exit");
    try {
      await within(30_000, "the case", checked);
      const [code] = await within(20_000, "the end of the client", exit);
      assert.equal(code, 0);
    } finally {
      client.kill("SIGKILL");
      peer.close();
    }
  });
}

test("npm's client is told why it was refused", async () => {
  const socket = new WebSocket(server.url.replace("http", "ws"), { protocolVersion: 8 });
  const [, response] = await within(20_000, "the refusal", once(socket, "unexpected-response"));
  assert.equal(response.statusCode, 426);
  assert.equal(response.headers["sec-websocket-version"], "13");
  response.destroy();
});
