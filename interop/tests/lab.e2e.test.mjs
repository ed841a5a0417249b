// The lab in Chromium: eight roads that carry the same feed, what its controls send, the race, the wire
// field by field, the statements of the notes, the person who uses a keyboard or a screen reader, and a
// processor that is four times slower. `SOCKEYE_LAB_URL` names a lab that runs already.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { launch, openPage, picture } from "./support/browser.mjs";
import { Chat, Person } from "./support/chat.mjs";
import { Program } from "./support/program.mjs";
import { until } from "./support/waiting.mjs";

const ROADS = ["polling", "long-polling", "ndjson", "sse", "sockjs", "socketio-polling", "socketio", "websocket"];
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let server;
let browser;
let url;
const start = (port) => Program.start("sockeye", ["lab", "--port", String(port)]);
before(async () => {
  browser = await launch();
  url = process.env.SOCKEYE_LAB_URL;
  if (url) return;
  server = await start(0);
  url = `${server.url}/lab`;
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The lab in a page of its own; `sent` and `told` are the messages of its control WebSocket. */
async function lab(t, { at = url, ...options } = {}) {
  const page = await openPage(browser, { viewport: DESKTOP, ...options });
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  page.sent = [];
  page.told = [];
  page.on("websocket", (socket) => {
    if (!socket.url().endsWith("/lab/control")) return;
    socket.on("framesent", ({ payload }) => page.sent.push(JSON.parse(payload)));
    socket.on("framereceived", ({ payload }) => {
      const message = JSON.parse(payload);
      if (message.type !== "wire" && message.type !== "seen") page.told.push(message);
    });
  });
  await page.goto(at);
  await opened(page);
  return page;
}

const card = (page, road) => page.locator(`.card[data-road="${road}"]`);
const newest = (page, type) => page.told.findLast((message) => message.type === type);
const opened = (page) => until("all roads to be open", async () => {
  const states = await Promise.all(ROADS.map((road) => card(page, road).getAttribute("data-state")));
  return states.every((state) => state === "open");
});
/** Types a value into the field beside a slider, as a person does. */
async function type(page, id, value) {
  const field = page.locator(`.slider:has(#${id}) input.number`);
  await field.fill(value);
  await field.press("Tab");
  return field;
}
/** Waits until this is what the page has sent last. */
const sends = (page, message) => until(`the page to send ${JSON.stringify(message)}`, () => isDeepStrictEqual(page.sent.at(-1), message));
/** Waits until each road has passed so many events. */
const passed = (page, count) => until(`${count} events on each road`, () => {
  const numbers = newest(page, "numbers");
  return numbers && ROADS.every((road) => numbers.roads[road].events >= count) && numbers;
});

// Each test has a visit of its own, so that some can run side by side: most of their time is waiting.
const SIDE_BY_SIDE = { concurrency: 3 };

describe("the page", { concurrency: 4 }, () => {
  test("shows one feed on eight roads, in numbers and without losing any of it", async (t) => {
    const page = await lab(t);
    await type(page, "rate", "5");
    const numbers = await passed(page, 10);
    for (const road of ROADS) {
      const { header_bytes, payload_bytes, framing_bytes, upstream_bytes, downstream_bytes } = numbers.roads[road];
      assert.equal(header_bytes + payload_bytes + framing_bytes, upstream_bytes + downstream_bytes, road);
      assert.equal(await card(page, road).locator(".missed").textContent(), "");
      await until(`${road} to show its delay`, async () => /\d (ms|s)$/.test(await card(page, road).locator("dd").last().textContent()));
    }
  });

  test("sends what its controls say within their bounds, and nothing for an emptied field", async (t) => {
    const page = await lab(t);
    const { limits } = newest(page, "hello");
    const rate = await type(page, "rate", "20");
    await until("the rate", () => newest(page, "numbers").settings.rate === 20);
    const before = page.sent.length;
    await type(page, "rate", "");
    assert.equal(await rate.inputValue(), "20");
    assert.equal(page.sent.length, before);
    // The largest events at a rate that a busy machine bears.
    await type(page, "rate", "1");
    await type(page, "size", "99999999");
    await until("the largest size", () => newest(page, "numbers").settings.size === limits.size_max);
    await page.locator("#burst").focus();
    await page.keyboard.press("Home");
    await type(page, "bandwidth-all", "50");
    await sends(page, { type: "line", road: "all", bytes_per_second: 50_000 });
    await type(page, "bandwidth-all", "");
    await sends(page, { type: "line", road: "all", bytes_per_second: 0 });
    await card(page, "sse").locator("summary").click();
    await type(page, "delay-sse", "40");
    await sends(page, { type: "line", road: "sse", delay_ms: 40 });
    for (const message of page.sent) assert.ok(!Object.values(message).includes(null), JSON.stringify(message));
    await page.locator("#running").click();
    await until("the feed to stop", () => newest(page, "numbers").settings.running === false);
  });

  test("takes back what the server refuses, and says why", async (t) => {
    const page = await lab(t);
    await type(page, "rate", "100");
    const burst = await type(page, "burst", "200");
    const banner = page.locator(".banner");
    await until("the reason", async () => /At most 2,000 events a second/.test(await banner.textContent()));
    assert.equal(newest(page, "refused").of, "set");
    assert.equal(await burst.inputValue(), "1");
    await type(page, "burst", "2");
    await until("the burst", () => newest(page, "numbers").settings.burst === 2);
    assert.equal(await banner.textContent(), "");
  });

  test("cuts one road, which comes back, and leaves the others alone", async (t) => {
    const page = await lab(t);
    await passed(page, 2);
    await card(page, "ndjson").getByRole("button", { name: /Cut/ }).click();
    await until("the road to be away", async () => (await card(page, "ndjson").getAttribute("data-state")) !== "open");
    assert.equal(await card(page, "websocket").getAttribute("data-state"), "open");
    await opened(page);
    const { events } = newest(page, "numbers").roads.ndjson;
    await passed(page, events + 5);
    assert.equal(await card(page, "ndjson").locator(".missed").textContent(), "", "it goes on at its cursor");
  });

  test("runs a race", async (t) => {
    const page = await lab(t);
    await page.locator("button#race").click();
    await until("the race's end", () => newest(page, "raced")?.done);
    const { order } = newest(page, "raced");
    assert.deepEqual(order.map(([road]) => road).sort(), [...ROADS].sort());
    await until("its result", async () => /first after/.test(await page.locator("#race-section .result").textContent()));
    assert.equal(await page.locator("#race-section li.arrived").count(), ROADS.length);
    assert.equal(await page.locator("#race-section li.first").getAttribute("data-road"), order[0][0]);
  });

  test("is in Korean for those who read it, and fits a phone", async (t) => {
    const page = await lab(t, { locale: "ko-KR", viewport: PHONE, colorScheme: "dark" });
    assert.equal(await page.title(), "실험실 · Sockeye");
    assert.equal(await page.locator("html").getAttribute("lang"), "ko");
    await page.locator("#watch").selectOption("websocket");
    await page.locator("#records button").first().click();
    await card(page, "sse").locator("summary").click();
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    assert.ok(await fits(), "nothing is wider than the phone");
    await picture(page, "lab-phone-dark-ko");
    const small = await page.evaluate(() => {
      const touched = [...document.querySelectorAll("button, input, select, a, summary")];
      const sizes = touched.map((one) => [one.outerHTML.slice(0, 120), one.getBoundingClientRect()]);
      return sizes.filter(([, { width, height }]) => width > 0 && (height < 44 || width < 44)).map(([html]) => html);
    });
    assert.deepEqual(small, [], "a finger can touch everything");
    await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
    assert.ok(await fits(), "nor when text is twice as large");
  });

  test("fits a phone in English too, with text twice as large", async (t) => {
    const page = await lab(t, { viewport: PHONE });
    await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
    await page.locator("#watch").selectOption("socketio");
    await page.locator("#records button").first().click();
    const wide = await page.evaluate(() => [...document.querySelectorAll("main *")]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".bytes, .visually-hidden"))
      .map((one) => one.outerHTML.slice(0, 120)));
    assert.deepEqual(wide, []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  });

  test("comes back when its server does", { skip: process.env.SOCKEYE_LAB_URL && "the lab is another's" }, async (t) => {
    let own = await start(0);
    t.after(() => own.stop());
    const page = await lab(t, { at: `${own.url}/lab` });
    const { port } = own;
    await own.stop();
    await until("a banner", async () => /cannot be reached/.test(await page.locator(".banner").textContent()));
    own = await start(port);
    await opened(page);
    assert.equal(await page.locator(".banner").textContent(), "");
  });

  test("is reached from the chat's list of rooms", { skip: process.env.SOCKEYE_LAB_URL && "the lab is another's" }, async (t) => {
    const chat = await Chat.start();
    t.after(() => chat.stop());
    for (const [options, text, title] of [
      [{ viewport: DESKTOP }, "The lab: see how messages travel", "The lab · Sockeye"],
      [{ viewport: PHONE, locale: "ko-KR", colorScheme: "dark" }, "실험실: 메시지가 오가는 길 보기", "실험실 · Sockeye"],
    ]) {
      const page = await openPage(browser, options);
      t.after(() => page.context().close());
      await new Person(page).enter(`${chat.url}/room`, "Visitor");
      await page.goto(chat.url);
      await page.locator("#account-menu").click();
      const link = page.getByRole("menuitem", { name: text });
      await link.waitFor();
      assert.ok((await link.boundingBox()).height >= 44, "a finger can touch it");
      await link.click();
      await page.waitForURL(`${chat.url}/lab`);
      await opened(page);
      assert.equal(await page.title(), title);
      assert.deepEqual(page.problems, []);
    }
  });
});

describe("the wire", SIDE_BY_SIDE, () => {
  test("takes frames apart, highlights a field in both views, and stands still when asked", async (t) => {
    const page = await lab(t);
    await page.locator("#watch").selectOption("websocket");
    await page.locator("#records button").filter({ hasText: "frame" }).first().click();
    assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "true");
    const bits = page.locator(".bits button");
    assert.equal((await bits.locator(".digits").allTextContents()).join(""), "1000000101111110", "a final text frame, unmasked, with 16 bits of length");
    await bits.nth(4).focus();
    assert.equal(await page.locator(".hex .lit").count(), 1);
    assert.equal(await page.locator(".hex .lit").textContent(), "81");
    assert.equal(await page.locator(".chars .lit").count(), 1);
    await page.locator(".hex [data-at='2']").hover();
    assert.match(await page.locator(".fields .lit").textContent(), /length.*200/);
    const rows = () => page.locator("#records").textContent();
    const still = await rows();
    const { events } = newest(page, "numbers").roads.websocket;
    await until("more events", () => newest(page, "numbers").roads.websocket.events > events + 3);
    assert.equal(await rows(), still);
    await page.locator("#pause").click();
    await until("the view to go on", async () => (await rows()) !== still);
  });

  test("tells the handshake, and how the answer follows from the key", async (t) => {
    const page = await lab(t);
    await page.locator("#watch").selectOption("websocket");
    const shakes = () => page.told.filter(({ type, road }) => type === "handshake" && road === "websocket");
    await until("the first handshake", () => shakes().length === 1);
    await page.getByRole("button", { name: "Open it anew" }).click();
    const [, shake] = await until("another handshake", () => shakes().length === 2 && shakes());
    const steps = page.locator("#steps code");
    await until("the steps of the handshake", async () => (await steps.first().textContent()) === shake.key);
    const sha1 = createHash("sha1").update(`${shake.key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest();
    assert.deepEqual(await steps.allTextContents(), [
      shake.key, `${shake.key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, sha1.toString("hex"), sha1.toString("base64"),
      `Sec-WebSocket-Accept: ${sha1.toString("base64")}`,
    ]);
    const about = await page.locator(".handshake dl dd").allTextContents();
    assert.ok(about.length >= 10 && about.every((sentence) => sentence.endsWith(".")));
  });
});

