// The upgrade as the network tab of Chromium shows it: polling first, then 101, then no more
// polling, while the chat goes on over the WebSocket.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { Chat, Person } from "./support/chat.mjs";
import { NetworkLog } from "./support/network.mjs";
import { until } from "./support/waiting.mjs";

let browser;
let chat;
before(async () => {
  [browser, chat] = await Promise.all([launch(), Chat.start()]);
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});

test("polling first, then 101, then polling stops", async (t) => {
  const page = await openPage(browser);
  t.after(() => page.context().close());
  const network = await NetworkLog.of(page);
  const mina = new Person(page);
  await mina.enter(`${chat.url}/room`, "Mina");

  const [webSocket] = await until("the WebSocket", () => network.webSockets.length > 0 && network.webSockets);
  await until("the answer 101", () => webSocket.status === 101);
  await until("the upgrade packet", () => network.frames.some(({ sent, data }) => sent && data === "5"));

  const transports = network.requests.filter(({ url }) => url.searchParams.has("EIO"));
  const [first] = transports;
  assert.equal(first.url.searchParams.get("transport"), "polling");
  assert.equal(first.url.searchParams.has("sid"), false, "the session begins with a poll");
  assert.equal(first.status, 200);
  assert.ok(transports.indexOf(webSocket) > 0, "the WebSocket comes second");
  assert.match(webSocket.url.searchParams.get("sid"), /^[\w-]{20}$/, "and belongs to that session");

  const probe = network.frames.slice(0, 3).map(({ sent, data }) => `${sent ? "sent" : "received"} ${data}`);
  assert.deepEqual(probe, ["sent 2probe", "received 3probe", "sent 5"]);

  await until("the last poll to end", () => network.polling.every(({ finished }) => finished));
  const polls = network.polling.length;
  assert.ok(network.polling.every(({ status }) => status === 200), "every poll succeeded");
  for (let round = 1; round <= 20; round += 1) {
    await mina.say(`message ${round}.`);
    await mina.sees(`message ${round}.`);
  }
  await until("the last message in a frame each way", () => {
    const carried = network.frames.filter(({ data }) => data.includes("message 20."));
    return carried.some(({ sent }) => sent) && carried.some(({ sent }) => !sent);
  });
  assert.equal(network.polling.length, polls, "no request of long polling after the upgrade");
});
