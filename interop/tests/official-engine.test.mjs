// The same requests to the official engine of the newest release and to ours: status, body, and what
// becomes of the session.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { standIn } from "./support/program.mjs";
import { PATIENCE, within } from "./support/waiting.mjs";

// The one that socket.io brings.
const { resolve } = createRequire(import.meta.url);
const { Server } = createRequire(resolve("socket.io"))("engine.io");

const BYTES_MAX = 20_000;

let ours;
let official;
before(async () => {
  ours = await standIn("engine-io-client", "--payload-bytes-max", String(BYTES_MAX));
  official = http.createServer();
  new Server({ maxHttpBufferSize: BYTES_MAX }).attach(official, { path: "/engine.io" });
  official.listen(0, "127.0.0.1");
  await once(official, "listening");
});
after(async () => {
  await ours?.stop();
  official?.closeAllConnections();
  official?.close();
});

/** Status and body of the answer to a request; each part of its body is a chunk of its own unless its
 * length is among the headers. */
function exchange(port, { method, query, headers = {}, body = [] }) {
  const answer = new Promise((resolve, reject) => {
    const sent = http.request({
      host: "127.0.0.1", port, method, headers, path: `/engine.io/?${query}`, agent: false,
    });
    // Whoever refuses a body may be gone before all of it is written, and the answer with them.
    sent.on("error", (error) => setTimeout(body.length > 0 ? resolve : reject, 1_000, error));
    sent.on("response", async (response) => {
      const parts = [];
      try {
        for await (const part of response.setEncoding("utf8")) parts.push(part);
      } catch (error) {
        if (error.code !== "ECONNRESET") return reject(error);
      }
      resolve({ status: response.statusCode, body: parts.join("") });
    });
    for (const part of body) sent.write(part);
    sent.end();
  });
  return within(PATIENCE, "an answer", answer);
}

const request = (method, query, headers = {}, body = []) => ({ method, query, headers, body });

/** What both do: the answer, and whether the session is still there. */
async function compare(make) {
  const seen = [];
  for (const port of [official.address().port, ours.port]) {
    const open = await fetch(`http://127.0.0.1:${port}/engine.io/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await open.text()).split("\u001e")[0].slice(1));
    const session = `EIO=4&transport=polling&sid=${sid}`;
    const answer = await exchange(port, make(session));
    const next = await within(PATIENCE, "the next POST",
      fetch(`http://127.0.0.1:${port}/engine.io/?${session}`, { method: "POST", body: "4x" }));
    seen.push({ answer, next: { status: next.status, body: await next.text() } });
  }
  assert.deepEqual(seen[1].next, seen[0].next);
  const answers = seen.map(({ answer }) => answer).filter(({ status }) => status);
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  return { status: answers[0]?.status, next: seen[0].next };
}

const chunked = { "Transfer-Encoding": "chunked" };
/** A message in so many chunks. */
const chunks = (count) => Array(count).fill("4");
const GONE = { status: 400, body: '{"code":1,"message":"Session ID unknown"}' };
const GOES_ON = { status: 200, body: "ok" };

test("bodies at the limit and above it", async () => {
  for (const [bytes, status, next] of [
    [BYTES_MAX, 200, GOES_ON],
    [BYTES_MAX + 1, 413, GONE],
  ]) {
    const body = ["4".padEnd(bytes, "x")];
    const seen = await compare((session) => request("POST", session, { "Content-Length": bytes }, body));
    assert.deepEqual(seen, { status: seen.status && status, next });
  }
});

test("bodies in 10,000 chunks and in one more", async () => {
  for (const [count, status, next] of [
    [10_000, 200, GOES_ON],
    [10_001, 413, GONE],
  ]) {
    const seen = await compare((session) => request("POST", session, chunked, chunks(count)));
    assert.deepEqual(seen, { status: seen.status && status, next });
  }
});

for (const [name, make] of [
  ["an unknown transport", () => request("GET", "EIO=4&transport=x")],
  ["an unknown session", () => request("GET", "EIO=4&transport=polling&sid=x")],
  ["a POST without a session", () => request("POST", "EIO=4&transport=polling", { "Content-Length": 0 })],
  ["another revision", () => request("GET", "EIO=5&transport=polling")],
  ["no revision", () => request("GET", "transport=polling")],
  ["a WebSocket without an upgrade", () => request("GET", "EIO=4&transport=websocket")],
  ["another revision than the session's", (session) => request("GET", session.replace("EIO=4", "EIO=3"))],
  ["a method that means nothing", (session) => request("PUT", session, { "Content-Length": 0 })],
  ["a body of bytes", (session) =>
    request("POST", session, { "Content-Type": "application/octet-stream", "Content-Length": 1 }, ["4"])],
  ["garbage", (session) => request("POST", session, { "Content-Length": 3 }, ["abc"])],
  ["a close packet", (session) => request("POST", session, { "Content-Length": 1 }, ["1"])],
  ["packets that mean nothing", (session) => request("POST", session, { "Content-Length": 1 }, ["6"])],
]) {
  test(`${name}: the same answer, the same end`, async () => {
    await compare(make);
  });
}
