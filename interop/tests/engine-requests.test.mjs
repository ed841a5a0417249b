// Requests that are wrong, and how Engine.IO answers them to the letter: status, headers, body, and
// what becomes of the session and of its neighbour. `stand-in engine-v4`, bytes written by hand
// where a client library would not send them.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { RawTcp } from "./support/frames.mjs";
import { standIn } from "./support/program.mjs";
import { Endpoint, RawWebSocket } from "./support/raw.mjs";

let server;
let endpoint;
before(async () => {
  server = await standIn("engine-v4", "--ping-interval", "60000");
  endpoint = new Endpoint(server.url, "/engine.io/");
});
after(() => server?.stop());

const target = (query) => `/engine.io/?${new URLSearchParams({ EIO: "4", ...query })}`;

/** The beginning of a POST whose body is `declared` bytes long. */
function postHead(sid, declared) {
  return `POST ${target({ transport: "polling", sid })} HTTP/1.1\r\nHost: localhost\r\n`
    + `Content-Type: text/plain;charset=UTF-8\r\nContent-Length: ${declared}\r\n\r\n`;
}

describe("upgrades that are refused", () => {
  for (const [name, query, text] of [
    ["an unknown transport", { transport: "abc" }, "Transport unknown"],
    ["no transport", {}, "Transport unknown"],
    ["an unknown session", { transport: "websocket", sid: "AAAAAAAAAAAAAAAAAAAA" }, "Session ID unknown"],
    ["a malformed session", { transport: "websocket", sid: "abc" }, "Session ID unknown"],
    ["a session named __proto__", { transport: "websocket", sid: "__proto__" }, "Session ID unknown"],
  ]) {
    test(`${name}: 400 and the reason as plain text`, async () => {
      const raw = await RawTcp.connect(server.port);
      const head = await raw.upgrade(target(query));
      assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/);
      assert.match(head, /^connection: close\r?$/im);
      assert.match(head, /^content-type: text\/html\r?$/im);
      assert.match(head, new RegExp(`^content-length: ${text.length}\\r?$`, "im"));
      await raw.ended;
      assert.equal(raw.rest, text);
    });
  }

  test("an origin that is not ours: 400 and the reason as plain text", async () => {
    const raw = await RawTcp.connect(server.port);
    const head = await raw.upgrade(target({ transport: "websocket" }), { Origin: "http://elsewhere.example" });
    assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/);
    await raw.ended;
    assert.equal(raw.rest, "Forbidden");
  });
});

describe("origins", () => {
  const handshake = { EIO: "4", transport: "polling" };

  test("another host is refused like allowRequest does it", async () => {
    for (const origin of ["http://elsewhere.example", "null", `http://localhost:${server.port + 1}`]) {
      const response = await endpoint.request(handshake, { headers: { origin } });
      assert.equal(response.status, 403, origin);
      assert.equal(await response.text(), '{"code":4,"message":"Forbidden"}');
    }
  });

  test("the same host and port is allowed, whatever the scheme, and so is none", async () => {
    for (const headers of [{ origin: server.url }, { origin: server.url.replace("http", "https") }, {}]) {
      assert.equal((await endpoint.request(handshake, { headers })).status, 200);
      const socket = await RawWebSocket.open(endpoint.address(), { headers });
      socket.terminate();
    }
  });
});

describe("paths", () => {
  for (const [path, status] of [
    ["/engine.io/", 200],
    ["/engine.io/deeper/still", 200],
    ["/engine.iox/", 404],
    ["/engine", 404],
    ["/", 404],
  ]) {
    test(`${path} is answered with ${status}`, async () => {
      const response = await fetch(`${server.url}${path}?EIO=4&transport=polling`);
      await response.text();
      assert.equal(response.status, status);
    });
  }
});

describe("posts", () => {
  test("two at the same time end the session, the neighbour goes on", async () => {
    const neighbour = await endpoint.poll();
    const session = await endpoint.poll();
    const raw = await RawTcp.connect(server.port);
    raw.write(`${postHead(session.sid, 6)}4he`);
    await endpoint.settle();
    const second = await session.post("4second");
    assert.deepEqual(second, { status: 400, text: "" });
    raw.destroy();
    assert.equal((await session.get()).status, 400);
    await neighbour.post("4on");
    assert.deepEqual(await neighbour.packets(), ["4on"]);
  });

  test("one that the client gives up ends the session", async () => {
    const session = await endpoint.poll();
    const raw = await RawTcp.connect(server.port);
    raw.write(`${postHead(session.sid, 6)}4he`);
    await endpoint.settle();
    raw.destroy();
    assert.equal((await session.gone()).code, 1);
  });

  test("too long by their Content-Length are 413 at once and end the session", async () => {
    const session = await endpoint.poll();
    const raw = await RawTcp.connect(server.port);
    raw.write(postHead(session.sid, 1_000_001));
    assert.match(await raw.head(), /^HTTP\/1\.1 413 /);
    raw.destroy();
    assert.equal((await session.gone()).code, 1);
  });

  test("too long in chunks are 413 and end the session", async () => {
    const session = await endpoint.poll();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from("4"));
        for (let chunk = 0; chunk < 11; chunk += 1) controller.enqueue(Buffer.alloc(100_000, "x"));
        controller.close();
      },
    });
    const headers = { "content-type": "text/plain;charset=UTF-8" };
    const status = await session.request({ method: "POST", body, headers, duplex: "half" }).then(
      (response) => response.status,
      // The server answers and closes while this client still writes, so the answer may be lost.
      () => 413,
    );
    assert.equal(status, 413);
    assert.equal((await session.gone()).code, 1);
  });

  test("of packets that mean nothing are taken and ignored", async () => {
    const session = await endpoint.poll();
    for (const packet of ["0", "6"]) assert.deepEqual(await session.post(packet), { status: 200, text: "ok" });
    await session.post("4on");
    assert.deepEqual(await session.packets(), ["4on"]);
  });

  test("what stands before a broken packet arrives, what stands after it does not", async () => {
    const session = await endpoint.poll();
    const neighbour = await endpoint.poll();
    await session.post("4a", "x", "4b");
    const { status, text } = await session.get();
    assert.ok(status === 400 || !text.includes("4b"), text);
    assert.equal((await session.get()).status, 400);
    await neighbour.post("4on");
    assert.deepEqual(await neighbour.packets(), ["4on"]);
  });
});

describe("queries", () => {
  test("the last of repeated parameters counts, an empty session is none", async () => {
    for (const query of ["EIO=3&EIO=4&transport=abc&transport=polling", "EIO=4&transport=polling&sid="]) {
      const response = await fetch(`${endpoint.http}?${query}`);
      assert.equal(response.status, 200, query);
      assert.equal((await response.text())[0], "0");
    }
  });

  test("a session of polling is not one of WebSocket", async () => {
    const session = await endpoint.poll();
    const response = await endpoint.request({ EIO: "4", transport: "websocket", sid: session.sid });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).code, 3);
  });
});
