// What three nodes of a cluster do together, whoever they are: each verb, from each node.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { event, until } from "./waiting.mjs";

/** What an event was sent with, without the offset that recovery adds. */
export const plain = (args) => /^\d+-\d+$/.test(args.at(-1)) ? args.slice(0, -1) : args;

/** How long nodes and clients are waited for that do not answer. */
export const TIMEOUT_MS = 600;

const BYTES = Buffer.from([0, 1, 254, 255]);
const ARGS = [1, "둘", { three: [null, true, 1.5, { bytes: BYTES }] }];

/**
 * `start()` gives three nodes. `inCluster`: Redis is several servers, which keep no order between channels. `patientFrom`:
 * the nodes that are asked for answers which one node does not give; of some adapters that takes 5 s.
 */
export function clusterCases(start, { inCluster = false, patientFrom = [0, 1, 2] } = {}) {
  let nodes;
  before(async () => {
    nodes = await start();
    await until("three nodes that know each other", async () => {
      const counts = await Promise.all(nodes.map((node) => node.request({ do: "count" })));
      return counts.every((count) => count === 3);
    });
  });
  after(() => Promise.all(nodes?.map((node) => node.close()) ?? []));

  /** A client of each node, with its id, and what it has heard. */
  async function clients(t, nsp = "/") {
    const made = [];
    for (const [index, node] of nodes.entries()) {
      const client = io(`http://localhost:${node.port}${nsp}`, {
        forceNew: true, transports: ["websocket"], reconnection: false, auth: { name: `client ${index}` },
      });
      t.after(() => client.close());
      await event(client, "connect");
      client.heard = [];
      client.onAny((...heard) => client.heard.push(plain(heard)));
      made.push(client);
    }
    // A node may learn of a namespace of the others' later than its own client is in.
    await until("the namespace on all nodes", async () => {
      const counts = await Promise.all(nodes.map((node) => node.request({ do: "count", nsp })));
      return counts.every((count) => count === 3);
    });
    return made;
  }

  /** What each client hears of what is done, up to an event for all that the same node sends behind it. */
  async function heardOf(made, node, nsp, act) {
    const ends = made.map((client) => event(client, "end"));
    for (const client of made) client.heard.length = 0;
    await act();
    await node.request({ do: "emit", nsp, event: "end" });
    await Promise.all(ends);
    return made.map(({ heard }) => heard.filter(([name]) => name !== "end"));
  }

  /** Waits until a room has so many members, as seen from every node. */
  const members = (room, count, nsp) => until(`${count} members of ${room}`, async () => {
    const found = await Promise.all(nodes.map((node) => node.request({ do: "fetch", rooms: [room], nsp })));
    return found.every((sockets) => sockets.length === count);
  });

  const each = (name, run, nodes = [0, 1, 2]) => {
    for (const from of nodes) test(`${name}, from node ${from}`, (t) => run(t, from));
  };

  describe("events", () => {
    each("reach all, with bytes in them", async (t, from) => {
      const made = await clients(t);
      const heard = await heardOf(made, nodes[from], "/", async () => {
        await nodes[from].request({ do: "emit", event: "news", args: ARGS });
        await nodes[from].request({ do: "emit", event: "ping" });
        await nodes[from].request({ do: "emit", event: "as it is", args: [3], compress: false });
      });
      for (const one of heard) assert.deepEqual(one, [["news", ...ARGS], ["ping"], ["as it is", 3]]);
      // Right behind others Node drops it.
      const told = made.map((client) => event(client, "volatile"));
      await nodes[from].request({ do: "emit", event: "volatile", args: [2], volatile: true });
      assert.deepEqual((await Promise.all(told)).map(plain), [[2], [2], [2]]);
    });

    each("reach rooms, those left out excepted", async (t, from) => {
      const made = await clients(t);
      const node = nodes[from];
      for (const [index, client] of made.entries()) {
        const rooms = [["even", "odd", "even"][index], `room of ${index}`, "a room of 20 letters"];
        await node.request({ do: "socket_join", socket: client.id, rooms });
      }
      await members("even", 2);
      await members("odd", 1);
      await members("a room of 20 letters", 3);
      const heard = await heardOf(made, node, "/", async () => {
        await node.request({ do: "emit", rooms: ["even"], event: "to even", args: [BYTES] });
        await node.request({ do: "emit", rooms: ["odd", "room of 0"], event: "to two" });
        await node.request({ do: "emit", rooms: ["even", "odd"], except: ["room of 2"], event: "not to 2" });
        await node.request({ do: "emit", except: ["even"], event: "all but even" });
        await node.request({ do: "emit", rooms: [made[1].id], event: "to 1" });
        await node.request({ do: "emit", rooms: ["a room of 20 letters"], event: "to twenty" });
        await node.request({ do: "emit", rooms: ["nobody"], event: "to nobody" });
        if (!inCluster) return;
        // The channels of rooms and of the namespace may lie on several servers of a Redis cluster.
        await until("what is sent", () => made.every(({ heard }) => heard.some(([name]) => name === "to twenty")));
      });
      const names = heard.map((one) => one.map(([name]) => name).sort());
      assert.deepEqual(names, [
        ["not to 2", "to even", "to twenty", "to two"],
        ["all but even", "not to 2", "to 1", "to twenty", "to two"],
        ["to even", "to twenty"],
      ]);
      assert.deepEqual(heard[2].find(([name]) => name === "to even"), ["to even", BYTES]);
    });

    each("stay on their node where they are local", async (t, from) => {
      const made = await clients(t);
      const heard = await heardOf(made, nodes[from], "/", async () => {
        await nodes[from].request({ do: "emit", local: true, event: "here" });
      });
      assert.deepEqual(heard.map((one) => one.length), [0, 1, 2].map((index) => Number(index === from)));
    });

    each("stay in their namespace", async (t, from) => {
      const [outside, inside] = [await clients(t), await clients(t, "/custom")];
      const heard = await heardOf([...outside, ...inside], nodes[from], "/", async () => {
        await nodes[from].request({ do: "emit", nsp: "/custom", event: "inside", args: [1] });
        await nodes[from].request({ do: "emit", nsp: "/custom", event: "end" });
      });
      for (const one of heard.slice(0, 3)) assert.deepEqual(one, []);
      for (const one of heard.slice(3)) assert.deepEqual(one, [["inside", 1]]);
    });
  });

  describe("answers of clients", () => {
    each("come from all, with bytes in them", async (t, from) => {
      const made = await clients(t);
      made.forEach((client, index) => client.on("question", (arg, answer) => answer({ index, arg })));
      const { responses, error } = await nodes[from].request(
        { do: "emit", event: "question", args: [BYTES], ack: true, timeout: 5_000 });
      assert.equal(error, null);
      const sorted = responses.sort((one, other) => one.index - other.index);
      assert.deepEqual(sorted, [0, 1, 2].map((index) => ({ index, arg: BYTES })));
    });

    each("come from those who answer in time", async (t, from) => {
      const made = await clients(t);
      made.slice(0, 2).forEach((client, index) => client.on("question", (answer) => answer(index)));
      const { responses, error } = await nodes[from].request(
        { do: "emit", event: "question", ack: true, timeout: TIMEOUT_MS });
      assert.deepEqual([...responses].sort(), [0, 1]);
      assert.equal(error, "operation has timed out");
    });

    each("come from nobody where nobody is", async (t, from) => {
      const answered = await nodes[from].request(
        { do: "emit", event: "question", rooms: ["nobody"], ack: true, timeout: 5_000 });
      assert.deepEqual(answered, { responses: [], error: null });
    });

    each("come from one socket", async (t, from) => {
      const made = await clients(t);
      for (const [index, client] of made.entries()) {
        client.on("question", (arg, answer) => answer(arg + index));
        const answered = await nodes[from].request(
          { do: "socket_emit", socket: client.id, event: "question", args: [10], ack: true, timeout: 5_000 });
        assert.deepEqual(answered, { response: 10 + index });
        const told = event(client, "told");
        await nodes[from].request({ do: "socket_emit", socket: client.id, event: "told", args: [BYTES] });
        assert.deepEqual(plain(await told), [BYTES]);
      }
    });
  });

  describe("sockets", () => {
    each("are fetched, with their data and their request", async (t, from) => {
      const made = await clients(t);
      for (const [index, client] of made.entries()) {
        await nodes[index].request({ do: "set_data", socket: client.id, data: { index, name: "이름" } });
      }
      const sockets = await nodes[from].request({ do: "fetch" });
      assert.deepEqual(sockets.map(({ id }) => id).sort(), made.map(({ id }) => id).sort());
      for (const { id, rooms, data, handshake } of sockets) {
        const index = made.findIndex((client) => client.id === id);
        assert.deepEqual(data, { index, name: "이름" });
        assert.deepEqual(rooms, [id]);
        assert.deepEqual(handshake.auth, { name: `client ${index}` });
        assert.equal(handshake.query.transport, "websocket");
        assert.match(handshake.address, /127\.0\.0\.1|::1/);
        for (const name of ["headers", "time", "xdomain", "secure", "issued", "url"]) assert.ok(name in handshake, name);
      }
      const here = await nodes[from].request({ do: "fetch", local: true });
      assert.deepEqual(here.map(({ id }) => id), [made[from].id]);
      const without = await nodes[from].request({ do: "fetch", except: [made[0].id] });
      assert.equal(without.length, 2);
    });

    each("enter and leave rooms", async (t, from) => {
      const made = await clients(t);
      const node = nodes[from];
      await node.request({ do: "join", targets: ["one", "two"] });
      await members("one", 3);
      await node.request({ do: "leave", rooms: [made[2].id], targets: ["one"] });
      await members("one", 2);
      await members("two", 3);
      await node.request({ do: "socket_leave", socket: made[1].id, rooms: ["two"] });
      await members("two", 2);
      await node.request({ do: "join", rooms: ["two"], except: ["one"], targets: ["three"] });
      await members("three", 1);
    });

    each("are disconnected", async (t, from) => {
      const made = await clients(t);
      const gone = event(made[1], "disconnect");
      await nodes[from].request({ do: "disconnect", rooms: [made[1].id] });
      assert.deepEqual((await gone)[0], "io server disconnect");
      const others = [made[0], made[2]].map((client) => event(client, "disconnect"));
      await nodes[from].request({ do: "disconnect", close: true });
      await Promise.all(others);
      assert.deepEqual(await nodes[from].request({ do: "fetch" }), []);
    });
  });

  describe("events between nodes", () => {
    each("reach the others", async (_, from) => {
      const others = nodes.filter((_, index) => index !== from);
      const told = others.map((node) => event(node, "server_side"));
      const own = () => assert.fail("it does not reach the node itself");
      nodes[from].once("server_side", own);
      await nodes[from].request({ do: "server_side_emit", event: "hello", args: [1, "둘", { three: [3] }] });
      for (const [said] of await Promise.all(told)) {
        assert.deepEqual([said.name, said.args, said.call], ["hello", [1, "둘", { three: [3] }], undefined]);
      }
      nodes[from].off("server_side", own);
    });

    each("are answered", async (_, from) => {
      const others = nodes.filter((_, index) => index !== from);
      for (const [index, node] of others.entries()) {
        node.once("server_side", ({ call, args }) =>
          node.request({ do: "answer", call, args: [{ index, args }] }));
      }
      const { responses, error } = await nodes[from].request(
        { do: "server_side_emit", event: "question", args: [7], ack: true });
      assert.equal(error, null);
      const sorted = responses.sort((one, other) => one.index - other.index);
      assert.deepEqual(sorted, [0, 1].map((index) => ({ index, args: [7] })));
    });

    each("are answered by those who answer in time", async (_, from) => {
      const [answers, silent] = nodes.filter((_, index) => index !== from);
      answers.once("server_side", ({ call }) => answers.request({ do: "answer", call, args: ["here"] }));
      const asked = event(silent, "server_side");
      const { responses, error } = await nodes[from].request(
        { do: "server_side_emit", event: "question", ack: true, timeout: TIMEOUT_MS });
      await asked;
      assert.deepEqual(responses, ["here"]);
      assert.equal(error, "timeout reached: only 1 responses received out of 2");
    }, patientFrom);
  });
}
