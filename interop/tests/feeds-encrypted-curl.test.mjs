// Feeds over HTTPS, with HTTP/1.1 and with HTTP/2, where an answer shares its connection with others: every road
// with `curl`.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { CURSOR, feedPath, FOREIGN, Publisher } from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";
import { until } from "./support/waiting.mjs";

const run = promisify(execFile);
const PLACES = 8;

let server;
let publisher;
let url;
before(async () => {
  server = await standIn("feeds", "--tls-self-signed", "--heartbeat", "100", "--long-poll", "300", "--readers-max", String(PLACES));
  url = server.url.replace("http:", "https:");
  publisher = await Publisher.connect(url);
});
after(async () => {
  publisher?.close();
  await server?.stop();
});

const NDJSON = ["--header", "Accept: application/x-ndjson"];
const EVENT_SOURCE = ["--header", "Accept: text/event-stream"];

for (const [version, option] of [["HTTP/1.1", "--http1.1"], ["HTTP/2", "--http2"]]) {
  const always = ["--silent", "--insecure", "--no-buffer", "--max-time", "60", option];

  /** What curl prints, with the status and the version behind it. */
  async function curl(path, ...options) {
    const write = ["--write-out", "\n%{http_code} %{http_version}"];
    const { stdout } = await run("curl", [...always, ...write, ...options, url + path], { maxBuffer: 2 ** 26 });
    const at = stdout.lastIndexOf("\n");
    const [status, used] = stdout.slice(at + 1).split(" ");
    assert.equal(`HTTP/${used}`, version);
    return { status: Number(status), text: stdout.slice(0, at) };
  }

  /** A curl that prints as it reads. */
  function follow(t, path, ...options) {
    const child = spawn("curl", [...always, ...options, url + path], { stdio: ["ignore", "pipe", "inherit"] });
    const following = { text: "", stop: () => child.kill() };
    child.stdout.setEncoding("utf8").on("data", (chunk) => (following.text += chunk));
    following.ended = new Promise((resolve) => child.on("close", resolve));
    t.after(following.stop);
    return following;
  }

  const shows = (following, text) => until(JSON.stringify(text), () => following.text.includes(text));

  describe(version, () => {
    for (const [road, query, options] of [
      ["NDJSON", "?offset=now", NDJSON],
      ["EventSource", "?offset=now", EVENT_SOURCE],
      ["Durable SSE", "?offset=now&live=sse", []],
    ]) {
      test(`${road}: opening, events and heartbeats as they happen`, async (t) => {
        const room = `${version} ${road}`;
        const following = follow(t, feedPath("/", room) + query, ...options);
        await shows(following, "\n");
        for (let number = 0; number < 5; number += 1) {
          await publisher.publish(room, "tick", `event ${number}`);
          await shows(following, `"event ${number}"`);
        }
        const { length } = following.text;
        await until("heartbeats", () => following.text.slice(length).split("\n").length > 4);
        following.stop();
        await following.ended;
      });
    }

    test("large events and many of them, in order", async (t) => {
      const room = `${version} large`;
      const following = follow(t, feedPath("/", room), ...NDJSON);
      await shows(following, "\n");
      const large = "x".repeat(300_000);
      for (let number = 0; number < 20; number += 1) await publisher.publish(room, "tick", number, large);
      const small = Array.from({ length: 500 }, (_, index) => publisher.publish(room, "tick", 20 + index, ""));
      await Promise.all(small);
      const lines = () => following.text.split("\n").filter(Boolean).length;
      await until("all of them", () => lines() === 520);
      const events = following.text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
      assert.deepEqual(events.map(({ data }) => data[0]), events.map((_, index) => index));
      assert.equal(events[0].data[1], large);
    });

    test("polls: what is there, 304, held, and 204", async () => {
      const path = feedPath("/", `${version} polls`);
      await curl(path);
      await publisher.publish(`${version} polls`, "tick", 1);
      const head = await curl(path, "--include");
      assert.equal(head.status, 200);
      assert.ok(head.text.endsWith('[{"event":"tick","data":[1]}]'));
      const etag = /^etag: (.*)\r$/im.exec(head.text)[1];
      const cursor = /^stream-next-offset: (.*)\r$/im.exec(head.text)[1];
      assert.match(cursor, CURSOR);
      assert.equal((await curl(path, "--header", `If-None-Match: ${etag}`)).status, 304);
      assert.equal((await curl(`${path}?offset=${cursor}&live=long-poll`)).status, 204);
      const held = curl(`${path}?offset=${cursor}&wait=25`);
      await publisher.publish(`${version} polls`, "tick", 2);
      assert.equal((await held).text, '[{"event":"tick","data":[2]}]');
      assert.equal((await curl(`${path}?offset=${FOREIGN}`)).status, 410);
    });

    test("a stream: made, written, read to its end, deleted", async (t) => {
      const path = `/v1/stream/${version}`;
      const json = ["--header", "Content-Type: application/json"];
      const made = await curl(path, "--include", "--request", "PUT", ...json);
      assert.equal(made.status, 201);
      assert.match(made.text, new RegExp(`^location: ${url}${path}\r$`, "im"));
      const following = follow(t, `${path}?offset=-1&live=sse`);
      await shows(following, "upToDate");
      assert.equal((await curl(path, ...json, "--data", "[{\"n\":1}]")).status, 204);
      await shows(following, 'data:[{"n":1}]');
      assert.equal((await curl(path, ...json, "--header", "Stream-Closed: true", "--data", "[3]")).status, 204);
      assert.equal(await following.ended, 0);
      assert.match(following.text, /data:\[3\]\n\nevent: control\n[^]*"streamClosed":true[^}]*\}\n\n$/);
      assert.equal((await curl(path, "--request", "DELETE")).status, 204);
    });

    test("readers who leave give their places back", async (t) => {
      for (let round = 0; round < 5; round += 1) {
        const path = feedPath("/", `${version} places ${round}`);
        const all = Array.from({ length: PLACES }, () => follow(t, path, ...NDJSON));
        await until("all of them to listen", () => all.every(({ text }) => text.length > 0));
        assert.ok(all.every(({ text }) => !text.includes("overload")), "there is place for all");
        all.forEach(({ stop }) => stop());
        await Promise.all(all.map(({ ended }) => ended));
      }
    });
  });
}
