// MessagePack in Chromium: the script that our server serves for it, and the official one, beside a
// page that speaks JSON.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { NetworkLog } from "./support/network.mjs";
import { standIn } from "./support/program.mjs";
import { until } from "./support/waiting.mjs";

const { resolve } = createRequire(import.meta.url);
const OFFICIAL = path.join(path.dirname(resolve("socket.io-client/package.json")), "dist/socket.io.msgpack.min.js");

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launch(), standIn("behaviour")]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page with this script and a socket in `/everything`, in the room `page`. */
async function open(t, script, file = null) {
  const page = await openPage(browser);
  t.after(() => page.context().close());
  page.network = await NetworkLog.of(page);
  // Any page of the server will do; a made-up one is none of the local network's to Chromium.
  await page.goto(`${server.url}/socket.io/socket.io.min.js`);
  await page.addScriptTag(file ? { path: file } : { url: `/socket.io/${script}` });
  await page.evaluate(async () => {
    const socket = window.io("/everything", { transports: ["websocket"] });
    window.socket = socket;
    window.told = new Promise((resolve) => socket.once("told", resolve));
    await new Promise((resolve) => socket.emit("join", "page", resolve));
  });
  return page;
}

for (const [name, file] of [["ours", null], ["the official one", OFFICIAL]]) {
  test(`${name} sends binary messages and understands those of the server`, async (t) => {
    const page = await open(t, "socket.io.msgpack.min.js", file);
    const json = await open(t, "socket.io.min.js");
    const answer = await page.evaluate(async () => {
      const sent = { 말: "안녕", bytes: new Uint8Array([1, 2, 255]).buffer, list: [1, -1, 2.5, null, true] };
      const answer = await new Promise((resolve) => window.socket.emit("ask", sent, resolve));
      return { ...answer, bytes: Array.from(new Uint8Array(answer.bytes)) };
    });
    assert.deepEqual(answer, { 말: "안녕", bytes: [1, 2, 255], list: [1, -1, 2.5, null, true] });
    await page.evaluate(() => window.socket.emit("tell", { to: ["page"], value: { from: "msgpack" } }));
    assert.deepEqual(await json.evaluate(() => window.told), { from: "msgpack" });
    await json.evaluate(() => window.socket.emit("tell", { to: ["page"], value: { from: "JSON" } }));
    assert.deepEqual(await page.evaluate(() => window.told), { from: "JSON" });
    const frames = await until("the frames", () => page.network.frames.length > 4 && page.network.frames);
    // The DevTools protocol shows binary frames in base64: none of ours begins with a digit of the engine's.
    assert.ok(frames.every(({ data }) => !/^4\d/.test(data)), "no packet is text");
    assert.deepEqual([...page.problems, ...json.problems], []);
  });
}
