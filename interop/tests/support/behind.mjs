// Feeds behind a proxy that is left as it comes: buffering on, no location of its own for them, and little
// patience with a server that says nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, ASKING, feedPath, Listener, Publisher, STREAMING_ROADS, travel, withQuery } from "./feeds.mjs";
import { standIn } from "./program.mjs";
import { ProxyProgram } from "./proxy-program.mjs";
import { until } from "./waiting.mjs";

/** After so much silence the proxy gives up. */
export const PATIENCE_SECONDS = 2;
/** Our server says something more often than that. */
const HEARTBEAT_MS = 300;
/** Without the proxy's patience ever ending, an answer that goes on lives for as long as anybody looks. */
const WATCHED_MS = PATIENCE_SECONDS * 1_000 * 2;

/** The tests of feeds behind one proxy. */
export function feedsBehind({ name, configuration, command }) {
  let server;
  let proxy;
  let publisher;
  before(async () => {
    server = await standIn("feeds", "--heartbeat", String(HEARTBEAT_MS), "--long-poll", "1000");
    proxy = await ProxyProgram.start({
      name,
      configuration: (place) => configuration({ ...place, upstream: server.port }),
      command,
    });
    // Past the proxy, so that what is seen of it is the readers' alone.
    publisher = await Publisher.connect(server.url);
  });
  after(async () => {
    publisher?.close();
    await proxy?.stop();
    await server?.stop();
  });

  for (const road of STREAMING_ROADS) {
    test(`${road}: each event arrives before the next is sent`, async () => {
      const url = withQuery(proxy.url + feedPath("/", `at once ${road}`), { offset: "now" });
      const listener = await Listener.open(road, url);
      for (let number = 0; number < 5; number += 1) {
        await publisher.publish(`at once ${road}`, "tick", number);
        assert.deepEqual((await listener.next()).data, [number]);
      }
      assert.equal(listener.headers["cache-control"], "no-cache, no-store, no-transform");
      listener.close();
    });

    test(`${road}: the opening arrives before anything happens`, async () => {
      const url = withQuery(proxy.url + feedPath("/", `opening ${road}`), { offset: "now" });
      const listener = await Listener.open(road, url);
      assert.equal(listener.status, 200);
      await until("the first bytes", () => listener.text.length > 0);
      listener.close();
    });

    test(`${road}: heartbeats keep it open for longer than the proxy waits`, async () => {
      const url = withQuery(proxy.url + feedPath("/", `silent ${road}`), { offset: "now" });
      const begun = performance.now();
      const listener = await Listener.open(road, url);
      let isOver = false;
      listener.ended.then(() => (isOver = true));
      await until("the time to pass", () => isOver || performance.now() - begun > WATCHED_MS);
      assert.ok(!isOver, `it ended after ${Math.round(performance.now() - begun)} ms:\n${listener.text}`);
      assert.ok(listener.heartbeats > PATIENCE_SECONDS, `${listener.heartbeats} heartbeats`);
      await publisher.publish(`silent ${road}`, "tick", "still there");
      assert.deepEqual((await listener.next()).data, ["still there"]);
      listener.close();
    });
  }

  for (const road of Object.keys(ASKING).filter((road) => road !== "poll")) {
    test(`${road}: is held, and answered at once`, async () => {
      const url = proxy.url + feedPath("/", road);
      let cursor = (await ask(withQuery(url, { offset: "now" }))).headers["stream-next-offset"];
      for (let number = 0; number < 5; number += 1) {
        const asked = travel(road, url, cursor, 1);
        await publisher.publish(road, "tick", number);
        const answer = await asked;
        assert.deepEqual(answer.events, [{ event: "tick", data: [number] }]);
        cursor = answer.cursor;
      }
    });
  }

  test("long poll: ends with 204 and its headers", async () => {
    const url = proxy.url + feedPath("/", "in vain");
    const { status, headers, body } = await ask(withQuery(url, { offset: "now", live: "long-poll" }));
    assert.deepEqual([status, body], [204, ""]);
    assert.equal(headers["stream-up-to-date"], "true");
    assert.match(headers["stream-cursor"], /^\d+$/);
  });

  test("poll: the ETag passes, and 304", async () => {
    const url = proxy.url + feedPath("/", "tagged");
    await ask(url);
    await publisher.publish("tagged", "tick", "x".repeat(5_000));
    const { headers: { etag } } = await ask(url);
    assert.ok(etag);
    assert.equal((await ask(url, { "if-none-match": etag })).status, 304);
    // What an answer is compressed to does not change which one it is, but for being weak.
    const zipped = await ask(url, { "accept-encoding": "gzip" });
    assert.equal(zipped.headers["content-encoding"], "gzip");
    assert.equal(zipped.headers.etag.replace(/^W\//, "").replace(/-gzip"$/, '"'), etag);
    assert.equal((await ask(url, { "if-none-match": zipped.headers.etag })).status, 304);
  });

  test("streams are written and read through it", async () => {
    const url = `${proxy.url}/v1/stream/behind-${name}`;
    const json = { "content-type": "application/json" };
    assert.equal((await ask(url, json, { method: "PUT" })).status, 201);
    const listener = await Listener.open("Durable SSE", withQuery(url, { offset: "-1" }));
    assert.equal((await ask(url, json, { method: "POST", body: "[{\"n\":1}]" })).status, 204);
    await until("the data", () => listener.text.includes('data:[{"n":1}]'));
    const closed = await ask(url, { "stream-closed": "true" }, { method: "POST" });
    assert.equal(closed.status, 204);
    assert.equal(await listener.ended, "end");
    assert.equal((await ask(url, {}, { method: "DELETE" })).status, 204);
    assert.equal((await ask(url)).status, 404);
  });

  test("a reader that goes away is not kept for", async () => {
    const url = withQuery(proxy.url + feedPath("/", "gone"), { offset: "now" });
    const before = await server.openFiles();
    // Some of them go over connections that the proxy has kept.
    const listeners = await Promise.all(Array.from({ length: 60 }, () => Listener.open("EventSource", url)));
    await until("their connections", async () => (await server.openFiles()) > before + 40);
    listeners.forEach((listener) => listener.close());
    await until("their connections to be closed", async () => (await server.openFiles()) < before + 10);
  });
}
