// Readers that share one connection of HTTP/2: who takes nothing is cut alone, and who leaves gives back what was
// held for it.
import assert from "node:assert/strict";
import http2 from "node:http2";
import { after, before, test } from "node:test";
import { feedPath, Publisher } from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";
import { event, until } from "./support/waiting.mjs";

const READERS = 60;

let server;
let publisher;
let url;
before(async () => {
  server = await standIn("feeds", "--tls-self-signed", "--write-timeout", "1000", "--history-events", "100",
    "--readers-max", String(READERS));
  url = server.url.replace("http:", "https:");
  publisher = await Publisher.connect(url);
});
after(async () => {
  publisher?.close();
  await server?.stop();
});

async function connect(t) {
  const session = http2.connect(url, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  await event(session, "connect");
  return session;
}

/** Reads NDJSON of a room; `lines` are what came, `isOver` says whether anything more can come. */
async function read(session, room) {
  const stream = session.request({ ":path": feedPath("/", room), accept: "application/x-ndjson" });
  const reading = { stream, lines: [], isOver: false };
  let rest = "";
  stream.setEncoding("utf8").on("data", (chunk) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop();
    reading.lines.push(...parts.filter(Boolean).map((line) => JSON.parse(line)));
  });
  stream.on("error", () => {}).on("close", () => (reading.isOver = true));
  const [headers] = await event(stream, "response");
  assert.equal(headers[":status"], 200);
  return reading;
}

test("who takes nothing loses its place, those beside it on the connection lose nothing", async (t) => {
  const session = await connect(t);
  const others = await Promise.all(Array.from({ length: READERS - 2 }, () => read(session, "others")));
  const [slow, quick] = await Promise.all([read(session, "slow"), read(session, "slow")]);
  slow.stream.pause();
  const large = "x".repeat(20_000);
  let number = 0;
  const publish = async () => {
    await publisher.publish("slow", "tick", ++number, large);
    await until("the event", () => quick.lines.length === number);
  };
  await publish();
  // All places are taken, until that of the slow one is free.
  const refused = await read(session, "others");
  await until("no place", () => refused.isOver);
  assert.deepEqual(refused.lines.map(({ event, data }) => [event, data.reason]), [["gap", "overload"]]);
  await until("its place", async () => {
    await publish();
    const { lines, stream } = await read(session, "others");
    const text = await Promise.race([event(stream, "end").then(() => "over"), publish().then(() => "listens")]);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    return text === "listens" && lines.length === 0;
  });
  await publish();
  assert.deepEqual(quick.lines.map(({ data }) => data[0]), quick.lines.map((_, index) => index + 1));
  assert.ok(others.every(({ isOver }) => !isOver));
});

test(`${READERS} that leave one after the other give their places back`, async (t) => {
  const session = await connect(t);
  for (let round = 0; round < 5; round += 1) {
    const all = await Promise.all(Array.from({ length: READERS }, () => read(session, "places")));
    await publisher.publish("places", "tick", round);
    await until("the event", () => all.every(({ lines }) => lines.length === 1));
    assert.ok(all.every(({ lines }) => lines[0].event === "tick"), "there is place for all");
    for (const { stream } of all) stream.close(http2.constants.NGHTTP2_CANCEL);
    await until("them to be gone", () => all.every(({ isOver }) => isOver));
    // A reset is one way; the answer to the next request says that those before it were seen.
    await new Promise((resolve) => session.ping(resolve));
  }
});
