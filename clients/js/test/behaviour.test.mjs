// What a Socket.IO client and server do together, seen from the client.
//
//   SOCKEYE_TEST_CLIENT   ours (default): dist/node/index.mjs · browser: dist/scripts/socket.io.min.js ·
//                         core: dist/socket.io.esm.min.js
//                         with Node's fetch · official: npm's socket.io-client
//   SOCKEYE_TEST_URL      server to use; without it test/reference-server.mjs is started
//
// The server must be this one (path /socket.io/, any port):
//
// Options: pingInterval 500 ms, pingTimeout 20,000 ms, maxHttpBufferSize 100,000 bytes, polling and
// websocket with upgrade, no connection state recovery; otherwise the official defaults.
//
// Namespaces:
//   /  /other   everybody may enter
//   /refuse     CONNECT_ERROR {"message":"refused","data":{"code":7,"list":["a",null]}}
//   /token      entered with auth.token === "secret", else CONNECT_ERROR
//               {"message":"bad token","data":{"token": the given one, or null}}
//   any other   CONNECT_ERROR {"message":"Invalid namespace"}
//
// Events in each namespace that was entered (`ack` is the acknowledgement function):
//   echo ...args ack      ack(...args)
//   echo ...args          emits echo ...args to the sender (binary included, as below everywhere)
//   auth ack              ack(payload of CONNECT, {} when there was none)
//   query name ack        ack(that parameter of the handshake's query string, null if missing)
//   transport ack         ack(name of the transport in use: "polling" or "websocket")
//   ask ...args           emits question ...args with an acknowledgement; when the client calls it
//                         with ...answers, emits answer ...answers
//   bytes n ack           ack(b, {"nested":[b]}), b being n bytes 0, 1, … 255, 0, 1, …
//   bytes n               emits bytes with the same two arguments
//   burst n               emits burst 0, burst 1, … burst n-1 at once
//   join room ack         joins, then ack()
//   leave room ack        leaves, then ack()
//   to-room room ...args  emits room ...args to the room without the sender
//   in-room room ...args  emits room ...args to the room, the sender included if it is in it
//   others ...args        emits others ...args to everybody else in the namespace
//   all ...args           emits all ...args to everybody in the namespace
//   disconnect-me close   disconnects the socket from the namespace (false) or closes the whole
//                         connection (true), as socket.disconnect(close) does
//   drop                  closes the Engine.IO session, without a DISCONNECT packet
//   reason-of id ack      ack(reason with which the socket of that id was disconnected, or null);
//                         remembered for all namespaces together
// Other events are ignored: no answer, no acknowledgement.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, it } from "node:test";

import { request } from "../dist/request.mjs";
import { startServer } from "./reference-server.mjs";

const which = process.env.SOCKEYE_TEST_CLIENT || "ours";
const io = await loadClient(which);

let server;
before(async () => {
  const url = process.env.SOCKEYE_TEST_URL;
  server = url ? { url: url.replace(/\/$/, ""), close() {} } : await startServer();
});
after(() => server.close());

const notInCore = { skip: which === "core" && "not part of the core" };

/** A method of the full client, for others a function. */
const ask = (socket, ...args) => (socket.request ? socket.request(...args) : request(socket, ...args));

const sockets = [];
afterEach(() => sockets.splice(0).forEach((socket) => socket.disconnect()));

const CLIENTS = {
  ours: "our client",
  browser: "our browser build",
  core: "our core for browsers",
  official: "the official client",
};

const MODES = {
  "polling only": ["polling"],
  "websocket only": ["websocket"],
  "polling, then websocket": ["polling", "websocket"],
};

for (const [mode, transports] of Object.entries(MODES)) {
  describe(`${CLIENTS[which]}, ${mode}`, { timeout: 180_000 }, () => suite(transports));
}

