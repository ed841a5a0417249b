// The official engine.io-client 6 in Chromium, from a page of the server's own origin, against
// `stand-in engine-v4`: an echo with a heartbeat of 300 ms.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { standIn } from "./support/program.mjs";

const bundle = fileURLToPath(new URL("../node_modules/engine.io-client/dist/engine.io.min.js", import.meta.url));

let browser;
let server;
let page;
before(async () => {
  // A browser on a busy machine may need longer for a pong than the 200 ms of the suite.
  [browser, server] = await Promise.all([launch(), standIn("engine-v4", "--ping-timeout", "20000")]);
  page = await openPage(browser);
  // Any answer of the server makes a document of its origin, a refusal too.
  await page.goto(`${server.url}/engine.io/`);
  await page.addScriptTag({ content: await readFile(bundle, "utf8") });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** What a socket in the page sends and gets back; `rounds` messages of each kind. */
function exchange(options, rounds) {
  return page.evaluate(
    ([options, rounds]) =>
      new Promise((resolve, reject) => {
        const socket = eio(location.origin, options);
        socket.binaryType = "arraybuffer";
        const sent = [];
        const received = [];
        const pings = [];
        const seen = { transports: [], sent, received, pings };
        const shown = (data) => (typeof data === "string" ? data : [...new Uint8Array(data)].join());
        const send = () => {
          const index = sent.length;
          const data = index % 4 === 3 ? new Uint8Array([index, 0, 255]) : `안녕 ${index}`;
          sent.push(shown(data));
          socket.send(data);
        };
        socket.on("open", () => {
          seen.transports.push(socket.transport.name);
          for (let index = 0; index < 10; index += 1) send();
        });
        socket.on("upgrade", (transport) => seen.transports.push(transport.name));
        socket.on("ping", () => pings.push(socket.transport.name));
        socket.on("message", (data) => {
          received.push(shown(data));
          if (sent.length < rounds) send();
          if (received.length === rounds) socket.close();
        });
        socket.on("close", (reason) => resolve({ ...seen, reason }));
        setTimeout(() => reject(new Error(`${received.length} of ${rounds} came back`)), 60_000);
      }),
    [options, rounds],
  );
}

for (const [name, options, transports] of [
  ["polling", { transports: ["polling"] }, ["polling"]],
  ["websocket", { transports: ["websocket"] }, ["websocket"]],
  ["both", { transports: ["polling", "websocket"] }, ["polling", "websocket"]],
  ["both with base64", { transports: ["polling", "websocket"], forceBase64: true }, ["polling", "websocket"]],
]) {
  test(`${name}: everything comes back in order, through the upgrade`, async () => {
    const seen = await exchange(options, 300);
    if (options.forceBase64) {
      // In a browser this client encodes base64 asynchronously, and its own texts overtake: each kind
      // keeps its order.
      const isText = (shown) => shown.startsWith("안녕");
      assert.deepEqual(seen.received.filter(isText), seen.sent.filter(isText));
      assert.deepEqual(seen.received.filter((shown) => !isText(shown)), seen.sent.filter((shown) => !isText(shown)));
    } else {
      assert.deepEqual(seen.received, seen.sent);
    }
    assert.deepEqual(seen.transports, transports);
    assert.equal(seen.reason, "forced close");
    assert.deepEqual(page.problems, []);
  });
}