describe("the statements of the notes", SIDE_BY_SIDE, () => {
  /** Presses a statement's button and gives its answer. */
  async function shown(page, id) {
    const statement = page.locator(`[data-statement="${id}"]`);
    await statement.locator("button").click();
    const answer = await until(`the answer of ${id}`, () => statement.locator(".answer").textContent());
    return answer.replaceAll("\u00a0", " ");
  }

  /** Shows a statement in a lab of its own, which is then as it was. */
  async function alone(t, id, look) {
    const page = await lab(t);
    await type(page, "rate", "3");
    await until("the rate", () => newest(page, "numbers").settings.rate === 3);
    const { settings } = newest(page, "numbers");
    look(await shown(page, id));
    await until("the settings of before", () => JSON.stringify(newest(page, "numbers").settings) === JSON.stringify(settings));
  }

  test("count what polling asks", (t) => alone(t, "wasted", (answer) => {
    const [asked, events] = /asked (\d+) times for (\d+) events/.exec(answer).slice(1).map(Number);
    // Every half second for seven seconds; where the machine is busy an answer takes longer than that, and has more events.
    assert.ok(asked > events && asked <= 14 && events >= 2 && events <= 8, answer);
  }));

  test("measure the three forms of a frame's length", (t) => alone(t, "lengths", (answer) => {
    assert.match(answer, /It took 2 bytes at 100, 4 at 1,000 and 10 at 65,536\./);
  }));

  test("cut roads, and tell which went on where it was", (t) => alone(t, "returns", (answer) => {
    assert.match(answer, /missed 0 events, raw WebSocket [1-9]/);
  }));

  test("show that old clients connect beside new ones", async (t) => {
    const page = await lab(t);
    assert.match(await shown(page, "old"), /EIO=3 was answered with \d+ bytes that begin \d+:0\{, EIO=4 with \d+ bytes that begin 0\{\./);
  });
});

describe("for everybody", SIDE_BY_SIDE, () => {
  for (const [name, options] of [
    ["light, desktop", { colorScheme: "light" }],
    ["dark, phone, Korean", { colorScheme: "dark", viewport: PHONE, locale: "ko-KR" }],
  ]) {
    test(`axe finds nothing serious: ${name}`, async (t) => {
      const page = await lab(t, options);
      await passed(page, 5);
      await page.locator("button#race").click();
      await until("the race's end", () => newest(page, "raced")?.done);
      await page.locator("#watch").selectOption("websocket");
      await page.locator(".wire + .handshake").waitFor();
      await page.locator("#records button").first().click();
      await card(page, "sse").locator("summary").click();
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
      assert.ok(passes.length > 10, "axe has looked");
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
      await picture(page, `lab-${name.replace(/\W+/g, "-")}`);
    });
  }

  test("everything is reached by the keyboard", async (t) => {
    const page = await lab(t);
    await page.locator("button#race").focus();
    await page.keyboard.press("Enter");
    await until("the race's end", () => newest(page, "raced")?.done);
    await page.locator("#watch").focus();
    await page.keyboard.press("Tab");
    await page.locator('[data-metric="payload"]').focus();
    await page.keyboard.press("Space");
    assert.equal(await page.locator('[data-metric="payload"]').getAttribute("aria-pressed"), "true");
    const hidden = await page.evaluate(() => {
      const reached = [...document.querySelectorAll("button, input, select, a, summary")];
      return reached.filter((one) => one.tabIndex < 0).map((one) => one.outerHTML);
    });
    assert.deepEqual(hidden, []);
  });
});

describe("on a processor four times slower", () => {
  test("50 events a second on eight roads make no long task", async (t) => {
    const page = await lab(t);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    await page.locator("#watch").selectOption("websocket");
    await type(page, "rate", "50");
    await until("the rate", () => newest(page, "numbers").settings.rate === 50);
    // The page has begun: from here on it only goes on.
    await passed(page, newest(page, "numbers").roads.polling.events + 100);
    await page.evaluate(() => {
      window.long = [];
      new PerformanceObserver((list) => window.long.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
    });
    /** The longest task while 250 events come, in milliseconds of the processor. */
    async function longestTask() {
      const { events } = newest(page, "numbers").roads.polling;
      await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline"] });
      await passed(page, events + 250);
      const { traceEvents } = JSON.parse(await browser.stopTracing());
      const mains = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid}:${tid}`));
      const tasks = traceEvents.filter(({ name, ph, pid, tid, tdur }) => ph === "X" && tdur > 0 && /RunTask$/.test(name) && mains.has(`${pid}:${tid}`));
      assert.ok(tasks.length > 1_000, "the tasks were seen");
      // By the time of the processor, not by the clock: other programs of this machine do not count, while
      // the time that the throttling takes away does.
      const longest = Math.max(...tasks.map(({ tdur }) => tdur / 1_000));
      t.diagnostic(`the longest of ${tasks.length} tasks took ${longest.toFixed(1)} ms of the processor`);
      return longest;
    }
    // A task takes longer on caches that other programs have emptied. A page that has long tasks has them in every round.
    let longest = Infinity;
    for (let round = 0; round < 8 && longest > 50; round += 1) longest = Math.min(longest, await longestTask());
    t.diagnostic(`long tasks by the clock, in ms: ${JSON.stringify(await page.evaluate(() => window.long))}`);
    assert.ok(longest <= 50, `the longest task took ${longest.toFixed(1)} ms`);
  });
});