function suite(transports) {
  const upgrades = transports.length > 1;

  /** A socket with a connection of its own, unless `options` say otherwise. */
  function open(path = "/", options = {}) {
    const socket = io(server.url + path, { transports, forceNew: true, ...options });
    sockets.push(socket);
    return socket;
  }

  async function connected(path, options) {
    const socket = open(path, options);
    await event(socket, "connect");
    return socket;
  }

  it("connects, and upgrades if it may", async () => {
    const socket = open();
    assert.equal(socket.connected, false);
    assert.equal(socket.disconnected, true);
    assert.equal(socket.active, true);
    await event(socket, "connect");
    assert.equal(socket.connected, true);
    assert.equal(socket.id.length, 20);
    assert.notEqual(socket.id, socket.io.engine.id);
    assert.ok(!socket.recovered);
    const { engine } = socket.io;
    if (upgrades) {
      if (engine.transport.name === "polling") await event(engine, "upgrade");
      assert.equal(await socket.emitWithAck("transport"), "websocket");
    }
    assert.equal(engine.transport.name, transports.at(-1));
    assert.equal(await socket.emitWithAck("transport"), transports.at(-1));
  });

  it("is refused with a reason and data, and stays refused", async () => {
    const socket = open("/refuse");
    const [error] = await event(socket, "connect_error");
    assert.ok(error instanceof Error);
    assert.equal(error.message, "refused");
    assert.deepEqual(error.data, { code: 7, list: ["a", null] });
    assert.equal(socket.active, false);
    assert.equal(socket.connected, false);

    const [unknown] = await event(open("/nowhere"), "connect_error");
    assert.equal(unknown.message, "Invalid namespace");
  });

  it("sends auth from an object or a function", async () => {
    const plain = await connected("/");
    assert.deepEqual(await plain.emitWithAck("auth"), {});
    const object = await connected("/token", { auth: { token: "secret", n: 1 } });
    assert.deepEqual(await object.emitWithAck("auth"), { token: "secret", n: 1 });

    let token = "wrong";
    const socket = open("/token", { auth: (provide) => setTimeout(() => provide({ token }), 5) });
    const [error] = await event(socket, "connect_error");
    assert.equal(error.message, "bad token");
    assert.deepEqual(error.data, { token: "wrong" });
    token = "secret";
    socket.connect();
    await event(socket, "connect");
    assert.deepEqual(await socket.emitWithAck("auth"), { token: "secret" });
  });

  it("sends query parameters from the address and from the options", async () => {
    const byAddress = await connected("/?greeting=hi%20%26%20bye&b=%2B");
    assert.equal(await byAddress.emitWithAck("query", "greeting"), "hi & bye");
    assert.equal(await byAddress.emitWithAck("query", "b"), "+");
    const byOption = await connected("/other", { query: { "k&y": "1 +=?&한" } });
    assert.equal(await byOption.emitWithAck("query", "k&y"), "1 +=?&한");
    assert.equal(await byOption.emitWithAck("query", "missing"), null);
  });

  it("takes `+` in a query string for itself", async () => {
    const cases = [
      ["/?token=ab+cd/ef", {}, "ab+cd/ef"],
      ["/other?token=%EA%B0%80+%2B%20x", {}, "가++ x"],
      ["/", { query: "token=ab+cd" }, "ab+cd"],
      ["/", { query: { token: "ab+cd ef" } }, "ab+cd ef"],
      ["/?token=1", { query: { token: 2 } }, "1"],
    ];
    for (const [path, options, token] of cases) {
      const socket = await connected(path, options);
      assert.equal(await socket.emitWithAck("query", "token"), token, path);
      socket.disconnect();
    }
  });

  it("carries events with all kinds of arguments", async () => {
    const socket = await connected();
    const cases = [
      [],
      [null],
      [0, -1.5, 1e300, true, false],
      ["", "text", 'quote " \\ \u001e \n', "안녕 👋 \ud83d\ude00", "\u2028"],
      [{ a: [1, { b: [] }], "": {} }, [[]]],
      [{ _placeholder: true, num: 0 }],
      ["x".repeat(50_000)],
    ];
    for (const args of cases) {
      socket.emit("echo", ...args);
      assert.deepEqual(await event(socket, "echo"), args);
    }
    socket.emit("echo", new Date(0), undefined);
    assert.deepEqual(await event(socket, "echo"), ["1970-01-01T00:00:00.000Z", null]);
  });

  it("acknowledges both ways", async () => {
    const socket = await connected();
    const args = await new Promise((resolve) => {
      socket.emit("echo", 1, { two: 2 }, (...values) => resolve(values));
    });
    assert.deepEqual(args, [1, { two: 2 }]);
    assert.equal(await socket.emitWithAck("echo", "first", "second"), "first");

    socket.once("question", (value, ack) => {
      ack("yes", value);
      ack("a second answer does not count");
    });
    socket.emit("ask", { deep: [1] });
    assert.deepEqual(await event(socket, "answer"), ["yes", { deep: [1] }]);
    socket.once("question", (ack) => ack());
    socket.emit("ask");
    assert.deepEqual(await event(socket, "answer"), []);
  });

  it("tells of acknowledgements that do not come in time", async () => {
    const socket = await connected();
    const outcome = await new Promise((resolve) => {
      socket.timeout(50).emit("unknown event", (...values) => resolve(values));
    });
    assert.equal(outcome.length, 1);
    assert.equal(outcome[0].message, "operation has timed out");
    await assert.rejects(socket.timeout(50).emitWithAck("unknown event"), /timed out/);

    assert.equal(await socket.timeout(60_000).emitWithAck("echo", 5), 5);
    const intime = await new Promise((resolve) => {
      socket.timeout(60_000).emit("echo", 6, 7, (...values) => resolve(values));
    });
    assert.deepEqual(intime, [null, 6, 7]);
  });

  it("tells answers that are errors from values", async () => {
    const socket = await connected();
    const refusal = { error: { code: "full", message: "no room", data: { free: 0 } } };
    assert.equal("request" in socket, which === "ours" || which === "browser");
    const expected = { name: "RemoteError", code: "full", message: "no room", data: { free: 0 } };
    await assert.rejects(ask(socket, "echo", refusal), expected);
    await assert.rejects(ask(socket.timeout(60_000), "echo", refusal), expected);
    assert.deepEqual(await socket.emitWithAck("echo", refusal), refusal);
    for (const value of [{ id: 5 }, { ...refusal, id: 5 }, { error: "no" }, null]) {
      assert.deepEqual(await ask(socket, "echo", value), value);
    }
    assert.deepEqual(await ask(socket, "echo", refusal, "and more"), refusal);
    await assert.rejects(ask(socket.timeout(50), "unknown event"), { message: "operation has timed out" });
    const lost = assert.rejects(ask(socket, "unknown event"), { message: "socket has been disconnected" });
    // The question is under way, and no longer waits for the connection.
    await ask(socket, "echo");
    socket.disconnect();
    await lost;
  });

  it("carries binary both ways, nested and between texts, in order", async () => {
    const socket = await connected();
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    const [first, second] = await new Promise((resolve) => {
      socket.emit("bytes", 256, (...values) => resolve(values));
    });
    assert.deepEqual(bytes(first), all);
    assert.deepEqual(bytes(second.nested[0]), all);
    socket.emit("bytes", 3);
    const [pushed, more] = await event(socket, "bytes");
    assert.deepEqual(bytes(pushed), all.slice(0, 3));
    assert.deepEqual(bytes(more.nested[0]), all.slice(0, 3));

    const echoed = [];
    socket.on("echo", (...values) => echoed.push(values));
    socket.emit("echo", "before");
    socket.emit("echo", all.buffer, { view: all.subarray(10, 20), list: [new Uint16Array([258])] });
    // The official client takes a Blob in browsers only.
    const blob = which === "official" ? Buffer.from("blob") : new Blob(["blob"]);
    socket.emit("echo", Buffer.from("node"), new Uint8Array(0), blob);
    socket.emit("echo", "after");
    await condition(() => echoed.length === 4);
    assert.deepEqual(echoed[0], ["before"]);
    assert.deepEqual(bytes(echoed[1][0]), all);
    assert.deepEqual(bytes(echoed[1][1].view), all.slice(10, 20));
    assert.deepEqual(bytes(echoed[1][1].list[0]), Uint8Array.of(2, 1));
    assert.deepEqual(
      echoed[2].map((value) => Buffer.from(bytes(value)).toString()),
      ["node", "", "blob"],
    );
    assert.deepEqual(echoed[3], ["after"]);

    socket.once("question", (data, ack) => ack({ back: data }));
    socket.emit("ask", all.subarray(1, 4));
    const [answer] = await event(socket, "answer");
    assert.deepEqual(bytes(answer.back), Uint8Array.of(1, 2, 3));
  });

  it("carries binary in memory that is shared or can be resized", async () => {
    const socket = await connected();
    const shared = new Uint8Array(new SharedArrayBuffer(6)).fill(7);
    const views = [shared, shared.subarray(1, 3), new DataView(shared.buffer, 4)];
    const sizes = [6, 2, 2];
    // Node 20 has it, and TypeScript's ES2020 not.
    const resizable = new ArrayBuffer(4, { maxByteLength: 8 });
    if (resizable.resizable && which !== "official") {
      views.push(resizable, new Uint8Array(resizable, 1));
      sizes.push(4, 3);
    }
    for (const [index, view] of views.entries()) {
      const back = await socket.emitWithAck("echo", view);
      assert.equal(bytes(back).length, sizes[index]);
    }
    assert.deepEqual(bytes(await socket.emitWithAck("echo", shared)), new Uint8Array(6).fill(7));
  });

  it("says so when binary cannot be read, and reconnects", { skip: which === "official" && "takes no Blob in Node" }, async () => {
    for (const forceBase64 of [false, true]) {
      const socket = await connected("/", { forceBase64, reconnectionDelay: 5, reconnectionDelayMax: 5 });
      const lost = event(socket, "disconnect");
      socket.emit("echo", unreadable());
      const [reason, details] = await lost;
      // A platform may close the WebSocket without saying more.
      assert.match(reason, /^transport (error|close)$/);
      if (reason === "transport error") assert.ok(details instanceof Error);
      await event(socket, "connect");
      assert.equal(await socket.emitWithAck("echo", "again"), "again");
      socket.disconnect();
    }
  });

  it("calls listeners of numbers, which are names like others", async () => {
    const socket = await connected();
    const seen = [];
    const one = (value) => seen.push(["on 1", value]);
    socket.on(1, one).once("2", (value) => seen.push(["once 2", value]));
    assert.deepEqual(socket.listeners("1"), [one]);
    assert.deepEqual([socket.hasListeners(2), socket.hasListeners("3")], [true, false]);
    for (const text of ['2["1","a"]', '2[1,"b"]', '2[2,"c"]', '2["2","d"]']) socket.io.engine.emit("data", text);
    await condition(() => seen.length === 3);
    assert.deepEqual(seen, [["on 1", "a"], ["on 1", "b"], ["once 2", "c"]]);
    socket.off("1", one).once(1, one).off(1);
    socket.io.engine.emit("data", '2["1","e"]');
    assert.equal(await socket.emitWithAck("echo", 5), 5);
    assert.equal(seen.length, 3);
  });

  it("has the members that programs use though they are private", async () => {
    const socket = await connected("/", { reconnectionDelay: 5, reconnectionDelayMax: 5 });
    const { io: manager } = socket;
    const listener = () => {};
    socket.on("x", listener);
    assert.deepEqual(socket._callbacks["$x"], [listener]);
    assert.equal(socket._callbacks["$y"], undefined);

    // As the wildcard patches do it.
    const { onevent } = socket;
    const seen = [];
    socket.onevent = function (packet) {
      const args = packet.data || [];
      onevent.call(this, packet);
      packet.data = ["*"].concat(args);
      onevent.call(this, packet);
    };
    socket.on("*", (name, value) => seen.push([name, value]));
    socket.emit("echo", 1);
    await condition(() => seen.length === 1);
    assert.deepEqual(seen, [["echo", 1]]);

    assert.equal(manager.skipReconnect, false);
    assert.equal(manager.backoff.attempts, 0);
    manager.skipReconnect = true;
    const lost = event(socket, "disconnect");
    socket.emit("drop");
    await lost;
    assert.equal(manager.skipReconnect, true);
    assert.ok(!manager._reconnecting);
    const attempts = [];
    manager.on("reconnect_attempt", (attempt) => attempts.push(attempt, manager.backoff.attempts));
    manager.skipReconnect = false;
    manager.reconnect();
    assert.equal(manager._reconnecting, true);
    await event(socket, "connect");
    assert.deepEqual(attempts, [1, 1]);
    assert.equal(manager.backoff.attempts, 0);
    assert.equal(await socket.emitWithAck("echo", 2), 2);
  });

  it("leaves a namespace before it was let in, and comes back", { skip: which === "official" && "stays there twice" }, async () => {
    const first = await connected();
    const { id } = first;
    const other = first.io.socket("/other");
    let connections = 0;
    other.on("connect", () => connections++);
    other.disconnect().connect();
    await event(other, "connect");
    assert.equal(await other.emitWithAck("echo", "in"), "in");
    // Left and entered in one go, and with what an earlier answer could not know.
    other.disconnect();
    other.auth = { name: "new" };
    other.connect();
    await event(other, "connect");
    assert.deepEqual((await other.emitWithAck("auth")).name, "new");
    assert.equal(connections, 2);
    other.disconnect().connect().disconnect();
    assert.equal(await first.emitWithAck("echo", "still here"), "still here");
    assert.equal(first.id, id);
  });

  it("reaches rooms and everybody", async () => {
    const [a, b, c] = await Promise.all([connected(), connected(), connected()]);
    const room = `room of ${a.id}`;
    await Promise.all([a.emitWithAck("join", room), b.emitWithAck("join", room)]);
    const seen = new Map();
    for (const socket of [a, b, c]) {
      const names = [];
      seen.set(socket, names);
      for (const name of ["room", "others", "all"]) {
        socket.on(name, (value) => names.push(`${name} ${value}`));
      }
    }
    a.emit("to-room", room, 1);
    a.emit("in-room", room, 2);
    a.emit("others", 3);
    a.emit("all", 4);
    await condition(() => [a, b, c].every((socket) => seen.get(socket).includes("all 4")));
    assert.deepEqual(seen.get(a), ["room 2", "all 4"]);
    assert.deepEqual(seen.get(b), ["room 1", "room 2", "others 3", "all 4"]);
    assert.deepEqual(seen.get(c), ["others 3", "all 4"]);

    await b.emitWithAck("leave", room);
    a.emit("in-room", room, 5);
    a.emit("all", 6);
    await condition(() => [a, b, c].every((socket) => seen.get(socket).includes("all 6")));
    assert.deepEqual(seen.get(a).slice(2), ["room 5", "all 6"]);
    assert.deepEqual(seen.get(b).slice(4), ["all 6"]);
  });

  it("shares one connection between namespaces", async () => {
    const manager = new io.Manager(server.url, { transports });
    const first = manager.socket("/");
    const other = manager.socket("/other");
    sockets.push(first, other);
    await Promise.all([event(first, "connect"), event(other, "connect")]);
    assert.equal(manager.socket("/"), first);
    assert.notEqual(first.id, other.id);
    other.emit("echo", "o");
    first.emit("echo", "f");
    const answers = await Promise.all([event(other, "echo"), event(first, "echo")]);
    assert.deepEqual(answers, [["o"], ["f"]]);

    other.disconnect();
    assert.equal(await first.emitWithAck("echo", "still here"), "still here");
    other.connect();
    await event(other, "connect");
    assert.equal(await other.emitWithAck("echo", "again"), "again");
  });

  it("says why it was disconnected, and tells the server", async () => {
    const watcher = await connected();
    const reasonOf = async (id) => {
      let reason = null;
      await condition(async () => (reason = await watcher.emitWithAck("reason-of", id)) !== null);
      return reason;
    };

    const left = await connected();
    const { id } = left;
    const leaving = event(left, "disconnect");
    left.disconnect();
    assert.equal((await leaving)[0], "io client disconnect");
    assert.equal(left.connected, false);
    assert.equal(left.id, undefined);
    assert.equal(left.active, false);
    assert.equal(await reasonOf(id), "client namespace disconnect");

    for (const close of [false, true]) {
      const socket = await connected();
      const { id } = socket;
      socket.emit("disconnect-me", close);
      assert.equal((await event(socket, "disconnect"))[0], "io server disconnect");
      assert.equal(socket.active, false);
      assert.equal(await reasonOf(id), "server namespace disconnect");
      socket.connect();
      await event(socket, "connect");
    }
  });

  it("reconnects when the connection is lost, and then sends what was waiting, in order", async () => {
    const socket = await connected("/", { reconnectionDelay: 20, reconnectionDelayMax: 50 });
    const { id } = socket;
    const attempts = [];
    socket.io.on("reconnect_attempt", (attempt) => attempts.push(attempt));
    const back = event(socket.io, "reconnect");
    socket.emit("drop");
    const [reason] = await event(socket, "disconnect");
    assert.equal(reason, "transport close");
    assert.equal(socket.active, true);

    const echoed = [];
    socket.on("echo", (value) => echoed.push(value));
    for (let value = 0; value < 10; value++) socket.emit("echo", value);
    const acked = socket.emitWithAck("echo", "acknowledged after all");
    await event(socket, "connect");
    assert.notEqual(socket.id, id);
    assert.deepEqual(await back, [1]);
    assert.deepEqual(attempts, [1]);
    assert.equal(await acked, "acknowledged after all");
    assert.deepEqual(echoed, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("drops volatile events that would have to wait", async () => {
    const socket = open();
    const echoed = [];
    socket.on("echo", (value) => echoed.push(value));
    socket.volatile.emit("echo", "there is no connection yet");
    socket.emit("echo", "waits");
    await event(socket, "connect");
    await condition(() => echoed.length && socket.io.engine.transport.writable);
    socket.volatile.emit("echo", "can go at once");
    await condition(() => echoed.length === 2);
    assert.deepEqual(echoed, ["waits", "can go at once"]);
  });

  it("fails an acknowledgement with a timeout when the connection is lost", async () => {
    const socket = await connected("/", { reconnection: false });
    const waiting = socket.timeout(10_000).emitWithAck("unknown event");
    socket.emit("drop");
    await assert.rejects(waiting, /disconnected/);
  });

  it("keeps order, losing and doubling nothing, also while it upgrades", async () => {
    const socket = open();
    const fromServer = [];
    const echoed = [];
    socket.on("burst", (value) => fromServer.push(value));
    socket.on("echo", (value) =>
      echoed.push(Buffer.isBuffer(value) || value.byteLength ? "b" : value),
    );
    await event(socket, "connect");
    let upgraded = socket.io.engine.transport.name === transports.at(-1);
    socket.io.engine.on("upgrade", () => (upgraded = true));
    let sent = 0;
    const expected = [];
    for (let rounds = 0; rounds < 20 || !upgraded; rounds++) {
      socket.emit("burst", 5);
      for (let index = 0; index < 5; index++, sent++) {
        expected.push(sent % 7 ? sent : "b");
        socket.emit("echo", sent % 7 ? sent : Uint8Array.of(1, 2, 3));
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await condition(() => echoed.length >= sent && fromServer.length >= sent);
    assert.deepEqual(echoed, expected);
    assert.deepEqual(
      fromServer,
      expected.map((_, index) => index % 5),
    );
  });

  it("cuts polling payloads at the server's limit", async () => {
    const socket = await connected();
    const texts = Array.from({ length: 12 }, (_, index) => "한".repeat(8_000) + index);
    const binaries = Array.from({ length: 4 }, () => new Uint8Array(40_000));
    const answers = await Promise.all(
      [...texts, ...binaries].map((value) => socket.emitWithAck("echo", value)),
    );
    assert.deepEqual(answers.slice(0, 12), texts);
    assert.deepEqual(
      answers.slice(12).map((value) => value.byteLength),
      Array(4).fill(40_000),
    );
  });

  it("answers heartbeats", async () => {
    const socket = await connected();
    let pings = 0;
    socket.io.on("ping", () => pings++);
    await condition(() => pings >= 3);
    assert.equal(socket.connected, true);
    assert.equal(await socket.emitWithAck("echo", "alive"), "alive");
  });

  it("shows everything to catch-all listeners", notInCore, async () => {
    const socket = await connected();
    const seen = [];
    const listener = (...args) => seen.push(["in", ...args]);
    socket.onAny(listener);
    socket.prependAny((...args) => seen.push(["first", ...args]));
    socket.onAnyOutgoing((...args) => seen.push(["out", ...args]));
    assert.equal(socket.listenersAny().length, 2);
    socket.emit("echo", 1);
    await event(socket, "echo");
    assert.deepEqual(seen, [
      ["out", "echo", 1],
      ["first", "echo", 1],
      ["in", "echo", 1],
    ]);
    socket.offAny(listener).offAnyOutgoing();
    socket.emit("echo", 2);
    await event(socket, "echo");
    assert.deepEqual(seen.slice(3), [["first", "echo", 2]]);
  });

  it("retries until acknowledged, one at a time", notInCore, async () => {
    const socket = await connected("/", { retries: 2, ackTimeout: 500 });
    const sent = [];
    socket.onAnyOutgoing((name) => sent.push(name));
    const outcomes = await new Promise((resolve) => {
      const list = [];
      socket.emit("unknown event", (error) => list.push(error.message));
      socket.emit("echo", "next", (error, value) => resolve([...list, error, value]));
    });
    assert.deepEqual(outcomes, ["operation has timed out", null, "next"]);
    assert.deepEqual(sent.slice(0, 4), ["unknown event", "unknown event", "unknown event", "echo"]);
    // On a slow machine the answer may take longer than that.
    assert.ok(sent.slice(4).every((name) => name === "echo"), String(sent));
  });
}

/** The arguments of the next `name` event. */
function event(emitter, name) {
  return new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));
}

/** Waits until `holds()` is true; the test's own timeout is the limit. */
async function condition(holds) {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A file that is no longer what it was. */
function unreadable() {
  return Object.assign(new Blob(["gone"]), { arrayBuffer: () => Promise.reject(new Error("the file has changed")) });
}

function bytes(value) {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength))
    : new Uint8Array(value);
}

async function loadClient(name) {
  if (name === "official") return (await import("socket.io-client")).io;
  if (name === "ours") return (await import("../dist/node/index.mjs")).io;
  if (name !== "browser" && name !== "core") {
    throw new Error("SOCKEYE_TEST_CLIENT: ours, browser, core or official");
  }
  // The minified build as a browser runs it: with fetch and with a WebSocket of the platform.
  globalThis.WebSocket ??= (await import("ws")).WebSocket;
  if (name === "browser") return createRequire(import.meta.url)("../dist/scripts/socket.io.min.js");
  return (await import("../dist/socket.io.esm.min.js")).io;
}
