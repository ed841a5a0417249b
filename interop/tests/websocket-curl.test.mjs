// Every handshake that is refused, as curl shows it: the status, what the answer says is wanted, and
// that the connection is left in order.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { standIn } from "./support/program.mjs";

const run = promisify(execFile);

let server;
before(async () => {
  server = await standIn("websocket");
});
after(() => server?.stop());

const HANDSHAKE = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** The arguments of curl for a handshake; `undefined` leaves a header out. */
function asking(headers, ...options) {
  const given = Object.entries({ ...HANDSHAKE, ...headers }).filter(([, value]) => value !== undefined);
  const lines = given.flatMap(([name, value]) => ["--header", `${name}: ${value}`]);
  const always = ["--silent", "--include", "--max-time", "60", "--http1.1"];
  return [...always, ...lines, ...options, `${server.url}/any/path`];
}

/** What curl prints with `--include`. */
async function curl(headers, ...options) {
  const { stdout } = await run("curl", asking(headers, ...options));
  const [head, ...body] = stdout.split("\r\n\r\n");
  const [line, ...rest] = head.split("\r\n");
  const answered = Object.fromEntries(rest.map((text) => {
    const [name, value] = text.split(/: (.*)/s, 2);
    return [name.toLowerCase(), value];
  }));
  return { line, headers: answered, body: body.join("\r\n\r\n") };
}

for (const [name, headers, line, extra = {}, ...options] of [
  ["no handshake at all", { Connection: undefined, Upgrade: undefined }, "HTTP/1.1 426 Upgrade Required",
    { "sec-websocket-version": "13", upgrade: "websocket" }],
  ["an upgrade to something else", { Upgrade: "h2c" }, "HTTP/1.1 426 Upgrade Required", { upgrade: "websocket" }],
  ["no word of an upgrade", { Connection: "keep-alive" }, "HTTP/1.1 426 Upgrade Required", { upgrade: "websocket" }],
  ["an old version", { "Sec-WebSocket-Version": "8" }, "HTTP/1.1 426 Upgrade Required",
    { "sec-websocket-version": "13" }],
  ["no version", { "Sec-WebSocket-Version": undefined }, "HTTP/1.1 426 Upgrade Required",
    { "sec-websocket-version": "13" }],
  ["no key", { "Sec-WebSocket-Key": undefined }, "HTTP/1.1 400 Bad Request"],
  ["a key that is no base64", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=" }, "HTTP/1.1 400 Bad Request"],
  ["a key of 15 bytes", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j" }, "HTTP/1.1 400 Bad Request"],
  ["another method", {}, "HTTP/1.1 405 Method Not Allowed", { allow: "GET" }, "--request", "POST"],
  ["HTTP/1.0", {}, /^HTTP\/1\.[01] 505 /, {}, "--http1.0"],
]) {
  test(`refused: ${name}`, async () => {
    const answer = await curl(headers, ...options);
    if (line instanceof RegExp) assert.match(answer.line, line);
    else assert.equal(answer.line, line);
    assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert.equal(answer.headers["content-length"], String(answer.body.length));
    assert.match(answer.body, /^[^\n]+\n$/, "one line that says what is wrong");
    for (const [key, value] of Object.entries(extra)) assert.equal(answer.headers[key], value);
  });
}

test("accepted: 101 with the key's answer, and no more", async () => {
  // It waits for what comes over the WebSocket, until its time is over, and only then prints.
  let text = "";
  for (let seconds = 1; text === "" && seconds < 60; seconds *= 3) {
    const waiting = run("curl", asking({}, "--max-time", String(seconds)));
    await assert.rejects(waiting, (error) => {
      text = error.stdout;
      return error.code === 28;
    });
  }
  assert.equal(text.split("\r\n")[0], "HTTP/1.1 101 Switching Protocols");
  assert.match(text, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$/im);
  assert.ok(text.endsWith("\r\n\r\n"), "no body");
});
