// What the chat costs: memory at the start and with 200 people, the list of 500 rooms, the weight of the page, the page
// under 200 messages a second, a million messages, and a thousand people in one room. `cargo xtask bench chat` builds the
// program in release mode and runs this.
//
//   --seconds N   how long the page is under load (60)
//   --runs N      how often; the median counts (3)
//   --messages N  how many messages `history` has (1000000)
//   --people N    how many people `crowd` has (1000)
//   --only NAMES  of memory, list, weight, page, crowd, history (all)
//   --json        the figures as one line of JSON as well
import { gzipSync } from "node:zlib";
import { parseArgs } from "node:util";
import { io } from "socket.io-client";
import { launch, openPage } from "../tests/support/browser.mjs";
import { Chat } from "../tests/support/chat.mjs";
import { until } from "../tests/support/waiting.mjs";
import { crowd } from "./chat-crowd.mjs";
import { history } from "./chat-history.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    runs: { type: "string", default: "3" },
    only: { type: "string", default: "memory,list,weight,page,crowd,history" },
    messages: { type: "string", default: "1000000" },
    people: { type: "string", default: "1000" },
    json: { type: "boolean", default: false },
  },
});
const parts = values.only.split(",");
const MIB = 1024 * 1024;
const PEOPLE = 200;
const ROOMS = 500;
const RATE = 200;

