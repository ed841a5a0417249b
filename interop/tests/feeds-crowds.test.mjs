// What strangers can be many of: readers who vanish, or take nothing, rooms, streams and tickets cost nobody else
// anything.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { describe, test } from "node:test";
import { ask, feedPath, isError, Listener, Publisher, STREAMING_ROADS, withQuery } from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";
import { reset } from "./support/resetting.mjs";
import { PATIENCE, until, within } from "./support/waiting.mjs";

const json = { "content-type": "application/json" };

describe("too many things", () => {
  test("rooms: a stranger who reads many leaves others theirs, and memory bounded", { timeout: 120_000 }, async (t) => {
    const crowded = await standIn("feeds");
    t.after(() => crowded.stop());
    const teller = await Publisher.connect(crowded.url);
    t.after(() => teller.close());
    const own = crowded.url + feedPath("/", "own");
    const listener = await Listener.open("NDJSON", own);
    await teller.publish("own", "tick", 1);
    const { cursor } = listener;
    const before = await crowded.residentBytes();
    // Half of them from one address, the others from many.
    const agents = Array.from({ length: 50 }, (_, index) =>
      new http.Agent({ keepAlive: true, maxSockets: 4, localAddress: `127.0.2.${1 + index}` }));
    t.after(() => agents.forEach((agent) => agent.destroy()));
    const rooms = Array.from({ length: 15_000 }, (_, index) => `${"room".repeat(50)} ${index}`);
    const asking = Array.from({ length: 8 }, async () => {
      while (rooms.length > 0) {
        const agent = agents[rooms.length % 2 === 0 ? 0 : rooms.length % agents.length];
        assert.equal((await ask(crowded.url + feedPath("/", rooms.pop()), {}, { agent })).status, 200);
      }
    });
    await Promise.all(asking);
    const grown = (await crowded.residentBytes()) - before;
    assert.ok(grown < 64 * 1024 * 1024, `${Math.round(grown / 2 ** 20)} MB for rooms of a stranger`);
    await teller.publish("own", "tick", 2);
    assert.deepEqual((await listener.take(2)).map(({ data }) => data[0]), [1, 2]);
    listener.close();
    assert.equal((await ask(withQuery(own, { offset: cursor }))).status, 200, "what was kept is still there");
  });

  test("streams, tickets", { timeout: 120_000 }, async (t) => {
    const crowded = await standIn("feeds");
    t.after(() => crowded.stop());
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const make = (index) => ask(`${crowded.url}/v1/stream/${index}`, json, { method: "PUT", agent });
    for (let index = 0; index < 1_000; index += 1) assert.equal((await make(index)).status, 201);
    isError(await make(1_000), 507, "full");
    assert.equal((await make(1)).status, 200, "those that are there are");
    assert.equal((await ask(`${crowded.url}/v1/stream/1`, {}, { method: "DELETE" })).status, 204);
    assert.equal((await make(1_000)).status, 201);
    const tickets = new Set();
    let last;
    for (let index = 0; index < 20_000 && last?.status !== 429; index += 1) {
      last = await ask(crowded.url + feedPath("/"), {}, { method: "POST", agent });
      if (last.status === 200) tickets.add(JSON.parse(last.body).ticket);
    }
    isError(last, 429, "too_many_tickets");
    for (const ticket of [...tickets].slice(0, 2)) {
      assert.equal((await ask(withQuery(crowded.url + feedPath("/"), { ticket }))).status, 200);
      isError(await ask(withQuery(crowded.url + feedPath("/"), { ticket })), 401, "bad_credentials");
      isError(await ask(withQuery(crowded.url + feedPath("/news"), { ticket: [...tickets][3] })), 401, "bad_credentials");
    }
  });
});

