// The packages of npm that read what we serve: `eventsource`, and the client of Durable Streams on feeds and
// streams alike, live on both of its roads.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DurableStream, stream } from "@durable-streams/client";
import { EventSource } from "eventsource";
import { ask, feedPath, FOREIGN, Publisher, withQuery } from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";
import { SteppingProxy, STEPS } from "./support/steps.mjs";
import { PATIENCE, until, within } from "./support/waiting.mjs";

let server;
let publisher;
before(async () => {
  server = await standIn("feeds", "--retry", "50");
  publisher = await Publisher.connect(server.url, "/news");
});
after(async () => {
  publisher?.close();
  await server?.stop();
});

const json = { "content-type": "application/json" };
const texts = (count) => Array.from({ length: count }, (_, index) => `event ${index}`);

describe("eventsource", () => {
  /** Listens; `seen` are its events, `states` what became of its connection. */
  function listen(t, url) {
    const source = new EventSource(url);
    t.after(() => source.close());
    const listener = { source, seen: [], states: [] };
    for (const type of ["tick", "gap", "message"]) {
      source.addEventListener(type, ({ type, data, lastEventId }) => {
        listener.seen.push({ type, data: JSON.parse(data), lastEventId });
      });
    }
    source.addEventListener("open", () => listener.states.push("open"));
    source.addEventListener("error", ({ code }) => listener.states.push(code ?? "error"));
    return listener;
  }

  for (const step of Object.keys(STEPS)) {
    test(`a connection that is lost ${step}: every event once and in order`, async (t) => {
      const proxy = await SteppingProxy.start(server.port);
      t.after(() => proxy.stop());
      const room = `npm ${step}`;
      const { seen, states, source } = listen(t, proxy.url + feedPath("/news", room));
      await until("it to be connected", () => states.includes("open"));
      let count = 0;
      const publish = () => publisher.publish(room, "tick", `event ${count++}`);
      for (let round = 0; round < 3; round += 1) {
        await publish();
        await until("it", () => seen.length === count);
        proxy.loseAt(step);
        proxy.cut();
        await publish();
        await publish();
        await until("the connection to be lost", () => proxy.isCalm);
        await publish();
        await until("all events", () => seen.length >= count);
      }
      assert.deepEqual(seen.map(({ data }) => data[0]), texts(count));
      assert.notEqual(source.readyState, EventSource.CLOSED);
    });
  }

  test("a cursor of another feed: a gap, and it goes on", async (t) => {
    const { seen, states } = listen(t, withQuery(server.url + feedPath("/news", "npm gap"), { offset: FOREIGN }));
    await until("the gap", () => seen.length === 1);
    assert.deepEqual([seen[0].type, seen[0].data.reason], ["gap", "foreign"]);
    await publisher.publish("npm gap", "tick", "live");
    await until("the event", () => seen.length === 2);
    assert.deepEqual(states, ["open"]);
  });

  test("a closed stream: the last message, then 204, and it stays away", async (t) => {
    const url = `${server.url}/v1/stream/npm-closed`;
    await ask(url, json, { method: "PUT" });
    const { seen, states, source } = listen(t, url);
    await until("it to be connected", () => states.includes("open"));
    await ask(url, { ...json, "stream-closed": "true" }, { method: "POST", body: '[{"last":true}]' });
    await until("it to stay away", () => source.readyState === EventSource.CLOSED);
    assert.deepEqual(seen.map(({ data }) => data), [{ last: true }]);
    assert.equal(states.at(-1), 204);
  });
});

describe("@durable-streams/client", () => {
  /** Reads live from an offset until `stop`; `items` are what came. */
  async function read(t, options) {
    // It would go over to long polls where connections are short, as those are that are cut.
    const sseResilience = { minConnectionDuration: 0 };
    const abort = new AbortController();
    t.after(() => abort.abort());
    const reading = { items: [], cursor: options.offset, stop: () => abort.abort() };
    const from = async () => {
      const { cursor: offset } = reading;
      reading.response = await stream({ ...options, offset, sseResilience, signal: abort.signal, json: true });
      reading.response.subscribeJson((batch) => {
        reading.items.push(...batch.items);
        reading.cursor = batch.offset;
      });
      // An answer that breaks off ends its session, and going on from the cursor is its user's.
      reading.response.closed.catch(() => {
        if (abort.signal.aborted) return;
        return from();
      });
    };
    await from();
    return reading;
  }

  for (const live of ["sse", "long-poll"]) {
    test(`${live}: a feed from its beginning, then as it happens, then from the cursor`, async (t) => {
      const room = `durable ${live}`;
      const url = server.url + feedPath("/news", room);
      await ask(url);
      await publisher.publish(room, "tick", 0);
      await publisher.publish(room, "tick", 1);
      const first = await read(t, { url, live, offset: "-1" });
      await until("what is there", () => first.items.length === 2);
      await publisher.publish(room, "tick", 2, [Buffer.from([1])]);
      await until("what happens", () => first.items.length === 3);
      first.stop();
      assert.deepEqual(first.items, [
        { event: "tick", data: [0] },
        { event: "tick", data: [1] },
        { event: "tick", data: [2, [{ base64: "AQ==" }]] },
      ]);
      await publisher.publish(room, "tick", 3);
      const second = await read(t, { url, live, offset: first.cursor });
      await publisher.publish(room, "tick", 4);
      await until("the rest", () => second.items.length === 2);
      assert.deepEqual(second.items.map(({ data }) => data[0]), [3, 4]);
    });

    test(`${live}: connections that are cut lose nothing`, async (t) => {
      const proxy = await SteppingProxy.start(server.port);
      t.after(() => proxy.stop());
      const room = `cut ${live}`;
      const reading = await read(t, { url: proxy.url + feedPath("/news", room), live, offset: "now" });
      let count = 0;
      for (const step of ["behind the head", "before the head", "in the middle of an event"]) {
        await publisher.publish(room, "tick", `event ${count++}`);
        await until("the event", () => reading.items.length === count);
        proxy.loseAt(step);
        proxy.cut();
        await publisher.publish(room, "tick", `event ${count++}`);
        await until("the connection to be lost", () => proxy.isCalm);
        await publisher.publish(room, "tick", `event ${count++}`);
        await until("the events", () => reading.items.length >= count);
      }
      assert.equal(proxy.lost, 3);
      assert.deepEqual(reading.items.map(({ data }) => data[0]), texts(count));
    });

    test(`${live}: a stream that it writes, to its end`, async (t) => {
      const url = `${server.url}/v1/stream/durable-${live}`;
      const handle = await DurableStream.create({ url, contentType: "application/json" });
      const reading = await read(t, { url, live, offset: "-1" });
      const values = [{ n: 1 }, [2, [3]], "four", null];
      for (const value of values) await handle.append(JSON.stringify(value));
      await until("all values", () => reading.items.length === values.length);
      await handle.close({ body: JSON.stringify({ last: true }) });
      await within(PATIENCE, "the end", reading.response.closed);
      await until("what came before the end", () => reading.items.length > values.length, 2_000);
      assert.deepEqual(reading.items, [...values, { last: true }]);
    });

    test(`${live}: a foreign cursor is an error that says what to do`, async () => {
      const url = server.url + feedPath("/news", `foreign ${live}`);
      await assert.rejects(stream({ url, live, offset: FOREIGN }), (error) => {
        assert.equal(error.status, 410);
        assert.match(JSON.stringify(error), /oldest/);
        return true;
      });
    });
  }

  test("an unknown feed is an error", async () => {
    const url = server.url + feedPath("/nobody has this");
    await assert.rejects(stream({ url, live: false }), { status: 404 });
  });
});