/** Each person from an address of their own, as a proxy says: limits by address are for strangers. */
const address = (n) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${(n & 255) || 1}`;

async function post(chat, path, body, { cookie, from = 1 } = {}) {
  const response = await fetch(chat.url + path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-forwarded-for": address(from),
      ...(cookie && { cookie }),
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  const set = response.headers.getSetCookie()[0]?.split(";")[0];
  return { body: text && JSON.parse(text), cookie: set };
}

/** The sockets of a page: the list and the conversations, on one connection. */
async function connect(chat, cookie, from) {
  const options = {
    extraHeaders: { cookie, "x-forwarded-for": address(from) },
    transports: ["websocket"],
    forceNew: true,
  };
  const list = io(`${chat.url}/rooms`, options);
  const rooms = list.io.socket("/chat");
  await Promise.all([list, rooms].map((socket) => new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  })));
  return { list, rooms, cookie };
}

const ask = async (socket, event, payload) => {
  const answer = await socket.timeout(30_000).emitWithAck(event, payload);
  if (answer?.error) throw new Error(`${event}: ${JSON.stringify(answer.error)}`);
  return answer;
};

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const figures = {};
const tell = (name, value, unit, budget) => {
  figures[name] = value;
  console.log(`${name.padEnd(46)} ${value.toFixed(1).padStart(8)} ${unit}${budget ? `  (budget ${budget})` : ""}`);
};

const chat = await Chat.start(
  "--host", "127.0.0.1", "--trusted-proxies", "127.0.0.1",
  "--rooms-per-hour", "0", "--joins-per-second", "0", "--connections-max", "0", "--messages-per-second", "0", "--kib-per-second", "0", "--mib-per-day", "0",
);
try {
  const settled = () => new Promise((resolve) => setTimeout(resolve, 3_000));
  await settled();
  if (parts.includes("memory")) tell("memory after the start", (await chat.server.residentBytes()) / MIB, "MiB", 30);

  await chat.setUp();
  const owner = await connect(chat, chat.owner, 1);
  const lobby = (await ask(owner.list, "list", {})).rooms.find((room) => room.title === "lobby").id;

  if (parts.includes("memory")) {
    const people = [];
    for (let n = 0; n < PEOPLE; n += 1) {
      const { cookie } = await post(chat, "/api/guests", { name: `guest ${n}` }, { from: n + 2 });
      const person = await connect(chat, cookie, n + 2);
      await ask(person.list, "list", {});
      await ask(person.rooms, "open", { room: lobby });
      people.push(person);
    }
    for (let n = 0; n < PEOPLE; n += 1) {
      await ask(people[n].rooms, "say", { room: lobby, text: `hello from ${n}`, key: `k${n}` });
    }
    await settled();
    tell(`memory with ${PEOPLE} people in a room`, (await chat.server.residentBytes()) / MIB, "MiB", 80);
    for (const { list } of people) list.io._close();
  }

  if (parts.includes("list")) {
    // A hundred a person, as the limit has it.
    for (let m = 0; m < ROOMS / 100; m += 1) {
      const { body } = await post(chat, "/api/invitations", { role: "member", uses: 1 }, { cookie: chat.owner });
      const signup = { code: body.code, name: `member ${m}`, password: "a long password" };
      const { cookie } = await post(chat, "/api/signup", signup, { from: 1_000 + m });
      const member = await connect(chat, cookie, 1_000 + m);
      for (let n = 0; n < 100; n += 1) {
        const room = await ask(member.rooms, "create", { title: `room ${m} ${n}`, kind: "open" });
        await ask(member.rooms, "open", { room: room.id });
        await ask(member.rooms, "say", { room: room.id, text: `the newest of ${m} ${n}`, key: `r${n}` });
        await ask(member.rooms, "close", { room: room.id });
      }
      member.list.io._close();
    }
    const times = { first: [], all: [] };
    for (let round = 0; round < 50; round += 1) {
      const start = performance.now();
      let page = await ask(owner.list, "list", { limit: 100 });
      times.first.push(performance.now() - start);
      let rooms = page.rooms.length;
      while (page.next) {
        page = await ask(owner.list, "list", { limit: 100, after: page.next });
        rooms += page.rooms.length;
      }
      times.all.push(performance.now() - start);
      if (rooms < ROOMS) throw new Error(`only ${rooms} rooms are listed`);
    }
    tell(`the first page of ${ROOMS} rooms, asked and answered`, median(times.first), "ms", 30);
    tell(`all ${ROOMS} rooms, in pages of 100`, median(times.all), "ms", 30);
  }

  const browser = parts.includes("weight") || parts.includes("page") ? await launch() : undefined;
  try {
    if (parts.includes("weight")) {
      const page = await openPage(browser);
      let bytes = 0;
      const bodies = [];
      page.on("response", (response) => {
        if (response.url().startsWith(chat.url) && !response.url().includes("/socket.io/")) {
          bodies.push(response.body().then((body) => (bytes += gzipSync(body, { level: 9 }).length)).catch(() => {}));
        }
      });
      const { cookie } = await post(chat, "/api/guests", { name: "weigher" }, { from: 5_000 });
      await enter(page, cookie);
      await page.goto(chat.room("lobby"));
      await until("the message field", () => page.locator("#message").isEnabled());
      await Promise.all(bodies);
      tell("the page with a room open, compressed", bytes / 1_000, "kB", 100);
      await page.context().close();
    }

    if (parts.includes("page")) {
      const longest = [];
      const counts = [];
      const late = [];
      for (let run = 0; run < Number(values.runs); run += 1) {
        const page = await openPage(browser);
        const { cookie } = await post(chat, "/api/guests", { name: `reader ${run}` }, { from: 6_000 + run });
        await enter(page, cookie);
        await page.addInitScript(() => {
          globalThis.tasks = [];
          new PerformanceObserver((entries) => {
            for (const { startTime, duration } of entries.getEntries()) globalThis.tasks.push({ startTime, duration });
          }).observe({ entryTypes: ["longtask"] });
        });
        await page.goto(chat.room("lobby"));
        await until("the message field", () => page.locator("#message").isEnabled());
        await ask(owner.rooms, "open", { room: lobby });
        const begin = await page.evaluate(() => performance.now());
        const total = RATE * Number(values.seconds);
        const start = performance.now();
        let last;
        for (let sent = 0; sent < total;) {
          const due = Math.min(total, Math.floor((performance.now() - start) * RATE / 1000));
          for (; sent < due; sent += 1) {
            last = owner.rooms.emitWithAck("say", { room: lobby, text: `${run} number ${sent}`, key: `${run}-${sent}` });
          }
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        await last;
        const sentAt = performance.now();
        const text = `${run} number ${total - 1}`;
        await until("the last message", async () => (await page.locator("#messages").innerText()).includes(text));
        late.push(performance.now() - sentAt);
        const tasks = await page.evaluate(() => globalThis.tasks);
        const counted = tasks.filter(({ startTime }) => startTime > begin + 1_000).map(({ duration }) => duration);
        longest.push(Math.max(0, ...counted));
        counts.push(counted.length);
        await page.context().close();
      }
      tell(`tasks over 50 ms in ${values.seconds} s at ${RATE} messages/s, median`, median(counts), "", 0);
      tell("the longest of them, median (0: none)", median(longest), "ms", 50);
      tell("the last message is shown after", median(late), "ms");
      console.log(`  tasks over 50 ms in each run: ${counts.join(", ")}; the longest: ${longest.map((ms) => ms.toFixed(0)).join(", ")} ms`);
    }
  } finally {
    await browser?.close();
  }
  owner.list.io._close();
  const tools = { post, connect, ask, tell };
  if (parts.includes("crowd")) await crowd(chat, Number(values.people), RATE, Math.min(30, Number(values.seconds)), tools);
  if (parts.includes("history")) await history(chat, Number(values.messages), tools);
} finally {
  await chat.stop();
}
if (values.json) console.log(JSON.stringify(figures));

/** Gives the browser the cookie of a session. */
async function enter(page, cookie) {
  const [name, value] = cookie.split("=");
  await page.context().addCookies([{ name, value, url: chat.url, httpOnly: true, sameSite: "Lax" }]);
}