describe("readers", () => {
  const WAVE = 5_000;
  const PARTS = 50;

  /** So many readers on a road, from many addresses: resolves when each has the beginning of its answer. */
  async function wave(port, road, count) {
    const [path, accept] = {
      "EventSource": [feedPath("/", "wave"), "Accept: text/event-stream\r\n"],
      "NDJSON": [feedPath("/", "wave"), "Accept: application/x-ndjson\r\n"],
      "Durable SSE": [`${feedPath("/", "wave")}?live=sse&offset=now`, ""],
      "long poll": [`${feedPath("/", "wave")}?live=long-poll&offset=now`, ""],
    }[road];
    const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${accept}\r\n`;
    const sockets = [];
    const open = (index) => new Promise((resolve, reject) => {
      const localAddress = `127.0.1.${1 + (index % PARTS)}`;
      const socket = net.connect({ port, host: "127.0.0.1", localAddress });
      sockets.push(socket);
      socket.on("error", reject).setEncoding("latin1");
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
        if (/\r\n\r\n[^]*\n/.test(text)) resolve(text);
      });
      socket.on("connect", () => socket.write(request, road === "long poll" ? resolve : undefined));
    });
    for (let from = 0; from < count; from += 250) {
      const part = Array.from({ length: Math.min(250, count - from) }, (_, index) => open(from + index));
      const texts = await within(PATIENCE, "a part of the wave", Promise.all(part));
      for (const text of texts.filter(Boolean)) assert.match(text, /^HTTP\/1\.1 200 /);
      assert.ok(texts.every((text) => !text?.includes("overload")), "there is place for it");
    }
    return sockets;
  }

  test(`${WAVE} that vanish leave nothing behind, on every road`, { timeout: 300_000 }, async (t) => {
    const crowded = await standIn("feeds", "--readers-max", String(WAVE), "--long-poll", "120000");
    t.after(() => crowded.stop());
    const teller = await Publisher.connect(crowded.url);
    t.after(() => teller.close());
    const calm = await crowded.openFiles();
    let settled;
    // The first fills what stays filled, such as the allocator's pools; the same again costs nothing more.
    for (const road of ["EventSource", "EventSource", "NDJSON", "Durable SSE", "long poll", "EventSource"]) {
      const sockets = await wave(crowded.port, road, WAVE);
      await until(`${WAVE} connections`, async () => (await crowded.openFiles()) >= calm + WAVE);
      if (road !== "long poll") await teller.publish("wave", "tick", "x".repeat(1_000));
      sockets.forEach((socket, index) => {
        socket.on("error", () => {});
        if (index % 2 === 0) socket.destroy();
        else reset(socket);
      });
      await until("them to be gone", async () => (await crowded.openFiles()) <= calm + 2);
      await teller.publish("wave", "tick", "nobody is there");
      if (settled === undefined) {
        // Memory goes back after a while.
        let last;
        await until("memory to settle", async () => {
          const now = await crowded.residentBytes();
          const isSettled = last !== undefined && now >= last;
          last = now;
          await new Promise((resolve) => setTimeout(resolve, 500));
          return isSettled;
        });
        settled = last;
      }
    }
    const limit = settled + 8 * 1024 * 1024;
    await until("memory to be as it was", async () => (await crowded.residentBytes()) <= limit);
  });

  test("who takes nothing is cut, the others have each event at once", { timeout: 120_000 }, async (t) => {
    const strict = await standIn("feeds", "--history-events", "100", "--write-timeout", "1000");
    t.after(() => strict.stop());
    const teller = await Publisher.connect(strict.url);
    t.after(() => teller.close());
    const url = withQuery(strict.url + feedPath("/", "slow"), { offset: "now" });
    for (const road of STREAMING_ROADS) {
      const [slow, quick] = await Promise.all([Listener.open(road, url), Listener.open(road, url)]);
      const files = await strict.openFiles();
      slow.pause();
      let number = 0;
      let isCut = false;
      const large = "x".repeat(50_000);
      await until("the slow one to be cut", async () => {
        await teller.publish("slow", "tick", ++number, large);
        assert.equal((await quick.next()).data[0], number);
        isCut = (await strict.openFiles()) < files;
        return isCut;
      });
      assert.ok(number > 100, "it was let fall behind all that is kept first");
      quick.close();
      slow.close();
    }
  });

  test("who is slow is told where to go on, and its answer ends", { timeout: 120_000 }, async (t) => {
    const patient = await standIn("feeds", "--history-events", "100");
    t.after(() => patient.stop());
    const teller = await Publisher.connect(patient.url);
    t.after(() => teller.close());
    const url = withQuery(patient.url + feedPath("/", "slower"), { offset: "now" });
    for (const road of STREAMING_ROADS) {
      const [slow, quick] = await Promise.all([Listener.open(road, url), Listener.open(road, url)]);
      slow.pause();
      const large = "x".repeat(50_000);
      // More than connections hold on this machine, and more than the feed keeps.
      for (let number = 1; number <= 500; number += 1) {
        await teller.publish("slower", "tick", number, large);
        assert.equal((await quick.next()).data[0], number);
      }
      slow.resume();
      await within(PATIENCE, "its end", slow.ended);
      const events = await slow.take(slow.unread);
      // Durable Streams has no event for it: its answer ends, and the next request is told.
      const last = road === "Durable SSE" ? events.at(-1) : events.pop();
      assert.deepEqual(events.map(({ data }) => data[0]), events.map((_, index) => index + 1), road);
      assert.ok(events.length > 0 && events.length < 500, `${road}: ${events.length}`);
      if (road === "Durable SSE") {
        const { status, body } = await ask(withQuery(url, { live: "sse", offset: last.id }));
        assert.deepEqual([status, JSON.parse(body).reason], [410, "too_old"]);
      } else {
        assert.deepEqual([last.event, last.data.reason], ["gap", "overload"], road);
        // Where it goes on may be gone as well until it has read this, of which it is told again.
        const again = await Listener.open(road, withQuery(url, { offset: last.id }));
        const seen = [];
        while (seen.at(-1) !== 500) {
          const { event, data } = await again.next();
          if (event === "gap") assert.deepEqual([data.reason, seen], ["too_old", []]);
          else seen.push(data[0]);
        }
        assert.deepEqual(seen, seen.map((_, index) => seen[0] + index));
        again.close();
      }
      quick.close();
    }
  });
});
