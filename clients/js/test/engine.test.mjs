// The engine alone, as engine.io-client offers it.

import assert from "node:assert/strict";
import http from "node:http";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";

import { Socket, transports, XHR, NodeWebSocket } from "../dist/node/engine.mjs";

const require = createRequire(createRequire(import.meta.url).resolve("socket.io"));
const { Server } = require("engine.io");
const event = (emitter, name) =>
  new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));

describe("engine: addresses", () => {
  const cases = [
    // scheme's own ports and empty queries go without saying
    ["polling", {}, "http://a.example/engine.io"],
    ["polling", { port: 80, query: { sid: "x" } }, "http://a.example/engine.io?sid=x"],
    ["polling", { port: "8080" }, "http://a.example:8080/engine.io"],
    ["polling", { secure: true, port: 443 }, "https://a.example/engine.io"],
    ["polling", { secure: true, port: 80 }, "https://a.example:80/engine.io"],
    ["websocket", { secure: true, query: {} }, "wss://a.example/engine.io"],
    ["websocket", { hostname: "::1", port: 81 }, "ws://[::1]:81/engine.io"],
    ["websocket", { hostname: "[::1]", port: 80 }, "ws://[::1]/engine.io"],
  ];
  for (const [name, options, expected] of cases) {
    it(expected, () => {
      const common = { path: "/engine.io", hostname: "a.example", timestampRequests: false };
      assert.equal(new transports[name]({ ...common, ...options }).uri(), expected);
    });
  }

  it("has time stamps where they are wanted", () => {
    const common = { path: "/engine.io", hostname: "a.example", timestampParam: "stamp" };
    assert.match(new transports.polling(common).uri(), /\?stamp=[\w.]+$/);
    assert.doesNotMatch(new transports.websocket(common).uri(), /stamp/);
    const wanted = new transports.websocket({ ...common, timestampRequests: true });
    assert.match(wanted.uri(), /\?stamp=[\w.]+$/);
  });

  it("takes host names and ports from the address, or from options", (t) => {
    t.mock.method(Socket.prototype, "open", () => {});
    for (const [args, hostname, port] of [
      [["ws://a.example"], "a.example", "80"],
      [["wss://a.example:444"], "a.example", "444"],
      [["https://[::1]"], "::1", "443"],
      [[{ hostname: "a.example" }], "a.example", "80"],
      [[{ host: "a.example", secure: true }], "a.example", "443"],
      [[{ host: "::1", port: 8080 }], "::1", "8080"],
      [[], "localhost", "80"],
    ]) {
      const socket = new Socket(...args);
      assert.deepEqual([socket.hostname, socket.port], [hostname, port]);
    }
  });
});

describe("engine: sessions", { timeout: 180_000 }, () => {
  let server;
  let url;
  before(async () => {
    const listener = http.createServer();
    server = new Server();
    server.attach(listener);
    server.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
    await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${listener.address().port}`;
    server.listener = listener;
  });
  after(() => {
    server.close();
    server.listener.close();
    server.listener.closeAllConnections();
  });

  for (const [Transport, name] of [[XHR, "polling"], [NodeWebSocket, "websocket"]]) {
    it(`carries text and binary by the class of ${name}`, async () => {
      const socket = new Socket(url, { transports: [Transport] });
      await event(socket, "open");
      assert.equal(socket.transport.name, name);
      socket.send("hello €");
      assert.deepEqual(await event(socket, "message"), ["hello €"]);
      socket.write(Buffer.from([1, 2, 3]));
      const [bytes] = await event(socket, "message");
      assert.ok(Buffer.isBuffer(bytes));
      assert.deepEqual([...bytes], [1, 2, 3]);
      socket.close();
    });
  }

  it("opens again after a close", async () => {
    const socket = new Socket(url, { transports: ["websocket"] });
    await event(socket, "open");
    const { id } = socket;
    const closed = event(socket, "close");
    socket.close();
    await closed;
    socket.open();
    await event(socket, "open");
    assert.notEqual(socket.id, id);
    socket.close();
  });

  it("forgets what it could not send, but only after who listens to the end has seen it", async () => {
    const socket = new Socket(url, { transports: ["websocket"] });
    await event(socket, "open");
    socket.send("lost");
    const unsent = [];
    socket.on("close", () => unsent.push(...socket.writeBuffer.map(({ data }) => data)));
    socket._onClose("transport error");
    assert.deepEqual(unsent, ["lost"]);
    assert.deepEqual(socket.writeBuffer, []);
    const sent = [];
    socket.on("packetCreate", ({ data }) => sent.push(data));
    socket.open();
    await event(socket, "open");
    socket.send("new");
    await event(socket, "drain");
    assert.deepEqual(sent, ["new"]);
    socket.close();
  });

  it("has its id before it says what the server announced, and ends when a listener then closes it", async () => {
    const socket = new Socket(url, { transports: ["websocket"] });
    const seen = [];
    for (const name of ["handshake", "open", "close"]) {
      socket.on(name, () => seen.push([name, socket.readyState, typeof socket.id]));
    }
    socket.on("handshake", () => socket.close());
    await event(socket, "close");
    assert.deepEqual(seen.filter(([name]) => name !== "open"), [
      ["handshake", "open", "string"],
      ["close", "closed", "undefined"],
    ]);
    assert.equal(socket.readyState, "closed");
  });

  it("starts with WebSocket if that worked the last time and it is asked to remember", async () => {
    const socket = new Socket(url);
    assert.equal(socket.transport.name, "polling");
    await event(socket, "upgrade");
    socket.close();
    for (const [rememberUpgrade, name] of [[true, "websocket"], [false, "polling"]]) {
      const next = new Socket(url, { rememberUpgrade });
      assert.equal(next.transport.name, name);
      next.close();
    }
  });

  it("closes when everything is sent and the upgrade is done", async () => {
    const socket = new Socket(url);
    const order = [];
    socket.on("upgrade", () => order.push("upgrade"));
    await event(socket, "upgrading");
    socket.send("last");
    const closed = event(socket, "close");
    socket.close();
    socket.send("too late");
    await closed;
    assert.deepEqual(order, ["upgrade"]);
    assert.equal(socket.writeBuffer.length, 0);
  });
});
