// Three nodes of one cluster over Redis, two of them Node's with an official adapter, ours as the first, the second and the
// third of them.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import Redis from "ioredis";
import { createClient, createCluster } from "redis";
import { io } from "socket.io-client";
import { clusterCases, TIMEOUT_MS } from "./support/cluster-cases.mjs";
import { OfficialNode, OurNode } from "./support/cluster-nodes.mjs";
import { redisCluster, redisServer } from "./support/redis.mjs";
import { event, until } from "./support/waiting.mjs";

const REQUESTS = { requestsTimeout: TIMEOUT_MS };

let server, cluster;
/** Open to the end: an adapter that is closed still says things to Redis, and does not catch that it cannot. */
const connections = [];
before(async () => {
  [server, cluster] = await Promise.all([redisServer(), redisCluster()]);
});
after(async () => {
  for (const one of connections) {
    await one.ping?.();
    (one.destroy ?? one.disconnect).call(one);
  }
  await Promise.all([server?.stop(), cluster?.stop()]);
});

/** Connections of one node by the package `redis`, and how they are closed. */
async function byRedis() {
  const publisher = createClient({ url: server.url });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  connections.push(publisher, subscriber);
  return [publisher, subscriber];
}

async function byIoredis() {
  const publisher = new Redis(server.port);
  const subscriber = publisher.duplicate();
  connections.push(publisher, subscriber);
  return [publisher, subscriber];
}

async function inCluster() {
  const rootNodes = cluster.ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
  const publisher = createCluster({ rootNodes });
  const subscriber = publisher.duplicate();
  for (const one of [publisher, subscriber]) one.on("error", () => {});
  // With a shard's last channel this client closes the shard's connection twice, and the adapter does not catch it.
  const unsubscribe = subscriber.sUnsubscribe.bind(subscriber);
  subscriber.sUnsubscribe = (...args) => unsubscribe(...args).catch(() => {});
  await Promise.all([publisher.connect(), subscriber.connect()]);
  connections.push(publisher, subscriber);
  return [publisher, subscriber];
}

const specific = { publishOnSpecificResponseChannel: true };
const sharded = (subscriptionMode, connect = byRedis) => ({
  ours: ["--bus", "redis-sharded", "--subscription-mode", subscriptionMode],
  theirs: async (key) => {
    return createShardedAdapter(...await connect(), { channelPrefix: key, subscriptionMode });
  },
});
const classic = (connect, options = {}) => ({
  ours: ["--bus", "redis", ...options === specific ? ["--specific-response-channel"] : []],
  theirs: async (key) => {
    return createAdapter(...await connect(), { key, ...REQUESTS, ...options });
  },
});

/** What both packages do alike is played with one of them at all places. */
const streams = (streamCount) => ({
  ours: ["--bus", "redis-streams", "--stream-count", streamCount],
  theirs: async (key) => {
    const [client] = await byRedis();
    return createStreamsAdapter(client, { streamName: key, channelPrefix: key, streamCount });
  },
  options: { connectionStateRecovery: { maxDisconnectionDuration: 5_000 } },
});

const kinds = {
  "classic with redis": classic(byRedis),
  "classic with ioredis": { ...classic(byIoredis), places: [1] },
  "classic, answers on channels of their own": classic(byRedis, specific),
  "sharded, static": sharded("static"),
  "sharded, dynamic": sharded("dynamic"),
  "sharded, dynamic-private": sharded("dynamic-private"),
  "one stream": streams(1),
  "five streams": streams(5),
  "sharded in a Redis cluster": { ...sharded("dynamic", inCluster), inCluster: true },
};

for (const [name, { ours, theirs, options, inCluster, places = [0, 1, 2] }] of Object.entries(kinds)) {
  for (const place of places) {
    describe(`${name}, ours as node ${place}`, () => {
      clusterCases(async () => {
        const key = `${name} ${place}`.replaceAll(/\W/g, "-");
        const url = inCluster ? cluster.url : server.url;
        const node = async (index) => {
          if (index === place) {
            return OurNode.start("--port", 0, ...ours, "--url", url, "--key", key, "--timeout-ms", TIMEOUT_MS);
          }
          return OfficialNode.start(await theirs(key), options);
        };
        return [await node(0), await node(1), await node(2)];
      }, { inCluster, ...!name.startsWith("classic") && { patientFrom: [place] } });
    });
  }
}

describe("what others publish", () => {
  let node, publisher;
  before(async () => {
    node = await OurNode.start("--port", 0, "--bus", "redis", "--url", server.url, "--key", "others");
    [publisher] = await byRedis();
  });
  after(() => node?.close());

  /** A client of our node that is in a room of its own. */
  async function client(t) {
    const made = io(`http://localhost:${node.port}`, { forceNew: true, transports: ["websocket"], reconnection: false });
    t.after(() => made.close());
    await event(made, "connect");
    return made;
  }

  test("with the official emitter reaches our clients", async (t) => {
    const emitter = new Emitter(publisher, { key: "others" });
    const [one, other] = [await client(t), await client(t)];
    const [bytes, told] = [Buffer.from([1, 2]), event(other, "news")];
    one.on("news", () => assert.fail("it is for the other"));
    emitter.to(other.id).emit("news", { bytes }, "둘");
    assert.deepEqual(await told, [{ bytes }, "둘"]);
    emitter.in(one.id).socketsJoin(["a", "b"]);
    await until("the rooms", async () => (await node.request({ do: "fetch", rooms: ["a"] })).length === 1);
    emitter.in("b").socketsLeave("a");
    await until("the room to be left", async () => (await node.request({ do: "fetch", rooms: ["a"] })).length === 0);
    const said = event(node, "server_side");
    emitter.serverSideEmit("hello", 1, ["two"]);
    const [{ name, args }] = await said;
    assert.deepEqual([name, args], ["hello", [1, ["two"]]]);
    const gone = event(one, "disconnect");
    emitter.except(other.id).disconnectSockets();
    assert.equal((await gone)[0], "io server disconnect");
    assert.ok(other.connected);
    assert.equal(await node.request({ do: "count" }), 1, "an emitter is no node");
  });

  test("and is no message harms nobody", async (t) => {
    const made = await client(t);
    const broken = ["", "{", "[]", "null", "7", '{"type":99}', '{"uid":1,"requestId":{},"type":5}', "\x93trailing bytes",
      "\xdf\xff\xff\xff\xff", "[".repeat(100_000), Buffer.alloc(1_000, 0x91), Buffer.from([0xc1])];
    for (const channel of ["others#/#", "others#/#room#", "others-request#/#", "others-response#/#", "sockeye:others"]) {
      for (const text of broken) {
        await publisher.publish(channel, typeof text === "string" ? Buffer.from(text, "latin1") : text);
      }
    }
    const told = event(made, "after");
    new Emitter(publisher, { key: "others" }).emit("after", "all that");
    assert.deepEqual(await told, ["all that"]);
    assert.equal((await node.request({ do: "fetch" })).length, 1);
  });
});
