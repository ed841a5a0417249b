// Chromium's own `EventSource` on our feeds and streams: what it receives, how it comes back after its
// connection was lost at every step, and what it is told where it cannot go on.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { ask, feedPath, FOREIGN, Publisher, withQuery } from "./support/feeds.mjs";
import { freePort } from "./support/ports.mjs";
import { Program, standIn } from "./support/program.mjs";
import { SteppingProxy, STEPS } from "./support/steps.mjs";
import { until } from "./support/waiting.mjs";

/** Events that a feed of this server keeps. */
const KEPT = 20;

let port;
let server;
let browser;
const start = () => Program.start("stand-in", [
  "feeds", "--port", port, "--history-events", String(KEPT), "--retry", "50",
]);
before(async () => {
  port = String(await freePort());
  [server, browser] = await Promise.all([start(), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page of the proxy's origin. What it shows is an answer of the server; it is there for its scripts. */
async function pageOf(t, url) {
  const page = await openPage(browser);
  t.after(() => page.context().close());
  await page.goto(url + feedPath("/"));
  return page;
}

/** Has the page listen: `seen` are its events, `states` what became of its connection. */
async function listen(page, url) {
  await page.evaluate((url) => {
    const source = new EventSource(url);
    window.source = source;
    window.seen = [];
    window.states = [];
    const note = ({ type, data, lastEventId }) => window.seen.push({ type, data: JSON.parse(data), lastEventId });
    for (const type of ["tick", "gap", "message"]) source.addEventListener(type, note);
    source.onopen = () => window.states.push("open");
    source.onerror = () => window.states.push(source.readyState === EventSource.CLOSED ? "closed" : "connecting");
  }, url);
}

const seen = (page) => page.evaluate(() => window.seen);
const states = (page) => page.evaluate(() => window.states);
const opened = (page) => until("the page to be connected", async () => (await states(page)).includes("open"));

/** Waits until the page has seen so many events; gives all that it has seen. */
function sees(page, count) {
  return until(`${count} events in the page`, async () => {
    const events = await seen(page);
    return events.length >= count && events;
  });
}

async function publisherOf(t, namespace = "/news") {
  const publisher = await Publisher.connect(server.url, namespace);
  t.after(() => publisher.close());
  return publisher;
}

test("receives events with their names, cursors and arguments, and nothing else", async (t) => {
  const page = await pageOf(t, server.url);
  const publisher = await publisherOf(t);
  await listen(page, feedPath("/news", "plain"));
  await opened(page);
  await publisher.publish("plain", "tick", "öä\n\u2028\"", { deep: [1, null] });
  await publisher.publish("plain", "other", 1);
  await publisher.volatile("plain", "tick", "now");
  await publisher.publish("plain", "tick", Buffer.from([1, 2, 3]));
  const events = await sees(page, 3);
  assert.deepEqual(events.map(({ type, data }) => [type, data]), [
    ["tick", ["öä\n\u2028\"", { deep: [1, null] }]],
    ["tick", ["now"]],
    ["tick", [{ base64: "AQID" }]],
  ]);
  const cursors = events.map(({ lastEventId }) => lastEventId);
  assert.ok(cursors[0] < cursors[1] && cursors[1] < cursors[2], "the volatile one has the cursor of the one before");
  assert.deepEqual(await states(page), ["open"]);
});

describe("a connection that is lost", () => {
  for (const step of Object.keys(STEPS)) {
    test(`${step}: every event once and in order`, async (t) => {
      const proxy = await SteppingProxy.start(server.port);
      t.after(() => proxy.stop());
      const page = await pageOf(t, proxy.url);
      const publisher = await publisherOf(t);
      const room = `lost ${step}`;
      await listen(page, feedPath("/news", room));
      await opened(page);
      let count = 0;
      const publish = () => publisher.publish(room, "tick", `event ${count++}`);
      for (let round = 0; round < 3; round += 1) {
        await publish();
        await sees(page, count);
        proxy.loseAt(step);
        proxy.cut();
        // While it is away, and while it comes back.
        await publish();
        await publish();
        await until("the connection to be lost", () => proxy.isCalm);
        await publish();
        await sees(page, count);
      }
      assert.equal(proxy.lost, 3);
      const events = await seen(page);
      assert.deepEqual(events.map(({ type, data }) => [type, ...data]),
        Array.from({ length: count }, (_, index) => ["tick", `event ${index}`]));
      assert.ok(!(await states(page)).includes("closed"), "it never gave up");
    });
  }
});

describe("what it cannot have", () => {
  test("after a restart of the server it is told so, and goes on", async (t) => {
    const page = await pageOf(t, server.url);
    await listen(page, feedPath("/news", "restart"));
    await opened(page);
    const before = await Publisher.connect(server.url, "/news");
    await before.publish("restart", "tick", "before");
    await sees(page, 1);
    before.close();
    await server.stop();
    server = await start();
    const events = await sees(page, 2);
    const { type, data, lastEventId } = events[1];
    assert.equal(type, "gap");
    assert.equal(data.reason, "foreign");
    assert.equal(lastEventId, data.oldest);
    const publisher = await publisherOf(t);
    await publisher.publish("restart", "tick", "after");
    assert.deepEqual((await sees(page, 3))[2].data, ["after"]);
    assert.ok(!(await states(page)).includes("closed"), "it never gave up");
  });

  test("a connection that is away for too long: the gap, then what is kept", async (t) => {
    const proxy = await SteppingProxy.start(server.port);
    t.after(() => proxy.stop());
    const page = await pageOf(t, proxy.url);
    const publisher = await publisherOf(t);
    await listen(page, feedPath("/news", "away"));
    await opened(page);
    await publisher.publish("away", "tick", "first");
    await sees(page, 1);
    // Offline, so that it cannot come back too soon.
    await page.context().setOffline(true);
    proxy.cut();
    for (let n = 0; n < KEPT + 3; n += 1) await publisher.publish("away", "tick", n);
    await page.context().setOffline(false);
    const events = await sees(page, 2 + KEPT);
    assert.deepEqual([events[1].type, events[1].data.reason], ["gap", "too_old"]);
    assert.deepEqual(events.slice(2).map(({ data }) => data[0]), Array.from({ length: KEPT }, (_, n) => n + 3));
    assert.ok(!(await states(page)).includes("closed"), "it never gave up");
  });

  for (const [reason, offset] of [["malformed", "what is this?"], ["foreign", FOREIGN]]) {
    test(`a cursor that is ${reason}`, async (t) => {
      const publisher = await publisherOf(t);
      // What a room says is kept from its first reader on.
      await ask(server.url + feedPath("/news", reason));
      await publisher.publish(reason, "tick", "kept");
      const page = await pageOf(t, server.url);
      await listen(page, `${feedPath("/news", reason)}?${new URLSearchParams({ offset })}`);
      const [gap, kept] = await sees(page, 2);
      assert.equal(gap.type, "gap");
      assert.equal(gap.data.reason, reason);
      assert.equal(gap.lastEventId, gap.data.oldest);
      assert.deepEqual([kept.type, kept.data, kept.lastEventId], ["tick", ["kept"], gap.data.newest]);
      await publisher.publish(reason, "tick", "live");
      assert.deepEqual((await sees(page, 3))[2].data, ["live"]);
      assert.deepEqual(await states(page), ["open"]);
    });
  }

  test("a stream that is deleted: it is told so, and may come back", async (t) => {
    const json = { "content-type": "application/json" };
    const url = `${server.url}/v1/stream/deleting`;
    assert.equal((await ask(url, json, { method: "PUT", body: "[1]" })).status, 201);
    const page = await pageOf(t, server.url);
    await listen(page, "/v1/stream/deleting?offset=-1");
    await sees(page, 1);
    await ask(url, {}, { method: "DELETE" });
    const [, gap] = await sees(page, 2);
    assert.deepEqual([gap.type, gap.data], ["gap", { reason: "gone", oldest: null, newest: null }]);
    await until("it to be on its way back", async () => (await states(page)).includes("connecting"));
    assert.ok(!(await states(page)).includes("closed"), "it never gave up");
  });

  test("no place: it is told so, and comes back later", async (t) => {
    const narrow = await standIn("feeds", "--readers-max", "1");
    t.after(() => narrow.stop());
    const [first, second] = await Promise.all([pageOf(t, narrow.url), pageOf(t, narrow.url)]);
    await listen(first, feedPath("/", "narrow"));
    await opened(first);
    await listen(second, feedPath("/", "narrow"));
    const [gap] = await sees(second, 1);
    assert.deepEqual([gap.type, gap.data.reason], ["gap", "overload"]);
    await until("it to be on its way back", async () => (await states(second)).includes("connecting"));
    assert.deepEqual(await states(first), ["open"]);
    // Ten seconds and more lie between its attempts.
    assert.deepEqual(await states(second), ["open", "connecting"]);
  });

  test("a namespace that was there: it is told so where it has read it before", async (t) => {
    const page = await pageOf(t, server.url);
    await listen(page, `${feedPath("/no longer")}?offset=${FOREIGN}`);
    const [gap] = await sees(page, 1);
    assert.deepEqual([gap.type, gap.data.reason], ["gap", "gone"]);
    await until("it to be on its way back", async () => (await states(page)).includes("connecting"));
    // One that has never been there is an error like any other.
    await listen(page, feedPath("/no longer"));
    await until("it to end", async () => (await states(page)).includes("closed"));
    assert.deepEqual(await seen(page), []);
  });

  test("a stream that is closed: the last message, and then it stays closed", async (t) => {
    const json = { "content-type": "application/json" };
    const url = `${server.url}/v1/stream/closing`;
    assert.equal((await ask(url, json, { method: "PUT" })).status, 201);
    const page = await pageOf(t, server.url);
    await listen(page, "/v1/stream/closing");
    await opened(page);
    const body = JSON.stringify([{ last: true }]);
    await ask(url, { ...json, "stream-closed": "true" }, { method: "POST", body });
    assert.deepEqual((await sees(page, 1))[0].data, { last: true });
    await until("it to stay closed", async () => (await states(page)).includes("closed"));
    assert.equal((await states(page)).at(-1), "closed");
    assert.equal((await seen(page)).length, 1);
  });
});

test("a page changes its road in mid-journey with the cursor of the one before", async (t) => {
  const page = await pageOf(t, server.url);
  const publisher = await publisherOf(t);
  const room = "journey";
  const url = server.url + feedPath("/news", room);
  const numbers = [];
  let count = 0;
  const publish = async (many) => {
    for (let n = 0; n < many; n += 1) await publisher.publish(room, "tick", count++);
  };
  await listen(page, url);
  await opened(page);
  await publish(3);
  let events = await sees(page, 3);
  numbers.push(...events.map(({ data }) => data[0]));
  let cursor = events.at(-1).lastEventId;
  await page.evaluate(() => window.source.close());

  /** Polls once. */
  const poll = (query) => page.evaluate(async (url) => {
    const response = await fetch(url);
    return { events: await response.json(), cursor: response.headers.get("Stream-Next-Offset") };
  }, withQuery(url, { ...query, offset: cursor }));

  /** Reads until `enough` things are there, and goes. */
  const read = (query, accept, kind, enough) => page.evaluate(async ({ url, accept, kind, enough }) => {
    const response = await fetch(url, { headers: accept ? { Accept: accept } : {} });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const events = [];
    let cursor;
    let text = "";
    while (events.length < enough) {
      const { value, done } = await reader.read();
      if (done) throw new Error("ended");
      text += value;
      const parts = text.split(kind === "ndjson" ? "\n" : "\n\n");
      text = parts.pop();
      for (const part of parts.filter((part) => part !== "")) {
        if (kind === "ndjson") {
          events.push(JSON.parse(part));
          cursor = events.at(-1).id;
          continue;
        }
        const [, name, data] = /^event: (.*)\ndata: ?(.*)$/.exec(part) ?? [];
        if (name === "data") events.push(...JSON.parse(data));
        if (name === "control") cursor = JSON.parse(data).streamNextOffset;
      }
    }
    await reader.cancel();
    return { events, cursor };
  }, { url: withQuery(url, { ...query, offset: cursor }), accept, kind, enough });

  const leg = async (answer) => {
    const { events, cursor: next } = await answer;
    numbers.push(...events.map(({ data }) => data[0]));
    assert.ok(next > cursor);
    cursor = next;
  };
  await publish(2);
  await leg(poll({}));
  await publish(1);
  const line = read({}, "application/x-ndjson", "ndjson", 3);
  await publish(2);
  await leg(line);
  const held = poll({ live: "long-poll" });
  await publish(1);
  await leg(held);
  await publish(2);
  await leg(read({ live: "sse" }, null, "durable", 2));
  await publish(1);
  await listen(page, withQuery(url, { offset: cursor }));
  events = await sees(page, count - numbers.length);
  numbers.push(...events.map(({ data }) => data[0]));
  assert.deepEqual(numbers, Array.from({ length: count }, (_, index) => index));
});
