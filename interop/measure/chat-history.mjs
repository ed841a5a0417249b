// A million messages: what it takes to enter a room and to turn a page while 200 people are there, and the memory.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { Program, binary } from "../tests/support/program.mjs";

const MIB = 1024 * 1024;
const ROOMS = 20;
const PEOPLE = 200;
const PAGES = 100;

/** An export of `count` messages by 50 people in 20 rooms, as `sockeye import` reads it. */
async function write(file, count) {
  const out = createWriteStream(file);
  const line = (object) => out.write(`${JSON.stringify(object)}\n`) || once(out, "drain");
  const start = Date.UTC(2026, 0, 1);
  await line({ type: "sockeye", format: 1, source: "measure", program: "measure", made_at: start });
  for (let n = 0; n < 50; n += 1) {
    await line({ type: "person", id: `person${n}`, name: `Writer ${n}`, role: "member", colour: n, created_at: start });
  }
  for (let n = 0; n < ROOMS; n += 1) {
    await line({ type: "room", id: `room${n}`, title: `Room ${n}`, description: "", kind: "open", created_at: start });
  }
  for (let n = 1; n <= count; n += 1) {
    await line({
      type: "message", id: n, room: `room${n % ROOMS}`, person: `person${n % 50}`, name: `Writer ${n % 50}`,
      at: start + n * 1_000, text: `메시지 ${n}: what was said about the plans of ${n % 977} and the answer to it`,
    });
  }
  await line({ type: "end", people: 50, rooms: ROOMS, messages: count, members: 0, files: 0 });
  out.end();
  await once(out, "finish");
}

/** Takes in an export; how long it took, seconds. */
async function take(chat, file) {
  const start = performance.now();
  const child = spawn(binary("sockeye"), ["import", "--data", chat.data, file], { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`sockeye import ended with ${code}`);
  return (performance.now() - start) / 1_000;
}

const at = (times, share) => times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))];

/** `tools` are what the other parts use: `post`, `connect`, `ask`, `tell`. */
export async function history(chat, count, { post, connect, ask, tell }) {
  const file = path.join(chat.data, "measure.jsonl");
  await write(file, count);
  await chat.server.stop();
  tell(`${count} messages are imported in`, await take(chat, file), "s");
  await rm(file);
  chat.server = await Program.start("sockeye", ["serve", "--port", "0", ...chat.args]);
  chat.port = chat.server.port;
  const people = [];
  for (let n = 0; n < PEOPLE; n += 1) {
    const { cookie } = await post(chat, "/api/guests", { name: `reader ${n}` }, { from: 20_000 + n });
    const person = await connect(chat, cookie, 20_000 + n);
    await ask(person.list, "list", {});
    await ask(person.rooms, "open", { room: `Room ${n % ROOMS}` });
    people.push(person);
  }
  const times = { enter: [], page: [], middle: [] };
  const timed = async (into, event, payload) => {
    const start = performance.now();
    const answer = await ask(people[into.length % PEOPLE].rooms, event, payload);
    into.push(performance.now() - start);
    return answer;
  };
  for (let n = 0; n < PAGES; n += 1) {
    const person = people[n % PEOPLE];
    const opened = await timed(times.enter, "open", { room: `Room ${(n + 7) % ROOMS}` });
    const { id } = opened.room;
    await ask(person.rooms, "open", { room: id });
    const start = performance.now();
    const page = await ask(person.rooms, "history", { room: id, before: opened.messages[0].id });
    times.page.push(performance.now() - start);
    const middle = Math.floor(page.messages[0].id * ((n + 1) / (PAGES + 1)));
    const again = performance.now();
    const around = await ask(person.rooms, "history", { room: id, around: middle });
    times.middle.push(performance.now() - again);
    if (around.messages.length !== 100) throw new Error(`a page has ${around.messages.length} messages`);
  }
  for (const [what, times_] of [["entering a room", times.enter], ["the page before", times.page], ["a page about any message", times.middle]]) {
    tell(`${what}, median of ${PAGES}`, at(times_, 0.5), "ms", 50);
    tell(`${what}, 99th of a hundred`, at(times_, 0.99), "ms", 150);
  }
  tell(`memory with ${count} messages and ${PEOPLE} people`, (await chat.server.residentBytes()) / MIB, "MiB", 150);
  for (const { list } of people) list.io._close();
}
