// A feed in a shell: every road with `curl`, byte for byte, and what a script does that goes on from the last
// line it has seen.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { CURSOR, feedPath, FOREIGN, Publisher } from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";
import { SteppingProxy, STEPS } from "./support/steps.mjs";
import { until } from "./support/waiting.mjs";

const run = promisify(execFile);

let server;
let publisher;
before(async () => {
  server = await standIn("feeds", "--long-poll", "100");
  publisher = await Publisher.connect(server.url);
});
after(async () => {
  publisher?.close();
  await server?.stop();
});

const room = (name) => server.url + feedPath("/", name);

/** What curl prints with `--include`. */
async function curl(url, ...options) {
  const { stdout } = await run("curl", ["--silent", "--include", "--max-time", "60", ...options, url]);
  const [head, ...body] = stdout.split("\r\n\r\n");
  const [line, ...rest] = head.split("\r\n");
  const headers = Object.fromEntries(rest.map((text) => {
    const [name, value] = text.split(/: (.*)/s, 2);
    return [name.toLowerCase(), value];
  }));
  return { status: Number(line.split(" ")[1]), headers, body: body.join("\r\n\r\n") };
}

/** A curl that prints as it reads: `text` is what it has printed so far. */
function follow(t, url, ...options) {
  const child = spawn("curl", ["--silent", "--no-buffer", ...options, url], { stdio: ["ignore", "pipe", "inherit"] });
  const following = { text: "", exit: undefined, stop: () => child.kill() };
  child.stdout.setEncoding("utf8").on("data", (chunk) => (following.text += chunk));
  following.ended = new Promise((resolve) => child.on("close", resolve));
  following.ended.then((code) => (following.exit = code ?? "killed"));
  t.after(following.stop);
  return following;
}

const shows = (following, text) => until(`curl to print ${JSON.stringify(text)}`, () => {
  if (following.text.includes(text)) return true;
  if (following.exit !== undefined) throw new Error(`curl ended with ${following.exit}:\n${following.text}`);
  return false;
});

const EVENT_SOURCE = ["--header", "Accept: text/event-stream"];
const NDJSON = ["--header", "Accept: application/x-ndjson"];

describe("what is there", () => {
  test("all of it, its cursor and its ETag; 304 while nothing is new", async () => {
    await curl(room("kept"));
    await publisher.publish("kept", "tick", 1, { two: [null] });
    await publisher.publish("kept", "tock");
    const first = await curl(room("kept"));
    assert.equal(first.status, 200);
    assert.equal(first.body, '[{"event":"tick","data":[1,{"two":[null]}]},{"event":"tock","data":[]}]');
    assert.equal(first.headers["content-type"], "application/json");
    assert.equal(first.headers["content-length"], String(first.body.length));
    assert.match(first.headers["stream-next-offset"], CURSOR);
    assert.equal(first.headers["stream-up-to-date"], "true");
    assert.equal(first.headers["x-content-type-options"], "nosniff");
    const { etag } = first.headers;
    assert.match(etag, /^"[!\x23-\x7e]+"$/);
    for (const value of [etag, `"other", ${etag}`, `W/${etag}`, "*"]) {
      const same = await curl(room("kept"), "--header", `If-None-Match: ${value}`);
      assert.deepEqual([same.status, same.body], [304, ""], value);
      assert.equal(same.headers.etag, etag);
      assert.equal(same.headers["stream-next-offset"], first.headers["stream-next-offset"]);
    }
    await publisher.publish("kept", "tick", 2);
    const changed = await curl(room("kept"), "--header", `If-None-Match: ${etag}`);
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.etag, etag);
  });

  test("from a cursor, and nothing behind the last", async () => {
    await curl(room("part"));
    const start = (await curl(`${room("part")}?offset=now`)).headers["stream-next-offset"];
    await publisher.publish("part", "tick", 1);
    const one = await curl(`${room("part")}?offset=${start}`);
    assert.equal(one.body, '[{"event":"tick","data":[1]}]');
    const none = await curl(`${room("part")}?offset=${one.headers["stream-next-offset"]}`);
    assert.deepEqual([none.status, none.body], [200, "[]"]);
    assert.equal(none.headers["stream-next-offset"], one.headers["stream-next-offset"]);
  });

  test("HEAD: where its end is, without a body", async () => {
    await curl(room("head"));
    await publisher.publish("head", "tick", 1);
    const get = await curl(room("head"));
    const head = await curl(room("head"), "--head");
    assert.deepEqual([head.status, head.body], [200, ""]);
    assert.equal(head.headers["stream-next-offset"], get.headers["stream-next-offset"]);
    assert.equal(head.headers["content-type"], "application/json");
    assert.match(head.headers["cache-control"], /no-store/);
  });
});

