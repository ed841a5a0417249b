// One cursor on all roads: a reader that changes its road in mid-journey sees every event once and in order,
// and is told of what it cannot have any more in the way of the road that it is on.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  ask, ASKING, CURSOR, feedPath, FOREIGN, Listener, Publisher, ROADS, STREAMING_ROADS, travel, withQuery,
} from "./support/feeds.mjs";
import { freePort } from "./support/ports.mjs";
import { Program, standIn } from "./support/program.mjs";
import { until } from "./support/waiting.mjs";

/** Events that a feed of this server keeps. */
const KEPT = 20;

let server;
let publisher;
before(async () => {
  server = await standIn("feeds", "--history-events", String(KEPT));
  publisher = await Publisher.connect(server.url, "/news");
});
after(async () => {
  publisher?.close();
  await server?.stop();
});

const room = (name) => server.url + feedPath("/news", name);

/** The position behind all that was sent so far. */
const end = async (url) => (await ask(withQuery(url, { offset: "now" }))).headers["stream-next-offset"];

/** What an event of `publish(.., "tick", number)` is on any road. */
const number = ({ event, data }) => {
  assert.equal(event, "tick");
  assert.equal(data.length, 1);
  return data[0];
};

describe("a journey", () => {
  for (const first of ROADS) {
    for (const second of ROADS) {
      test(`${first}, then ${second}`, async () => {
        const url = room(`${first} ${second}`);
        let cursor = await end(url);
        const publish = async (from, to) => {
          for (let n = from; n < to; n += 1) await publisher.publish(`${first} ${second}`, "tick", n);
        };
        await publish(0, 3);
        let leg = travel(first, url, cursor, 5);
        await publish(3, 5);
        const one = await leg;
        assert.match(one.cursor, CURSOR);
        await publish(5, 8);
        leg = travel(second, url, one.cursor, 5);
        await publish(8, 10);
        const two = await leg;
        assert.deepEqual([...one.events, ...two.events].map(number), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert.ok(two.cursor > one.cursor, "the text of a later cursor is greater");
        assert.equal(two.cursor, await end(url));
      });
    }
  }

  test("a hundred legs at random while events keep coming", async () => {
    const url = room("random");
    let cursor = await end(url);
    const seen = [];
    let published = 0;
    let isOver = false;
    const publishing = (async () => {
      while (!isOver) {
        // Who is away for longer than what is kept is told so; this reader never is.
        await until("the reader", () => isOver || published < seen.length + KEPT / 2);
        await publisher.publish("random", "tick", published++);
      }
    })();
    const taken = [];
    try {
      for (let leg = 0; leg < 100; leg += 1) {
        const road = ROADS[Math.floor(Math.random() * ROADS.length)];
        taken.push(road);
        const answer = await travel(road, url, cursor, 1 + Math.floor(Math.random() * 4));
        assert.ok(answer.cursor > cursor, road);
        cursor = answer.cursor;
        seen.push(...answer.events.map(number));
        assert.deepEqual(seen, seen.map((_, index) => index), `on the roads ${taken}`);
      }
    } finally {
      isOver = true;
      await publishing;
    }
  });
});

describe("a listener", () => {
  for (const road of STREAMING_ROADS) {
    test(`${road}: volatile events reach it, and nobody who comes later`, async () => {
      const name = `volatile ${road}`;
      const start = await end(room(name));
      const listener = await Listener.open(road, withQuery(room(name), { offset: "now" }));
      await publisher.volatile(name, "now", 1);
      await publisher.publish(name, "tick", 2);
      if (road === "Durable SSE") {
        // It has no events without a cursor.
        assert.deepEqual(await listener.next(), { id: listener.cursor, event: "tick", data: [2] });
      } else {
        assert.deepEqual(await listener.next(), { event: "now", data: [1] });
        assert.deepEqual(await listener.next(), { id: listener.cursor, event: "tick", data: [2] });
      }
      listener.close();
      const { events, cursor } = await travel(road, room(name), start, 1);
      assert.deepEqual(events.map(number), [2]);
      assert.equal(cursor, listener.cursor);
    });

    test(`${road}: heartbeats come while nothing happens, the first part at once`, async (t) => {
      const quick = await standIn("feeds", "--heartbeat", "50");
      t.after(() => quick.stop());
      const listener = await Listener.open(road, withQuery(quick.url + feedPath("/"), { offset: "now" }));
      assert.equal(listener.status, 200);
      assert.equal(listener.headers["cache-control"], "no-cache, no-store, no-transform");
      assert.equal(listener.headers["x-content-type-options"], "nosniff");
      assert.match(listener.cursor, CURSOR);
      await until("three heartbeats", () => listener.heartbeats >= 3);
      listener.close();
    });
  }

  test("binary arguments are base64, wherever they are", async () => {
    const listener = await Listener.open("NDJSON", room("binary"));
    await publisher.publish("binary", "file", { deep: [Buffer.from([1, 2, 3])] }, Buffer.alloc(0), "text");
    const { event, data } = await listener.next();
    assert.equal(event, "file");
    assert.deepEqual(data, [{ deep: [{ base64: "AQID" }] }, { base64: "" }, "text"]);
    listener.close();
  });

  test("a namespace as a whole has what goes to everybody, its rooms what goes to them", async () => {
    const url = server.url + feedPath("/a/b");
    const [whole, inside] = await Promise.all([Listener.open("NDJSON", url), Listener.open("NDJSON", `${url}/r%2F1`)]);
    const there = await Publisher.connect(server.url, "/a/b");
    await there.publish("r/1", "tick", 1);
    await there.publish(null, "tick", 2);
    await there.publish("r/1", "tick", 3);
    await there.publish(null, "tick", 4);
    assert.deepEqual((await inside.take(2)).map(number), [1, 3]);
    assert.deepEqual((await whole.take(2)).map(number), [2, 4]);
    for (const listener of [whole, inside]) listener.close();
    there.close();
  });
});

describe("what is lost", () => {
  /** A reason, and a cursor of a feed for which it is the reason. */
  const LOST = {
    malformed: async () => "%00;x",
    foreign: async () => FOREIGN,
    "foreign: another feed's": async () => end(room("elsewhere")),
    too_old: async (url, name) => {
      const cursor = await end(url);
      for (let n = 0; n < KEPT + 5; n += 1) await publisher.publish(name, "tick", n);
      return cursor;
    },
  };

  for (const [label, make] of Object.entries(LOST)) {
    const reason = label.split(":")[0];
    for (const road of ["EventSource", "NDJSON"]) {
      test(`${road}: 200 and a gap (${label}), then all that is there`, async () => {
        const name = `lost ${label} ${road}`;
        await publisher.publish(name, "tick", 0);
        const cursor = await make(room(name), name);
        const kept = await ask(room(name));
        const listener = await Listener.open(road, withQuery(room(name), { offset: decodeURIComponent(cursor) }));
        assert.equal(listener.status, 200);
        const { id, event, data } = await listener.next();
        assert.equal(event, "gap");
        assert.deepEqual(data, { reason, oldest: id, newest: kept.headers["stream-next-offset"] });
        assert.match(id, CURSOR);
        const events = JSON.parse(kept.body);
        assert.deepEqual((await listener.take(events.length)).map(({ data }) => data), events.map(({ data }) => data));
        await publisher.publish(name, "tick", "later");
        assert.equal(number(await listener.next()), "later");
        listener.close();
      });

      test(`${road}: the same with Last-Event-ID, which wins over the query (${label})`, async () => {
        const name = `header ${label} ${road}`;
        const cursor = decodeURIComponent(await make(room(name), name));
        // What cannot be in a header cannot be a last event id either.
        const header = cursor.replace("\0", "");
        const good = await end(room(name));
        const url = withQuery(room(name), { offset: good });
        const listener = await Listener.open(road, url, { "last-event-id": header });
        assert.equal((await listener.next()).data.reason, reason);
        listener.close();
      });
    }

    for (const [road, query] of [...Object.entries(ASKING), ["Durable SSE", { live: "sse" }]]) {
      test(`${road}: ${reason === "malformed" ? 400 : 410} that says so (${label})`, async () => {
        const name = `lost ${label} ${road}`;
        await publisher.publish(name, "tick", 0);
        const offset = decodeURIComponent(await make(room(name), name));
        const answer = await ask(withQuery(room(name), { ...query, offset }));
        assert.equal(answer.status, reason === "malformed" ? 400 : 410);
        assert.match(answer.headers["content-type"], /^application\/json/);
        const { error, ...rest } = JSON.parse(answer.body);
        assert.equal(error.code, reason);
        assert.ok(error.message.length > 20);
        const oldest = answer.headers["stream-next-offset"];
        assert.deepEqual(rest, { reason, oldest, newest: await end(room(name)) });
        // Going on from there is all that is left to do.
        const { body, status } = await ask(withQuery(room(name), { offset: oldest }));
        assert.equal(status, 200);
        assert.equal(body, (await ask(room(name))).body);
      });
    }
  }

  test("after a restart every cursor is of somebody else", async (t) => {
    const port = String(await freePort());
    const start = () => Program.start("stand-in", ["feeds", "--port", port]);
    let restarted = await start();
    t.after(() => restarted.stop());
    const url = restarted.url + feedPath("/news", "restarted");
    const before = await Publisher.connect(restarted.url, "/news");
    const listener = await Listener.open("NDJSON", url);
    await before.publish("restarted", "tick", 1);
    await listener.next();
    before.close();
    await restarted.stop();
    await listener.ended;
    restarted = await start();
    for (const road of ["EventSource", "NDJSON"]) {
      const again = await Listener.open(road, withQuery(url, { offset: listener.cursor }));
      assert.equal((await again.next()).data.reason, "foreign", road);
      again.close();
    }
    assert.equal((await ask(withQuery(url, { offset: listener.cursor }))).status, 410);
  });
});

describe("a stream", () => {
  const json = { "content-type": "application/json" };

  async function create(name, body) {
    const url = `${server.url}/v1/stream/${name}`;
    assert.equal((await ask(url, json, { method: "PUT", body })).status, 201);
    return url;
  }

  test("any JSON value is a message on every road", async () => {
    const values = [{ n: 1 }, [2], "three", null, 4.5];
    const url = await create("values", JSON.stringify(values));
    for (const road of ["EventSource", "NDJSON"]) {
      const listener = await Listener.open(road, withQuery(url, { offset: "-1" }));
      const messages = await listener.take(values.length);
      assert.deepEqual(messages.map(({ data }) => data), values, road);
      assert.ok(messages.every((message) => CURSOR.test(message.id) && !("event" in message)));
      listener.close();
    }
    assert.deepEqual(JSON.parse((await ask(url)).body), values);
  });

  test("Durable SSE: of messages that are appended together only the last is the end", async () => {
    const url = await create("together");
    const listener = await Listener.open("Durable SSE", withQuery(url, { offset: "-1" }));
    await until("the opening", () => listener.control?.upToDate);
    const { length } = listener.text;
    assert.equal((await ask(url, json, { method: "POST", body: "[[1],[2],[3]]" })).status, 204);
    await until("the messages", () => /data:.*\[3\]\][^]*\}\n\n/.test(listener.text));
    const controls = [...listener.text.slice(length).matchAll(/^data:(\{.*\})$/gm)].map(([, json]) => JSON.parse(json));
    const { headers } = await ask(url);
    for (const { upToDate, streamNextOffset } of controls) {
      assert.equal(upToDate === true, streamNextOffset === headers["stream-next-offset"]);
    }
    assert.equal(controls.at(-1).upToDate, true);
    listener.close();
  });

  test("a closed one ends: what there was first, then 204 to an EventSource that comes back", async () => {
    for (const road of ["EventSource", "NDJSON"]) {
      const url = await create(`closed-${road}`, "[1]");
      const listener = await Listener.open(road, withQuery(url, { offset: "-1" }));
      assert.deepEqual((await listener.next()).data, 1);
      const closing = { ...json, "stream-closed": "true" };
      assert.equal((await ask(url, closing, { method: "POST", body: "[2]" })).status, 204);
      assert.deepEqual((await listener.next()).data, 2);
      assert.equal(await listener.ended, "end");
      const headers = { accept: road === "NDJSON" ? "application/x-ndjson" : "text/event-stream" };
      const again = await ask(url, { ...headers, "last-event-id": listener.cursor });
      // The one stays away for good with that; others see that nothing is there, and no more comes.
      assert.deepEqual([again.status, again.body], road === "NDJSON" ? [200, "\n"] : [204, ""]);
      assert.equal((await ask(url)).headers["stream-next-offset"], listener.cursor);
    }
  });
});
