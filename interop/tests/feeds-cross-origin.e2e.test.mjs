// A page from another port in Chromium, which reads feeds and streams and writes streams: as far as the server
// lists its origin, and not at all otherwise.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { ask, CURSOR, feedPath, FOREIGN, Publisher } from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";
import { SteppingProxy } from "./support/steps.mjs";
import { until } from "./support/waiting.mjs";

let browser;
let front; // another port of this machine
let origin;
let listing; // a server that lists its pages
let other; // one that lists others
before(async () => {
  front = http.createServer((_, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end("<!doctype html><title>front end</title>");
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  origin = `http://localhost:${front.address().port}`;
  [browser, listing, other] = await Promise.all([
    launch(),
    standIn("feeds", "--allow-origin", origin, "--allow-credentials", "--retry", "50"),
    standIn("feeds", "--allow-origin", "http://localhost:1"),
  ]);
});
after(async () => {
  await browser?.close();
  front?.close();
  await listing?.stop();
  await other?.stop();
});

async function frontPage(t) {
  const page = await openPage(browser);
  t.after(() => page.context().close());
  await page.goto(origin);
  return page;
}

/** What a script of the page gets: status, the headers that it may read, text; or that it gets nothing. */
function fetched(page, url, init = {}) {
  return page.evaluate(async ({ url, init }) => {
    try {
      const response = await fetch(url, init);
      return {
        status: response.status,
        type: response.type,
        headers: Object.fromEntries(response.headers),
        text: await response.text(),
      };
    } catch (error) {
      return { error: error.name };
    }
  }, { url, init });
}

const NOTHING = { error: "TypeError" };
const json = { "content-type": "application/json" };

describe("a page of a listed origin", () => {
  test("polls, with the headers that it goes on by", async (t) => {
    const page = await frontPage(t);
    const url = listing.url + feedPath("/", "polled");
    const first = await fetched(page, url);
    assert.deepEqual([first.status, first.text], [200, "[]"]);
    assert.match(first.headers["stream-next-offset"], CURSOR);
    assert.equal(first.headers["stream-up-to-date"], "true");
    assert.match(first.headers["stream-cursor"], /^\d+$/);
    // Asked about first: the header is none of the few that need no leave.
    const { etag } = first.headers;
    const same = await fetched(page, url, { headers: { "If-None-Match": etag } });
    assert.equal(same.status, 304);
    const held = fetched(page, `${url}?live=long-poll&offset=${first.headers["stream-next-offset"]}`);
    const publisher = await Publisher.connect(listing.url);
    t.after(() => publisher.close());
    await publisher.publish("polled", "tick", 1);
    assert.equal((await held).text, '[{"event":"tick","data":[1]}]');
  });

  test("reads what is wrong, and where it can go on", async (t) => {
    const page = await frontPage(t);
    const lost = await fetched(page, `${listing.url + feedPath("/")}?offset=${FOREIGN}`);
    assert.equal(lost.status, 410);
    assert.equal(JSON.parse(lost.text).oldest, lost.headers["stream-next-offset"]);
    assert.equal((await fetched(page, listing.url + feedPath("/nobody has this"))).status, 404);
    assert.equal((await fetched(page, listing.url + feedPath("/", "secret"))).status, 403);
  });

  for (const withCredentials of [false, true]) {
    test(`listens with EventSource, withCredentials: ${withCredentials}`, async (t) => {
      const page = await frontPage(t);
      const room = `listens ${withCredentials}`;
      await page.evaluate(({ url, withCredentials }) => {
        window.seen = [];
        const source = new EventSource(url, { withCredentials });
        source.onopen = () => window.seen.push("open");
        source.addEventListener("tick", ({ data }) => window.seen.push(data));
      }, { url: listing.url + feedPath("/", room), withCredentials });
      const seen = () => page.evaluate(() => window.seen);
      await until("it to be open", async () => (await seen()).length > 0);
      const publisher = await Publisher.connect(listing.url);
      t.after(() => publisher.close());
      await publisher.publish(room, "tick", 1);
      await until("the event", async () => (await seen()).length > 1);
      assert.deepEqual(await seen(), ["open", "[1]"]);
    });
  }

  test("comes back with the id of the last event when its connection was lost", async (t) => {
    const proxy = await SteppingProxy.start(listing.port);
    t.after(() => proxy.stop());
    const page = await frontPage(t);
    await page.evaluate((url) => {
      window.seen = [];
      const source = new EventSource(url);
      source.onopen = () => window.seen.push("open");
      for (const type of ["tick", "gap"]) source.addEventListener(type, ({ data }) => window.seen.push(data));
    }, proxy.url + feedPath("/", "back"));
    const sees = (count) => until(`${count} things`, () => page.evaluate((count) => window.seen.length >= count, count));
    await sees(1);
    const publisher = await Publisher.connect(listing.url);
    t.after(() => publisher.close());
    await publisher.publish("back", "tick", 1);
    await sees(2);
    proxy.cut();
    await publisher.publish("back", "tick", 2);
    await sees(4);
    assert.deepEqual(await page.evaluate(() => window.seen), ["open", "[1]", "open", "[2]"]);
  });

  test("shows a token, in a header that its browser asks about first", async (t) => {
    const page = await frontPage(t);
    const url = listing.url + feedPath("/club");
    assert.equal((await fetched(page, url)).status, 403);
    const headers = { Authorization: "Bearer ticket to ride" };
    assert.equal((await fetched(page, url, { headers })).status, 200);
    // EventSource can send no header: it asks for a ticket, which opens once.
    const { status, text } = await fetched(page, url, { method: "POST", headers });
    assert.equal(status, 200);
    const { ticket } = JSON.parse(text);
    const open = (query) => page.evaluate((url) => new Promise((resolve) => {
      const source = new EventSource(url);
      source.onopen = () => resolve("open");
      source.onerror = () => resolve("error");
    }), url + query);
    assert.equal(await open(`?ticket=${ticket}`), "open");
    assert.equal(await open(`?ticket=${ticket}`), "error");
    assert.equal(await open(""), "error");
  });

  test("makes a stream, writes, closes and deletes it", async (t) => {
    const page = await frontPage(t);
    const url = `${listing.url}/v1/stream/of-the-front`;
    const made = await fetched(page, url, { method: "PUT", headers: json });
    assert.equal(made.status, 201);
    assert.ok(made.headers.location.endsWith("/v1/stream/of-the-front"));
    const producer = { "Producer-Id": "page", "Producer-Epoch": "0", "Producer-Seq": "0", "Stream-Seq": "1" };
    const appended = await fetched(page, url, { method: "POST", headers: { ...json, ...producer }, body: '[{"n":1}]' });
    assert.equal(appended.status, 200);
    assert.deepEqual([appended.headers["producer-epoch"], appended.headers["producer-seq"]], ["0", "0"]);
    const gap = await fetched(page, url, {
      method: "POST", headers: { ...json, ...producer, "Producer-Seq": "5" }, body: "[2]",
    });
    assert.deepEqual([gap.status, gap.headers["producer-expected-seq"]], [409, "1"]);
    const closed = await fetched(page, url, { method: "POST", headers: { "Stream-Closed": "true" } });
    assert.deepEqual([closed.status, closed.headers["stream-closed"]], [204, "true"]);
    assert.equal((await fetched(page, url)).text, '[{"n":1}]');
    assert.equal((await fetched(page, url, { method: "DELETE" })).status, 204);
    assert.equal((await fetched(page, url)).status, 404);
  });
});

describe("a page of any other origin", () => {
  test("reads nothing, on no road", async (t) => {
    const page = await frontPage(t);
    const url = other.url + feedPath("/");
    for (const [query, init] of [
      ["", {}],
      ["", { mode: "no-cors" }],
      ["", { headers: { Accept: "application/x-ndjson" } }],
      ["", { headers: { "If-None-Match": '"x"' } }],
      ["", { credentials: "include" }],
      ["?offset=-1&live=long-poll", {}],
      ["?offset=-1&live=sse", {}],
      [`?offset=${FOREIGN}`, {}],
    ]) {
      assert.deepEqual(await fetched(page, url + query, init), NOTHING, JSON.stringify([query, init]));
    }
    const heard = await page.evaluate((url) => new Promise((resolve) => {
      const source = new EventSource(url);
      source.onopen = () => resolve("open");
      source.onerror = () => resolve("error");
    }), url);
    assert.equal(heard, "error");
    const ran = await page.evaluate((url) => new Promise((resolve) => {
      const script = document.createElement("script");
      script.onload = () => resolve("loaded");
      script.onerror = () => resolve("error");
      script.src = url;
      document.body.append(script);
    }), url);
    assert.equal(ran, "error");
  });

  test("writes nothing, whether its browser asks first or not", async (t) => {
    const page = await frontPage(t);
    const url = `${other.url}/v1/stream/text`;
    const text = { "content-type": "text/plain" };
    assert.equal((await ask(url, text, { method: "PUT", body: "own" })).status, 201);
    for (const init of [
      // Nobody asks about these two.
      { method: "POST", headers: text, body: "theirs" },
      { method: "POST", mode: "no-cors", headers: text, body: "theirs" },
      { method: "POST", headers: json, body: '["theirs"]' },
      { method: "POST", headers: { "Stream-Closed": "true" } },
      { method: "DELETE" },
    ]) {
      const answer = await fetched(page, url, init);
      assert.ok(answer.error === "TypeError" || (answer.type === "opaque" && answer.status === 0), JSON.stringify(init));
    }
    assert.deepEqual(await fetched(page, `${url}-made`, { method: "PUT", headers: text }), NOTHING);
    const { body, headers, status } = await ask(url);
    assert.deepEqual([status, body, headers["stream-closed"]], [200, "own", undefined]);
    assert.equal((await ask(`${url}-made`)).status, 404);
  });

  test("is told so, and nothing that it sent comes back", async () => {
    const evil = "http://evil.example";
    for (const [path, options] of [
      [feedPath("/"), {}],
      ["/v1/stream/text", {}],
      ["/v1/stream/evil", { method: "PUT" }],
      ["/v1/stream/text", { method: "DELETE" }],
    ]) {
      const answer = await ask(other.url + path, { origin: evil, ...json }, options);
      assert.equal(answer.status, 403, path);
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
      assert.ok(!answer.body.includes(evil), answer.body);
    }
    for (const method of ["PUT", "DELETE", "POST"]) {
      const headers = { origin: evil, "access-control-request-method": method };
      const answer = await ask(`${other.url}/v1/stream/text`, headers, { method: "OPTIONS" });
      assert.equal(answer.headers["access-control-allow-origin"], undefined, method);
    }
  });
});
