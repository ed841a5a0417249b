// Engine.IO 4 as the protocol document and the official server have it, against
// `stand-in engine-v4`: an echo under /engine.io/ with a heartbeat of 300 ms and 200 ms.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CALM, engineCases, STILL } from "./support/engine-cases.mjs";
import { standIn } from "./support/program.mjs";
import { Endpoint } from "./support/raw.mjs";

const servers = [];
/** The one that everything else here talks to. */
let endpoint;
let brisk;
let calm;
before(async () => {
  for (const args of [[], CALM, STILL]) servers.push(await standIn("engine-v4", ...args));
  [brisk, calm, endpoint] = servers.map((server) => new Endpoint(server.url, "/engine.io/"));
});
after(() => Promise.all(servers.map((server) => server.stop())));

engineCases({ brisk: () => brisk, calm: () => calm, still: () => endpoint }, ["4hello", "4again"]);

describe("messages over polling", () => {
  test("one text packet comes back", async () => {
    const session = await endpoint.poll();
    const response = await session.request({ method: "POST", body: "4hello" });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/html");
    assert.equal(await response.text(), "ok");
    assert.deepEqual(await session.packets(), ["4hello"]);
  });

  test("several packets come back in order in one payload", async () => {
    const session = await endpoint.poll();
    await session.post("4test1", "4test2", "4test3");
    assert.deepEqual(await session.packets(), ["4test1", "4test2", "4test3"]);
  });

  test("text and binary come back in order, letters beyond ASCII unharmed", async () => {
    const session = await endpoint.poll();
    await session.post("4안녕 €", "bAQIDBA==", "4🐟");
    assert.deepEqual(await session.packets(), ["4안녕 €", "bAQIDBA==", "4🐟"]);
  });

  test("a parked poll is answered by what is posted meanwhile", async () => {
    const session = await endpoint.poll();
    const parked = session.packets();
    await session.post("4now");
    assert.deepEqual(await parked, ["4now"]);
  });

  for (const [name, body] of [["an unknown packet type", "abc"], ["an empty payload", ""], ["binary junk", "\x00\xff"]]) {
    test(`${name} ends the session`, async () => {
      const session = await endpoint.poll();
      const { status } = await session.post(body);
      assert.ok(status === 200 || status === 400, `status ${status}`);
      assert.equal((await session.get()).status, 400);
    });
  }

  test("a body of another content type ends the session", async () => {
    const session = await endpoint.poll();
    const headers = { "content-type": "application/octet-stream" };
    const response = await session.request({ method: "POST", body: "4x", headers });
    assert.equal(response.status, 400);
    assert.equal((await session.get()).status, 400);
  });

  test("PUT and DELETE with a session are 500 and leave it alone", async () => {
    const session = await endpoint.poll();
    for (const method of ["PUT", "DELETE"]) {
      assert.equal((await session.request({ method })).status, 500);
    }
    await session.post("4still here");
    assert.deepEqual(await session.packets(), ["4still here"]);
  });

  test("a second poll at the same time ends the session", async () => {
    const session = await endpoint.poll();
    const answers = await Promise.all([session.get(), session.get()]);
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 400]);
    assert.equal(answers.find(({ status }) => status === 200).text, "1");
    assert.equal(answers.find(({ status }) => status === 400).text, "");
    assert.equal((await session.get()).status, 400);
  });

  test("a poll that the client gives up ends the session", async () => {
    const session = await endpoint.poll();
    const giveUp = new AbortController();
    const parked = session.get({ signal: giveUp.signal });
    await endpoint.settle();
    giveUp.abort();
    await assert.rejects(parked, { name: "AbortError" });
    assert.equal((await session.get()).status, 400);
  });

  test("a body at the limit is taken, one above it is 413 and ends the session", async () => {
    const session = await endpoint.poll();
    assert.equal((await session.post(`4${"x".repeat(999_998)}`)).status, 200);
    assert.equal((await session.packets())[0].length, 999_999);
    assert.equal((await session.post(`4${"x".repeat(999_999)}`)).status, 200);
    assert.equal((await session.packets())[0].length, 1_000_000);
    const over = await session.post(`4${"x".repeat(1_000_000)}`);
    assert.deepEqual(over, { status: 413, text: "" });
    assert.equal((await session.gone()).code, 1);
  });
});

describe("messages over WebSocket", () => {
  test("text comes back as text, binary as binary, in order", async () => {
    const socket = await endpoint.webSocket();
    for (const message of ["4hello", Buffer.from([1, 2, 3, 4]), "4세계", Buffer.alloc(0)]) socket.send(message);
    assert.equal(await socket.next(), "4hello");
    assert.deepEqual(await socket.next(), Buffer.from([1, 2, 3, 4]));
    assert.equal(await socket.next(), "4세계");
    assert.deepEqual(await socket.next(), Buffer.alloc(0));
    socket.terminate();
  });

  test("an unknown packet type ends the session", async () => {
    const socket = await endpoint.webSocket();
    socket.send("abc");
    await socket.end();
  });

  test("a message at the limit comes back, one above it is closed with 1009", async () => {
    const socket = await endpoint.webSocket();
    const atLimit = `4${"x".repeat(999_999)}`;
    socket.send(atLimit);
    assert.equal((await socket.next()).length, atLimit.length);
    socket.send(`4${"x".repeat(1_000_000)}`);
    assert.equal((await socket.end()).code, 1009);
  });

  test("packets of the client that mean nothing are ignored", async () => {
    const socket = await endpoint.webSocket();
    socket.send("6");
    socket.send("0");
    socket.send("4after");
    assert.equal(await socket.next(), "4after");
    socket.terminate();
  });
});

describe("messages during the upgrade", () => {
  test("nothing is lost, repeated or reordered", async () => {
    const { RawWebSocket } = await import("./support/raw.mjs");
    const session = await endpoint.poll();
    const received = [];
    let polling = true;
    const polls = (async () => {
      while (polling) {
        const packets = await session.packets();
        received.push(...packets.filter((packet) => packet.startsWith("4")));
        if (packets.includes("6")) return;
      }
    })();
    const posts = [];
    for (let index = 0; index < 50; index += 1) {
      const { status } = await session.post(`4${index}`);
      assert.equal(status, 200);
      posts.push(`4${index}`);
    }
    const socket = await RawWebSocket.open(endpoint.address({ sid: session.sid }));
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    await session.post("4between");
    await polls;
    polling = false;
    socket.send("5");
    for (let index = 50; index < 100; index += 1) socket.send(`4${index}`);
    while (received.at(-1) !== "499") {
      const message = await socket.next();
      if (message === "2") socket.send("3");
      else received.push(message);
    }
    const expected = [...posts, "4between", ...Array.from({ length: 50 }, (_, index) => `4${index + 50}`)];
    assert.deepEqual(received, expected);
    socket.terminate();
  });
});
