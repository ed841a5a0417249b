// The page of docs/guide/feeds.md that listens with tickets, as it stands there, in Chromium: its connection
// is lost, its ticket is used, and it goes on where it was.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { launch, openPage } from "./support/browser.mjs";
import { RecordingProxy } from "./support/recording.mjs";
import { standIn } from "./support/program.mjs";
import { event, until } from "./support/waiting.mjs";

const TOKEN = "ticket to ride";
const FEED = "/socket.io/feeds/club";

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launch(), standIn("feeds")]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The script of the guide, for another feed. */
async function script() {
  const guide = await readFile(new URL("../../docs/guide/feeds.md", import.meta.url), "utf8");
  const blocks = guide.split("```js\n").slice(1).map((rest) => rest.split("```")[0]);
  const found = blocks.find((block) => block.includes("async function listen"));
  assert.ok(found.includes('"/socket.io/feeds/news"'), "the guide has it");
  return found.replace("/socket.io/feeds/news", FEED);
}

test("goes on where it was with another ticket, when the first is used", async (t) => {
  const proxy = await RecordingProxy.start(server.port);
  t.after(() => proxy.stop());
  const member = io(`${server.url}/club`, { transports: ["websocket"], forceNew: true, auth: { token: TOKEN } });
  t.after(() => member.disconnect());
  await event(member, "connect");
  const say = (text) => member.emitWithAck("publish", null, "headline", text);

  const page = await openPage(browser);
  t.after(() => page.context().close());
  await page.goto(`${proxy.url}/socket.io/feeds/~`);
  await page.addScriptTag({ content: await script() });
  await say("before");
  await page.evaluate((token) => {
    window.heard = [];
    return listen(token, ({ type, data }) => window.heard.push([type, JSON.parse(data)[0]]));
  }, TOKEN);
  const heard = (count) => until(`${count} events`, async () => {
    const events = await page.evaluate(() => window.heard);
    return events.length >= count && events;
  });

  await say("one");
  await heard(1);
  for (const text of ["two", "three"]) {
    proxy.cut();
    await say(text);
    await heard(text === "two" ? 2 : 3);
  }
  assert.deepEqual(await heard(3), [["headline", "one"], ["headline", "two"], ["headline", "three"]]);
  assert.deepEqual(page.problems, []);
});
