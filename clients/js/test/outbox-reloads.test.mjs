// An outbox whose page may be reloaded at any moment: between an event and its place in the store,
// between an answer and its removal from there, with any of it on the line. Whatever the order,
// the server handles each event that was kept once, in order, and never has to say that it forgot.

import assert from "node:assert/strict";
import { it } from "node:test";

import { outbox } from "../build/outbox/index.js";
import { createWorld, settle } from "./world.mjs";

const WINDOW = 4;
const STEPS = 250;
const SEEDS = Number(process.env.SOCKEYE_OUTBOX_SEEDS ?? 40);

/** Numbers below `end`, the same for the same seed (mulberry32). */
function randomly(seed) {
  return (end) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  };
}

/** What the disk holds, and what a page has told it that is not done yet. */
class Disk {
  next = 1;
  events = new Map();
  underWay = [];
  kept = [];

  store() {
    const later = (write) =>
      new Promise((resolve) => {
        this.underWay.push(() => (write(), resolve()));
      });
    return {
      isDurable: true,
      load: async () => ({ id: "outbox-id-of-the-test", next: this.next, events: [...this.events.values()] }),
      add: (event) =>
        later(() => {
          this.next = event.number + 1;
          this.events.set(event.number, structuredClone(event));
          this.kept.push(event.args[1]);
        }),
      remove: (numbers) => later(() => numbers.forEach((number) => this.events.delete(number))),
      close() {},
    };
  }

  write(count) {
    for (const write of this.underWay.splice(0, count)) write();
  }
}

/** What `docs/reliable.md` asks of a server, with a memory that is just as large as it says. */
class Server {
  entries = new Map();
  floor = 0;
  handled = [];

  /** `reply` is called now or later, perhaps on a line that is gone. */
  receive(number, lowest, value, reply) {
    const forget = (forgotten) => {
      this.entries.delete(forgotten);
      this.floor = Math.max(this.floor, forgotten);
    };
    for (const known of [...this.entries.keys()]) if (known < lowest) forget(known);
    this.floor = Math.max(this.floor, lowest - 1);
    const known = this.entries.get(number);
    if (known?.isDone) return reply('"done"');
    if (known) return known.replies.push(reply);
    if (number <= this.floor) return reply('{"error":{"code":"forgotten","message":""}}');
    this.handled.push(value);
    this.entries.set(number, { isDone: false, replies: [reply] });
    if (this.entries.size > WINDOW) forget(Math.min(...this.entries.keys()));
  }

  /** The handler of one of the events is done. */
  finish(choose) {
    const open = [...this.entries.values()].filter(({ isDone }) => !isDone);
    if (!open.length) return;
    const entry = open[choose(open.length)];
    entry.isDone = true;
    for (const reply of entry.replies) reply('"done"');
  }
}

/** A page with an outbox, and the line between it and the server. */
class Page {
  lost = [];
  /** Answers on their way. */
  answers = [];
  line = 0;

  static async open(disk, server) {
    const page = new Page();
    page.server = server;
    page.world = createWorld();
    page.socket = page.world.manager.socket("/");
    const onLost = (_event, args, error) => page.lost.push([args[0], error.reason]);
    page.box = outbox(page.socket, { store: disk.store(), onLost });
    await page.box.ready;
    await page.connect();
    return page;
  }

  async connect() {
    await settle();
    this.world.transport.accept();
    await settle();
    this.world.transport.sent.length = 0;
    const terms = { v: 1, window: WINDOW, age: 600, last: 0 };
    this.world.transport.enter("", "socket-id", { _outbox: terms });
    await settle();
  }

  /** The server gets the next packet. */
  deliver() {
    const { transport } = this.world;
    const packet = transport.sent.shift();
    if (!packet) return;
    const [, ack, json] = /^message 2(\d+)(.*)/.exec(packet);
    const [, value, { _outbox: [number, lowest] }] = JSON.parse(json);
    const { line } = this;
    this.server.receive(number, lowest, value, (answer) => {
      if (line === this.line) this.answers.push(`43${ack}[${answer}]`);
    });
  }

  /** The page gets the next answer. */
  hear() {
    const answer = this.answers.shift();
    if (answer) this.world.transport.receive(answer);
  }

  async reconnect() {
    this.line++;
    this.answers.length = 0;
    this.socket.disconnect();
    this.socket.connect();
    await this.connect();
  }

  close() {
    this.line++;
    this.world.manager._close();
  }
}

async function play(seed) {
  const below = randomly(seed);
  const disk = new Disk();
  const server = new Server();
  let page = await Page.open(disk, server);
  let emitted = 0;
  const lost = [];
  const refused = [];
  const reload = async () => {
    // What was under way is done up to some point, or not at all.
    page.close();
    disk.write(below(disk.underWay.length + 1));
    disk.underWay.length = 0;
    lost.push(...page.lost);
    page = await Page.open(disk, server);
  };
  const moves = [
    // Its promise is settled with its answer, much later.
    () => void page.box.emit("store", emitted++).catch((error) => refused.push(error)),
    () => disk.write(1 + below(3)),
    () => page.deliver(),
    () => page.deliver(),
    () => server.finish(below),
    () => server.finish(below),
    () => page.hear(),
    () => page.hear(),
    () => below(6) || page.reconnect(),
    () => below(4) || reload(),
  ];
  for (let step = 0; step < STEPS; step++) {
    await moves[below(moves.length)]();
    await settle();
  }
  // To the end, as the last page.
  for (let round = 0; page.box.size || disk.underWay.length; round++) {
    assert.ok(round < 1000, "it comes to an end");
    disk.write(10);
    page.deliver();
    server.finish(below);
    page.hear();
    await settle();
  }
  page.close();
  assert.deepEqual([...lost, ...page.lost, ...refused], []);
  assert.deepEqual(server.handled, disk.kept);
  return { emitted, kept: disk.kept.length };
}

it("loses nothing, doubles nothing and keeps the order, whenever it is reloaded", { timeout: 120_000 }, async () => {
  let [emitted, kept] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const counts = await play(seed).catch((error) => {
      throw new Error(`with seed ${seed}`, { cause: error });
    });
    emitted += counts.emitted;
    kept += counts.kept;
  }
  // Reloads did come in between: some were not kept yet.
  assert.ok(kept > SEEDS && kept < emitted, `${kept} of ${emitted} kept`);
});
