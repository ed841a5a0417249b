// What a program without a socket publishes, as others' clients and readers see it; and what is refused on the
// way, with an answer that whoever asked can read.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EventSource } from "eventsource";
import { io } from "socket.io-client";
import { ask, feedPath, Listener, Publisher, STREAMING_ROADS, withQuery } from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";
import { event, Inbox, until } from "./support/waiting.mjs";

const KEY = { authorization: "Bearer sk_test_stand_in", "content-type": "application/json" };

let server;
before(async () => {
  server = await standIn("feeds", "--same-origin");
});
after(() => server?.stop());

const post = (verb, body, headers = {}) =>
  ask(`${server.url}/api/v1/${verb}`, { ...KEY, ...headers }, { method: "POST", body: JSON.stringify(body) });

describe("an event that is posted", () => {
  test("reaches readers on every road and the official client, each in the order of all", async (t) => {
    const room = "shop";
    const url = withQuery(server.url + feedPath("/news", room), { offset: "now" });
    const listeners = await Promise.all(STREAMING_ROADS.map((road) => Listener.open(road, url)));
    t.after(() => listeners.forEach((listener) => listener.close()));
    const source = new EventSource(url);
    t.after(() => source.close());
    const heard = [];
    source.addEventListener("paid", ({ data }) => heard.push(JSON.parse(data)));
    const socket = io(`${server.url}/news`, { transports: ["websocket"], forceNew: true });
    t.after(() => socket.disconnect());
    await event(socket, "connect");
    const received = new Inbox();
    socket.on("paid", (...args) => received.push(args));
    await until("the source to be open", () => source.readyState === EventSource.OPEN);
    const publisher = await Publisher.connect(server.url, "/news");
    t.after(() => publisher.close());

    const joined = await post("join", { namespace: "/news", socket: socket.id, to: room });
    assert.deepEqual([joined.status, joined.body], [200, '{"joined":true}']);
    const sent = [];
    for (let number = 0; number < 10; number += 1) {
      const data = [number, "ünïcode\n", { base64: Buffer.from([number]).toString("base64") }];
      sent.push(data);
      if (number % 2) {
        await publisher.publish(room, "paid", number, "ünïcode\n", Buffer.from([number]));
        continue;
      }
      const { status, body } = await post("publish", { namespace: "/news", room, event: "paid", data });
      assert.deepEqual([status, body], [200, '{"published":true}']);
    }
    for (const listener of listeners) {
      assert.deepEqual((await listener.take(10)).map(({ data }) => data), sent);
    }
    await until("all of them", () => heard.length === 10 && received.length === 10);
    assert.deepEqual(heard, sent);
    for (const [number, text] of sent) {
      assert.deepEqual(await received.next(), [number, text, Buffer.from([number])]);
    }
  });

  test("once, however often it is sent with its key", async () => {
    const url = server.url + feedPath("/", "once");
    const listener = await Listener.open("NDJSON", url);
    const body = { room: "once", event: "paid", data: [7] };
    const again = { "idempotency-key": "order-7" };
    const answers = await Promise.all(Array.from({ length: 5 }, () => post("publish", body, again)));
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200, 200]);
    assert.equal((await post("publish", { ...body, data: [8] }, again)).status, 422);
    await post("publish", { room: "once", event: "end" });
    assert.deepEqual((await listener.take(2)).map((item) => item.event), ["paid", "end"]);
    listener.close();
  });

  test("volatile ones have no cursor, and a batch keeps its order", async () => {
    const listener = await Listener.open("NDJSON", server.url + feedPath("/", "batch"));
    const operations = [1, 2, 3].map((number) => ({
      verb: "publish", room: "batch", event: "tick", data: [number], volatile: number === 2,
    }));
    const { status, body } = await post("batch", { operations });
    assert.equal(status, 200, body);
    const events = await listener.take(3);
    assert.deepEqual(events.map(({ data }) => data[0]), [1, 2, 3]);
    assert.deepEqual(events.map(({ id }) => id !== undefined), [true, false, true]);
    listener.close();
  });
});

describe("what is refused", () => {
  const publish = (headers, options) => ask(`${server.url}/api/v1/publish`, headers, { method: "POST", ...options });
  const body = JSON.stringify({ event: "tick" });
  const MARK = "marked";

  for (const [what, status, code, headers, options] of [
    ["no key", 401, "key_missing", { "content-type": "application/json" }, { body }],
    ["another's key", 401, "key_unknown", { ...KEY, authorization: "Bearer sk_other_stand_in" }, { body }],
    ["a key that is wrong at its end", 401, "key_unknown", { ...KEY, authorization: "Bearer sk_test_stand_on" }, { body }],
    ["a key that is none", 401, undefined, { ...KEY, authorization: `Basic ${MARK}` }, { body }],
    ["a page of another origin", 403, "wrong_origin", { ...KEY, origin: `http://${MARK}.example` }, { body }],
    ["another method", 405, "method_not_allowed", KEY, { method: "DELETE" }],
    ["no JSON", 400, "bad_json", KEY, { body: `{${MARK}` }],
    ["JSON of another form", 400, "bad_request", KEY, { body: JSON.stringify({ event: "tick", [MARK]: 1 }) }],
    ["another type", 415, "content_type", { ...KEY, "content-type": `text/${MARK}` }, { body }],
    ["an unknown namespace", 404, "unknown_namespace", KEY, { body: JSON.stringify({ namespace: `/${MARK}`, event: "x" }) }],
    ["a reserved name", 400, "reserved_event", KEY, { body: JSON.stringify({ event: "disconnect" }) }],
    ["100 kB", 413, "too_large", KEY, { body: JSON.stringify({ event: "x", data: ["x".repeat(100_000)] }) }],
    ["2 MB", 413, "too_large", KEY, { body: JSON.stringify({ event: "x", data: ["x".repeat(2_000_000)] }) }],
    ["2 MB without a key", undefined, undefined, { "content-type": "application/json" }, { body: "x".repeat(2_000_000) }],
    ["2 MB without a length", 413, "too_large", { ...KEY, "transfer-encoding": "chunked" }, { body: "x".repeat(2_000_000) }],
  ]) {
    test(what, async () => {
      for (let round = 0; round < 10; round += 1) {
        const answer = await publish(headers, options);
        if (status) assert.equal(answer.status, status, answer.body);
        else assert.ok([401, 413].includes(answer.status), answer.body);
        const { error } = JSON.parse(answer.body);
        if (code) assert.equal(error.code, code);
        assert.match(error.message, /\S \S/);
        assert.ok(!JSON.stringify(answer).includes(MARK), "nothing is echoed");
      }
    });
  }
});
