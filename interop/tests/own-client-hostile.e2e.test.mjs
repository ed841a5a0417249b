// A hostile server against our JavaScript client in Chromium: the connection at fault ends with a
// reason or goes on, the page lives, and its memory stays bounded.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { clientPage } from "./support/client-page.mjs";
import { HostileServer, MISDEEDS } from "./support/hostile.mjs";
import { standIn } from "./support/program.mjs";
import { within } from "./support/waiting.mjs";

const HEAP_BYTES_MAX = 64 * 1024 * 1024;

let browser;
let hostile;
let server;
before(async () => {
  [browser, hostile, server] = await Promise.all([launch(), HostileServer.start(), standIn("behaviour")]);
});
after(async () => {
  await browser?.close();
  await Promise.all([hostile?.stop(), server?.stop()]);
});

/** In the page: what becomes of a connection to the hostile server. */
function meet({ url, name, transport, stays }) {
  return new Promise((resolve) => {
    const socket = io(url, {
      forceNew: true,
      transports: [transport],
      reconnection: false,
      query: { case: name },
      receivedBytesMax: 2_000_000,
    });
    const end = (outcome) => {
      clearTimeout(timer);
      socket.io.off();
      resolve(outcome);
      socket.disconnect();
    };
    // What is survived stays open, with its socket connected.
    const isOpen = () => (socket.connected && socket.io.engine.readyState === "open" ? end("open") : wait());
    let timer;
    const wait = () => (timer = setTimeout(isOpen, 100));
    if (stays) wait();
    socket.io.on("error", (error) => end(`error: ${error.message}`));
    socket.io.on("close", (reason) => end(reason));
  });
}

test("whatever a hostile server sends", async (t) => {
  const page = await clientPage(browser, server.url);
  t.after(() => page.context().close());
  const devtools = await page.context().newCDPSession(page);
  const meetOne = async ({ name, transport }) => {
    const stays = name.startsWith("+");
    const meeting = page.evaluate(meet, { url: hostile.url, name, transport, stays });
    const outcome = await within(60_000, `what becomes of ${name} (${transport})`, meeting);
    const label = `${name} (${transport}): ${outcome}`;
    if (stays) assert.equal(outcome, "open", label);
    else assert.match(outcome, /^(parse error|ping timeout|transport (close|error)|error: .+)$/, label);
  };
  // A few at a time.
  const rest = [...MISDEEDS];
  while (rest.length > 0) await Promise.all(rest.splice(0, 4).map(meetOne));
  assert.ok(hostile.sent < 100_000_000, `${hostile.sent} bytes before the endless answer was given up`);
  assert.deepEqual(page.problems, [], "no error that the page did not expect");
  assert.equal(await page.evaluate(() => ({}).polluted), undefined);
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  assert.ok(usedSize < HEAP_BYTES_MAX, `${usedSize} bytes in use`);
  const answer = await page.evaluate(async () => {
    const socket = io({ forceNew: true });
    const echoed = await socket.emitWithAck("echo", "still here");
    socket.disconnect();
    return echoed;
  });
  assert.equal(answer, "still here");
});
