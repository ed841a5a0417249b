// Names that applications, tools and the tests of socket.io-client reach into. They exist in every
// build with everything, the minified ones included.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";

import { WebSocket } from "ws";

import { startServer } from "./reference-server.mjs";

const require = createRequire(import.meta.url);
const event = (emitter, name) =>
  new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));

let server;
before(async () => {
  globalThis.WebSocket ??= WebSocket;
  server = await startServer();
});
after(() => server.close());

const load = (file) => require(`../dist/${file}`);

/** Members of socket.io-client that this client does not have: what they do is done elsewhere. */
const LEFT_OUT = {
  // The queue of `retries` holds functions; acknowledgements are registered by `emit`.
  Socket: "_addToQueue _clearAcks _drainQueue _queueSeq _registerAckCallback _sendConnectPacket notifyOutgoingListeners",
  // The connection's events are handled where it is opened.
  Manager: "cleanup ondata ondecoded onerror onopen onping onreconnect subs",
  EngineSocket: "_getWritablePackets _onDrain _pingTimeoutTimer _probe _resetPingTimeout onHandshake onOpen",
  websocket: "_hostname _port _query addEventListeners createSocket doWrite onPacket pause",
  // There is no XMLHttpRequest.
  polling: "_hostname _poll _port _query doPoll doWrite onPacket pollXhr request",
};

/** Names of the members that an object has itself or by its classes. */
function membersOf(object) {
  const names = new Set();
  for (let owner = object; owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
    for (const name of Object.getOwnPropertyNames(owner)) names.add(name);
  }
  return names;
}

/** Connected objects of a client, by the name of their class. */
async function objectsOf(io) {
  const sockets = ["websocket", "polling"].map((name) => io(server.url, { forceNew: true, transports: [name] }));
  for (const socket of sockets) socket.onAny(() => {}).onAnyOutgoing(() => {});
  await Promise.all(sockets.map((socket) => event(socket, "connect")));
  const [{ io: Manager }, { io: other }] = sockets;
  return {
    Socket: sockets[0],
    Manager,
    EngineSocket: Manager.engine,
    websocket: Manager.engine.transport,
    polling: other.engine.transport,
    close: () => sockets.forEach((socket) => socket.disconnect()),
  };
}

