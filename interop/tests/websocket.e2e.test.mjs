// Raw WebSocket in Chromium, with the browser's own `WebSocket` of a page that connects to where it
// came from: plain, encrypted over HTTP/1.1, and as a stream of HTTP/2 (RFC 8441).
import assert from "node:assert/strict";
import { test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { standIn } from "./support/program.mjs";
import { until } from "./support/waiting.mjs";

/** Runs in the page: sends one message of each kind and size, closes, and tells what came. */
async function exchange() {
  const address = `${location.protocol.replace("http", "ws")}//${location.host}/echo`;
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  const next = (name) =>
    new Promise((resolve, reject) => {
      socket.addEventListener(name, resolve, { once: true });
      socket.addEventListener("error", () => reject(new Error("the WebSocket failed")), { once: true });
    });
  await next("open");
  const texts = ["", "hello", "가나다".repeat(50_000)];
  const unharmed = [];
  for (const text of texts) {
    socket.send(text);
    unharmed.push((await next("message")).data === text);
  }
  for (const size of [0, 126, 70_000]) {
    const bytes = new Uint8Array(size).map((_, index) => index * 31);
    socket.send(bytes);
    const back = new Uint8Array((await next("message")).data);
    unharmed.push(back.length === size && back.every((byte, index) => byte === bytes[index]));
  }
  const { extensions } = socket;
  socket.close(4321, "안녕");
  const { code, reason, wasClean } = await next("close");
  return { unharmed, extensions, code, reason, wasClean };
}

for (const [name, tls, flags, status] of [
  ["plain", false, [], 101],
  ["encrypted", true, ["--disable-http2"], 101],
  // An extended CONNECT is answered with 200, and without a key.
  ["over HTTP/2", true, [], 200],
]) {
  test(`Chromium, ${name}`, async (t) => {
    const server = await standIn("websocket", ...(tls ? ["--tls-self-signed"] : []));
    t.after(() => server.stop());
    const browser = await launch(flags);
    t.after(() => browser.close());
    const page = await openPage(browser, { ignoreHTTPSErrors: true });
    // What is no handshake is refused; the page of that answer has the right origin all the same.
    const refusal = await page.goto(`${tls ? "https" : "http"}://localhost:${server.port}/`);
    assert.equal(refusal.status(), 426);
    const network = await page.context().newCDPSession(page);
    const handshakes = [];
    network.on("Network.webSocketHandshakeResponseReceived", ({ response }) => handshakes.push(response));
    await network.send("Network.enable");

    const { unharmed, extensions, ...closed } = await page.evaluate(exchange);

    assert.deepEqual(unharmed, Array(6).fill(true));
    assert.match(extensions, /^permessage-deflate/);
    assert.deepEqual(closed, { code: 4321, reason: "안녕", wasClean: true });
    await until("the handshake", () => handshakes.length === 1);
    const [response] = handshakes;
    const names = Object.keys(response.headers).map((header) => header.toLowerCase());
    assert.equal(response.status, status);
    assert.equal(names.includes("sec-websocket-accept"), status === 101, names.join());
  });
}