describe("what is to come", () => {
  test("a poll with `wait` is held until something is there", async (t) => {
    const start = (await curl(`${room("held")}?offset=now`)).headers["stream-next-offset"];
    const held = follow(t, `${room("held")}?offset=${start}&wait=25`, "--include");
    // It is answered, or it would not have ended.
    await publisher.publish("held", "tick", 1);
    assert.equal(await held.ended, 0);
    assert.match(held.text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.ok(held.text.endsWith('\r\n\r\n[{"event":"tick","data":[1]}]'));
  });

  test("a poll with `wait` ends empty with its time", async () => {
    const begun = performance.now();
    const { status, body, headers } = await curl(`${room("held in vain")}?offset=now&wait=1`);
    assert.deepEqual([status, body], [200, "[]"]);
    assert.equal(headers["stream-up-to-date"], "true");
    assert.ok(performance.now() - begun >= 900);
  });

  test("a long poll: what comes, or 204 when its time is over", async (t) => {
    const start = await curl(`${room("long")}?offset=now&live=long-poll`);
    assert.deepEqual([start.status, start.body], [204, ""]);
    assert.match(start.headers["stream-next-offset"], CURSOR);
    assert.match(start.headers["stream-cursor"], /^\d+$/);
    assert.equal(start.headers["stream-up-to-date"], "true");
    await publisher.publish("long", "tick", 1);
    const offset = start.headers["stream-next-offset"];
    const got = await curl(`${room("long")}?offset=${offset}&live=long-poll`);
    assert.deepEqual([got.status, got.body], [200, '[{"event":"tick","data":[1]}]']);
    assert.match(got.headers["stream-cursor"], /^\d+$/);
  });

  test("NDJSON, byte for byte", async (t) => {
    const lines = follow(t, room("lines"), ...NDJSON);
    await shows(lines, "\n");
    assert.equal(lines.text, "\n", "a blank line at once");
    await publisher.publish("lines", "tick", 1, "a\nb");
    await publisher.volatile("lines", "now", 2);
    await shows(lines, '"now"');
    await shows(lines, "[2]}\n");
    const next = (await curl(room("lines"))).headers["stream-next-offset"];
    assert.equal(lines.text, [
      "",
      `{"id":"${next}","event":"tick","data":[1,"a\\nb"]}`,
      '{"event":"now","data":[2]}',
      "",
    ].join("\n"));
  });

  test("EventSource, byte for byte", async (t) => {
    const start = (await curl(`${room("events")}?offset=now`)).headers["stream-next-offset"];
    const events = follow(t, room("events"), ...EVENT_SOURCE);
    await shows(events, "\n\n");
    assert.equal(events.text, `:\nretry: 2000\nid: ${start}\n\n`);
    await publisher.publish("events", "tick", 1, "a\nb");
    await publisher.volatile("events", "now", 2);
    await shows(events, "[2]\n\n");
    const next = (await curl(room("events"))).headers["stream-next-offset"];
    assert.equal(events.text, [
      `:\nretry: 2000\nid: ${start}\n\n`,
      `id: ${next}\nevent: tick\ndata: [1,"a\\nb"]\n\n`,
      "event: now\ndata: [2]\n\n",
    ].join(""));
  });

  test("Durable SSE, byte for byte", async (t) => {
    const start = (await curl(`${room("durable")}?offset=now`)).headers["stream-next-offset"];
    const control = (next) =>
      new RegExp(`event: control\\ndata:\\{"streamNextOffset":"${next}","streamCursor":"\\d+","upToDate":true\\}\\n\\n`);
    const events = follow(t, `${room("durable")}?offset=-1&live=sse`);
    await shows(events, "\n\n");
    assert.match(events.text, new RegExp(`^${control(start).source}$`));
    const { length } = events.text;
    await publisher.publish("durable", "tick", 1, "a\nb");
    await shows(events, "a\\nb");
    await until("the control event", () => events.text.slice(length).includes("upToDate"));
    await shows(events, "}\n\n");
    const next = (await curl(room("durable"))).headers["stream-next-offset"];
    const data = 'event: data\ndata:[{"event":"tick","data":[1,"a\\nb"]}]\n\n';
    assert.ok(events.text.slice(length).startsWith(data), events.text);
    assert.match(events.text.slice(length + data.length), new RegExp(`^${control(next).source}$`));
  });

  test("heads of answers that go on", async (t) => {
    for (const [query, options, type] of [
      ["", EVENT_SOURCE, "text/event-stream"],
      ["", NDJSON, "application/x-ndjson"],
      ["?offset=now&live=sse", [], "text/event-stream"],
    ]) {
      const following = follow(t, room("heads") + query, "--include", ...options);
      await shows(following, "\r\n\r\n");
      const head = following.text.split("\r\n\r\n")[0].split("\r\n").slice(1).map((line) => line.toLowerCase());
      // First, for a browser that has no more of the head than that.
      assert.equal(head[0], `content-type: ${type}`);
      assert.ok(head.includes("cache-control: no-cache, no-store, no-transform"));
      assert.ok(head.includes("x-content-type-options: nosniff"));
      assert.ok(head.includes("x-accel-buffering: no"));
      assert.ok(head.some((line) => /^stream-next-offset: [\w-]{38}$/.test(line)), head.join("\n"));
      assert.ok(!head.some((line) => line.startsWith("content-length")));
      following.stop();
    }
  });
});

describe("a script that goes on from the last line it has seen", () => {
  for (const [road, options, seen] of [
    ["NDJSON", NDJSON, (text) => text.split("\n").slice(0, -1).filter(Boolean).map((line) => JSON.parse(line))],
    ["EventSource", EVENT_SOURCE, (text) => text.split("\n\n").slice(0, -1).flatMap((block) => {
      const [, id, data] = /^id: (.*)\nevent: tick\ndata: (.*)$/.exec(block) ?? [];
      return id ? [{ id, data: JSON.parse(data) }] : [];
    })],
  ]) {
    for (const step of Object.keys(STEPS).filter((step) => road !== "NDJSON" || step !== "in the middle of an id")) {
      test(`${road}: lost ${step}, every event once and in order`, async (t) => {
        const proxy = await SteppingProxy.start(server.port);
        t.after(() => proxy.stop());
        const name = `script ${road} ${step}`;
        const url = proxy.url + feedPath("/", name);
        await curl(room(name));
        let count = 0;
        const publish = () => publisher.publish(name, "tick", `event ${count++}`);
        const events = [];
        for (let round = 0; events.length < 12; round += 1) {
          if (round % 2 === 0) proxy.loseAt(step);
          const last = events.at(-1)?.id;
          const from = last ? ["--header", `Last-Event-ID: ${last}`] : ["--get", "--data", "offset=-1"];
          const following = follow(t, url, ...options, ...from);
          await publish();
          await publish();
          const known = events.length;
          await until("the events, or the end", () =>
            following.exit !== undefined || known + seen(following.text).length === count);
          if (following.exit === undefined) proxy.cut();
          await following.ended;
          events.push(...seen(following.text));
        }
        assert.deepEqual(events.map(({ data }) => data[0]), events.map((_, index) => `event ${index}`));
        assert.ok(proxy.lost >= 2);
      });
    }
  }
});

describe("what is refused says what to do", () => {
  for (const [what, path, status, code, ...options] of [
    ["an unknown namespace", "/socket.io/feeds/nobody%20has%20this", 404, "unknown_feed"],
    ["a room that nobody may read", feedPath("/", "secret"), 403, "refused"],
    ["a namespace without a rule", feedPath("/closed"), 403, "refused"],
    ["too many segments", `${feedPath("/", "a")}/b`, 404, "unknown_feed"],
    ["another road", `${feedPath("/")}?live=carrier-pigeon&offset=-1`, 400, "bad_request"],
    ["a long poll without an offset", `${feedPath("/")}?live=long-poll`, 400, "bad_request"],
    ["a wait that is no number", `${feedPath("/")}?wait=long`, 400, "bad_request"],
    ["a wait of less than nothing", `${feedPath("/")}?wait=-1`, 400, "bad_request"],
    ["a cursor that is none", `${feedPath("/")}?offset=1`, 400, "malformed"],
    ["a cursor of another feed", `${feedPath("/")}?offset=${FOREIGN}`, 410, "foreign"],
    ["a method that feeds do not have", feedPath("/"), 405, "method_not_allowed", "--request", "DELETE"],
    ["a stream that is not there", "/v1/stream/nobody-made-this", 404, "unknown_stream"],
  ]) {
    test(what, async () => {
      const answer = await curl(server.url + path, ...options);
      assert.equal(answer.status, status);
      assert.match(answer.headers["content-type"], /^application\/json/);
      assert.equal(answer.headers["x-content-type-options"], "nosniff");
      const { error } = JSON.parse(answer.body);
      assert.equal(error.code, code);
      assert.match(error.message, /^.*\S \S.*$/);
      if (status === 405) assert.match(answer.headers.allow, /\bGET\b/);
    });
  }
});