for (const file of ["node/index.cjs", "browser/index.cjs", "scripts/socket.io.js", "scripts/socket.io.min.js"]) {
  describe(`known names in ${file}`, { timeout: 180_000 }, () => {
    it("are those of socket.io-client, but for some", async () => {
      const ours = await objectsOf(load(file));
      const official = await objectsOf(require("socket.io-client"));
      for (const [name, leftOut] of Object.entries(LEFT_OUT)) {
        const members = membersOf(ours[name]);
        const missing = [...membersOf(official[name])].filter((member) => !members.has(member));
        assert.deepEqual(missing.sort(), leftOut.split(" "), name);
      }
      ours.close();
      official.close();
    });

    it("have the values that socket.io-client gives them", async () => {
      const values = async (io) => {
        const objects = await objectsOf(io);
        const { Socket: socket, Manager: manager, EngineSocket: engine, websocket, polling } = objects;
        const before = [
          socket.ids,
          socket.subs.length > 0,
          socket._anyListeners.length,
          socket._anyOutgoingListeners.length,
          Object.keys(socket.flags),
          socket._lastOffset,
          socket.sendBuffer.length,
          socket.receiveBuffer.length,
          Object.keys(manager.nsps),
          manager._readyState,
          !!manager._reconnecting,
          manager.skipReconnect,
          manager.backoff.attempts,
          [manager.backoff.ms, manager.backoff.max, manager.backoff.factor, manager.backoff.jitter],
          "addTrailingSlash closeOnBeforeunload rememberUpgrade timestampParam transportOptions upgrade withCredentials"
            .split(" ")
            .map((name) => engine.opts[name]),
          manager._autoConnect,
          manager._reconnection,
          manager._reconnectionDelay,
          manager._reconnectionDelayMax,
          manager._reconnectionAttempts,
          manager._randomizationFactor,
          manager._timeout,
          typeof manager.encoder.encode,
          typeof manager.decoder.add,
          typeof manager.setTimeoutFn,
          engine._pingInterval,
          engine._pingTimeout,
          engine._upgrades,
          engine._maxPayload,
          !!engine.upgrading,
          engine.writeBuffer.length,
          Object.keys(engine._transportsByName).sort(),
          [websocket.name, websocket.readyState, websocket.supportsBinary, typeof websocket.ws.close],
          [polling.name, polling.readyState, polling.supportsBinary, polling._polling],
          websocket.socket === engine,
        ];
        socket.emit("echo", 1, () => {});
        const sent = [];
        const { packet } = socket;
        socket.packet = function (what) {
          sent.push(what.data);
          packet.call(this, what);
        };
        socket.volatile.emit("echo", 2);
        socket.emit("echo", 3);
        const delivered = [];
        const { emitEvent } = socket;
        socket.emitEvent = function (args) {
          delivered.push(args);
          emitEvent.call(this, args);
        };
        await event(socket, "echo");
        const after = [socket.ids, sent, delivered];
        const back = manager.backoff;
        after.push([back.duration() > 0, back.attempts], [back.reset(), back.attempts]);
        after.push(back.setMin(7), back.setMax(20), back.setJitter(0), [back.duration(), back.duration(), back.duration()]);
        manager.reconnection(false);
        after.push(manager.skipReconnect, manager._reconnection);
        objects.close();
        after.push(socket.subs, manager._readyState, manager.skipReconnect);
        return [...before, ...after];
      };
      assert.deepEqual(await values(load(file)), await values(require("socket.io-client")));
    });

    it("of sockets, managers and engines", async () => {
      const io = load(file);
      const socket = io(server.url, { forceNew: true, retries: 1, ackTimeout: 60_000 });
      const { io: manager } = socket;
      const { engine } = manager;
      const created = [];
      const packets = [];
      engine.on("packetCreate", ({ type, data }) => created.push([type, data]));
      engine.on("packet", ({ type }) => packets.push(type));
      engine.binaryType = "arraybuffer";
      assert.equal(engine.readyState, "opening");
      assert.equal(engine.id, undefined);
      assert.equal(socket._queue.length, 0);
      socket.emit("echo", 1, (error, value) => (socket.answer = [error, value, socket._queue.length]));
      assert.equal(socket._queue.length, 1);
      assert.deepEqual(socket.sendBuffer, []);
      await event(socket, "connect");
      while (!socket.answer) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual(socket.answer, [null, 1, 0]);
      assert.deepEqual(created.slice(0, 2), [["message", "0"], ["message", '20["echo",1]']]);
      assert.deepEqual(packets.slice(0, 2), ["open", "message"]);
      assert.equal(typeof engine.id, "string");
      assert.notEqual(engine.id, socket.id);
      assert.ok(engine._pingTimeoutTime > Date.now());
      const bytes = await new Promise((resolve) =>
        socket.emit("bytes", 3, (_error, value) => resolve(value)),
      );
      assert.ok(bytes instanceof ArrayBuffer);
      socket.timeout(5000).volatile.emit("echo", () => {});
      assert.equal(Object.keys(socket.acks).length <= 1, true);

      const closed = event(socket, "disconnect");
      engine.close();
      assert.equal((await closed)[0], "forced close");
      manager._close();
      assert.equal(engine.readyState, "closed");
    });

    it("are where programs change them for all sockets and managers", async (t) => {
      const io = load(file);
      const seen = [];
      for (const [owner, name] of [[io.Manager, "open"], [io.Socket, "onevent"], [io.Socket, "emit"], [io.Manager, "_packet"]]) {
        assert.equal(owner.prototype.constructor, owner);
        const before = owner.prototype[name];
        t.mock.method(owner.prototype, name, function (...args) {
          seen.push(name);
          return before.apply(this, args);
        });
      }
      const socket = io(server.url, { forceNew: true });
      assert.ok(socket instanceof io.Socket && socket.io instanceof io.Manager);
      const other = socket.io.socket("/other", { autoConnect: false });
      assert.ok(other instanceof io.Socket);
      socket.emit("echo", 1);
      await event(socket, "echo");
      assert.deepEqual([...new Set(seen)].sort(), ["_packet", "emit", "onevent", "open"]);
      socket.disconnect();
      other.disconnect();
    });

    it("a message that cannot be decoded closes the engine, and the manager reconnects", async () => {
      const { Manager } = load(file);
      const manager = new Manager(server.url, { reconnectionDelay: 5, reconnectionDelayMax: 5 });
      await event(manager, "open");
      const { engine } = manager;
      const closed = event(manager, "close");
      const reconnected = event(manager, "reconnect");
      engine.emit("data", "bad");
      assert.equal((await closed)[0], "parse error");
      assert.equal(engine.readyState, "closed");
      await reconnected;
      assert.notEqual(manager.engine, engine);
      manager._close();
    });

    it("a CONNECT packet without id says so to who hands it in", async () => {
      const io = load(file);
      const socket = io(server.url, { forceNew: true, autoConnect: false });
      const failed = event(socket, "connect_error");
      socket.onpacket({ nsp: "/", type: 0 });
      assert.ok((await failed)[0] instanceof Error);
    });

    it("nextTick runs later, before timers", async () => {
      const { nextTick } = load(file);
      const order = [];
      setTimeout(() => order.push("timer"));
      nextTick(() => order.push("tick"));
      order.push("now");
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual(order, ["now", "tick", "timer"]);
    });
  });
}

describe("a manager without address", () => {
  it("goes to this machine, to the host and port of its options", async () => {
    const { Manager } = await load("node/index.cjs");
    const { port } = new URL(server.url);
    const manager = new Manager({ host: "127.0.0.1", port, reconnection: false });
    await event(manager, "open");
    assert.equal(manager.engine.hostname, "127.0.0.1");
    manager._close();
    const other = new Manager({ autoConnect: false });
    assert.equal(other.uri, undefined);
  });
});
