// The way through a conversation in Chromium: where it opens, both ways through its history, what is missing in
// between, and the addresses of messages.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { serveGallery } from "../../apps/chat/web/gallery-server.mjs";
import { launch, openPage } from "./support/browser.mjs";
import { Chat, PHONE } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

let browser;
let chat;
before(async () => {
  browser = await launch();
  chat = await Chat.start("--messages-per-second", "0");
  await chat.setUp();
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});

/** Says so many things in a room, one behind the other; answers with what was stored. */
async function say(line, room, count, from = 1) {
  const said = [];
  for (let n = from; n < from + count; n += 1) said.push(line.say(room, `said ${n}.`));
  return Promise.all(said);
}

/** A room of the owner's, with a member who has read `read` messages of `count`. */
async function roomRead(title, count, read = count) {
  const room = await chat.makeRoom(title);
  const mina = await chat.member(`Mina of ${title}`);
  await chat.ownerLine.ask("open", { room: room.id });
  const messages = await say(chat.ownerLine, room.id, read);
  // Whoever becomes a member has read what was said before.
  const line = await chat.line(mina.cookie);
  await line.ask("open", { room: room.id });
  line.leave();
  messages.push(...(await say(chat.ownerLine, room.id, count - read, read + 1)));
  return { room, mina, messages, address: chat.room(room.id) };
}

/** A page of somebody, at an address; the test fails if it had a problem. */
async function pageOf(t, { cookie }, address, options = {}) {
  const page = await chat.page(browser, cookie, options);
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  await page.goto(address);
  await page.locator("#messages [data-line]").first().waitFor();
  return page;
}

/** The lines that are drawn, and where: pixels from the upper edge of the conversation. */
const drawn = (page) => page.evaluate(() => {
  const log = document.getElementById("messages");
  const { top } = log.getBoundingClientRect();
  const lines = [...log.querySelectorAll("[data-line]")].map((line) => {
    const rectangle = line.getBoundingClientRect();
    return { key: line.dataset.line, text: line.innerText, top: rectangle.top - top, bottom: rectangle.bottom - top };
  });
  const seen = lines.filter((line) => line.bottom > 0 && line.top < log.clientHeight);
  return { lines, seen, distance: log.scrollHeight - log.scrollTop - log.clientHeight, height: log.clientHeight };
});

/** When two pictures have been drawn. */
const pictures = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/**
 * How far the lines that were in sight have moved: all alike, or what is read has jumped. By their lower edges: above
 * a line stands a day, or a name, that may go when it is not the first one any more.
 */
function moved(before, after) {
  const edges = new Map(before.seen.map(({ key, bottom }) => [key, bottom]));
  const moves = after.lines.flatMap(({ key, bottom }) => (edges.has(key) ? [edges.get(key) - bottom] : []));
  assert.ok(moves.length > 0, "nothing of what was in sight is there any more");
  const spread = Math.max(...moves) - Math.min(...moves);
  assert.ok(spread < 1, `what is read has moved apart by ${spread} pixels`);
  return moves[0];
}

/** Turns the wheel until something is there, asserting that nothing else than the wheel moves anything. */
async function scroll(page, step, isThere, between = () => {}) {
  await page.locator("#messages").hover();
  for (let n = 0; n < 400; n += 1) {
    const before = await drawn(page);
    if (isThere(before)) return;
    await between(n);
    await page.mouse.wheel(0, step);
    await until("the wheel", async () => {
      await pictures(page);
      const after = await drawn(page);
      const by = moved(before, after);
      // At the ends it goes less far.
      assert.ok(Math.abs(by) < Math.abs(step) + 60, `moved by ${by} pixels instead of ${step}`);
      return by !== 0 || isThere(after);
    });
  }
  assert.fail("it is not there after 400 turns");
}

const first = ({ lines }) => lines.some(({ text, top }) => text.includes("said 1.\n") || (/said 1\./.test(text) && top >= 0));
const atEnd = ({ distance }) => distance < 1;

describe("opening a room", () => {
  test("begins at the first unread message, below a line, and says how many there are", async (t) => {
    const { mina, address, room } = await roomRead("unread", 250, 60);
    const page = await pageOf(t, mina, address);
    await page.getByText("New", { exact: true }).waitFor();
    const { seen, height } = await drawn(page);
    const at = seen.findIndex(({ key }) => key === "unread");
    assert.ok(at > 0, "what was read last is seen above it");
    assert.match(seen[at - 1].text, /said 60\./);
    assert.match(seen[at + 1].text, /said 61\./);
    assert.ok(seen[at].top < height / 2, "and what is new below it");
    await page.getByRole("button", { name: /^1\d\d new messages$/ }).waitFor();
    // What is seen is read, and the line stays meanwhile.
    await until("some to be read", async () => (await page.locator(`a[href="/room/${room.id}"] [data-unread]`).getAttribute("data-unread")) < 190);
    await scroll(page, 600, (now) => atEnd(now) && now.lines.some(({ text }) => text.includes("said 250.")));
    await until("all to be read", async () => (await page.locator("[data-unread]").count()) === 0);
    await page.locator(".down").waitFor({ state: "detached" });
    await scroll(page, -1200, ({ lines }) => lines.some(({ key }) => key === "unread"));
    await page.reload();
    await page.locator("#messages").getByText("said 250.").waitFor();
    assert.equal(await page.locator('[data-line="unread"]').count(), 0, "it is gone when the room is shown anew");
  });

  test("goes to the newest message at once, wherever that is", async (t) => {
    const { mina, address } = await roomRead("newest", 250, 20);
    const page = await pageOf(t, mina, address, PHONE);
    await page.locator(".down").click();
    await until("the end", async () => (await drawn(page)).seen.at(-1)?.text.includes("said 250."));
    assert.ok(atEnd(await drawn(page)));
    await page.locator(".down").waitFor({ state: "detached" });
  });
});

describe("scrolling", () => {
  test("loads what was said before and after, and moves nothing, while messages arrive", async (t) => {
    const { mina, address, room } = await roomRead("both ways", 420);
    const page = await pageOf(t, mina, address);
    await page.locator("#messages").getByText("said 420.").waitFor();
    let more = 420;
    const somebody = async (n) => {
      if (n % 4 === 0) await chat.ownerLine.say(room.id, `said ${more += 1}.`);
    };
    await scroll(page, -700, first, somebody);
    // Nothing moves by itself.
    const still = await drawn(page);
    await somebody(0);
    await page.getByRole("button", { name: /new message/ }).waitFor();
    await pictures(page);
    assert.equal(moved(still, await drawn(page)), 0);
    await scroll(page, 700, (now) => atEnd(now) && now.lines.some(({ text }) => text.includes(`said ${more}.`)), somebody);
    // Everything was there, once and in order.
    const { lines } = await drawn(page);
    const numbers = lines.flatMap(({ text }) => /said (\d+)\./.exec(text)?.[1] ?? []).map(Number);
    assert.deepEqual(numbers, Array.from(numbers, (_, n) => numbers[0] + n));
  });

  test("says when older messages cannot be had, and asks again", async (t) => {
    const { mina, address } = await roomRead("refused", 150);
    const page = await chat.page(browser, mina.cookie);
    t.after(() => page.context().close());
    let isRefusing = true;
    await page.routeWebSocket(/socket\.io/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((message) => {
        const asked = /^42\/chat,(\d+)\["history"/.exec(message);
        if (asked && isRefusing) socket.send(`43/chat,${asked[1]}[{"error":{"code":"storage","message":"no"}}]`);
        else server.send(message);
      });
    });
    await page.goto(address);
    await page.locator("#messages").getByText("said 150.").waitFor();
    // A room that has just opened may still go to its newest message behind the key.
    await until("the refusal", async () => {
      await page.locator("#messages").focus();
      await page.keyboard.press("Home");
      await pictures(page);
      return page.getByText("Older messages could not be loaded.").isVisible();
    });
    isRefusing = false;
    await page.locator("#messages .edge button").click();
    await until("the beginning", async () => {
      await page.locator("#messages").focus();
      await page.keyboard.press("Home");
      return (await drawn(page)).lines.some(({ text }) => /said 1\./.test(text));
    });
  });

  test("through 10,000 messages takes no long task, and few elements", async (t) => {
    const gallery = await serveGallery();
    t.after(() => gallery.close());
    /** The longest task on the way through all of them, in milliseconds that the page's thread has worked. */
    async function longestTask() {
      const page = await openPage(browser);
      await page.goto(`${gallery.address}?scene=history&total=10000&unread=10000&delay=5`);
      await page.locator("[data-line]").first().waitFor();
      await page.locator("#messages").hover();
      await pictures(page);
      await browser.startTracing(page, { categories: ["toplevel"] });
      let most = 0;
      await until("the end", async () => {
        await page.mouse.wheel(0, 3000);
        await pictures(page);
        const { elements, isThere } = await page.evaluate(() => ({
          elements: document.querySelectorAll("[data-line]").length,
          isThere: document.querySelector('[data-line="m10000"]') !== null,
        }));
        most = Math.max(most, elements);
        return isThere;
      });
      const trace = JSON.parse((await browser.stopTracing()).toString());
      await page.context().close();
      assert.ok(most < 150, `${most} lines are drawn`);
      const main = trace.traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid} ${tid}`);
      const tasks = trace.traceEvents.filter(({ name, ph, pid, tid }) => ph === "X" && name === "ThreadControllerImpl::RunTask" && main.includes(`${pid} ${tid}`));
      const times = tasks.map(({ tdur, dur }) => (tdur ?? dur) / 1000).sort((one, other) => other - one);
      assert.ok(times.length > 100, `${times.length} tasks were seen`);
      t.diagnostic(`the longest tasks took ${times.slice(0, 5).map((time) => time.toFixed(1)).join(", ")} ms`);
      return times[0];
    }
    // A task takes longer on caches that other programs have emptied. A page that has long tasks has them every time.
    let longest = Infinity;
    for (let round = 0; round < 3 && longest >= 50; round += 1) longest = Math.min(longest, await longestTask());
    assert.ok(longest < 50, `a task took ${longest} ms`);
  });
});

describe("messages that are missing in between", () => {
  test("come by a press on the line that says so", async (t) => {
    const { mina, address, room } = await roomRead("gap", 20);
    const page = await pageOf(t, mina, address);
    await page.locator("#messages").getByText("said 20.").waitFor();
    await page.context().setOffline(true);
    await page.locator("#reconnecting").waitFor();
    await say(chat.ownerLine, room.id, 330, 21);
    await page.context().setOffline(false);
    await until("the newest", async () => (await drawn(page)).lines.some(({ text }) => text.includes("said 350.")));
    await page.locator("#messages").hover();
    const gap = page.getByRole("button", { name: "Show the messages that are missing here" });
    await until("the gap", async () => {
      await page.mouse.wheel(0, -300);
      await pictures(page);
      const { seen, height } = await drawn(page);
      return seen.some(({ key, top, bottom }, n) => key.startsWith("g") && n > 0 && top > 0 && bottom < height);
    });
    const before = await drawn(page);
    await gap.click();
    await gap.waitFor({ state: "detached" });
    await page.locator(".gap").waitFor({ state: "detached" });
    await pictures(page);
    // What was above it stays where it was.
    const [line] = before.seen;
    assert.ok(Math.abs((await drawn(page)).lines.find(({ key }) => key === line.key).top - line.top) < 1);
    const numbers = new Set();
    const look = ({ lines }) => {
      for (const { text } of lines) for (const [, n] of text.matchAll(/said (\d+)\./g)) numbers.add(Number(n));
    };
    await scroll(page, 700, (now) => (look(now), atEnd(now)));
    for (let n = 25; n <= 350; n += 1) assert.ok(numbers.has(n), `said ${n}.`);
  });
});

describe("the address of a message", () => {
  test("opens the room there, and gives the message the focus", async (t) => {
    const { mina, address, messages } = await roomRead("address", 300);
    const page = await pageOf(t, mina, `${address}/${messages[99].id}`);
    await page.locator("#messages").getByText("said 100.").waitFor();
    const { seen } = await drawn(page);
    assert.ok(seen.some(({ text }) => text.includes("said 100.")));
    await until("the focus", () => page.evaluate(() => document.activeElement?.closest("[data-line]")?.innerText.includes("said 100.")));
    // In the page that is open already, too.
    await page.evaluate((path) => {
      const link = Object.assign(document.createElement("a"), { href: path });
      document.body.append(link);
      link.click();
    }, `${new URL(address).pathname}/${messages[199].id}`);
    await until("the other one", async () => (await drawn(page)).seen.some(({ text }) => text.includes("said 200.")));
    await page.goBack();
    await until("the first one", async () => (await drawn(page)).seen.some(({ text }) => text.includes("said 100.")));
  });

  test("says when it was deleted, or is not there", async (t) => {
    const { mina, address, messages, room } = await roomRead("gone", 30);
    await chat.ownerLine.ask("delete_message", { room: room.id, message: messages[9].id });
    const page = await pageOf(t, mina, `${address}/${messages[9].id}`);
    await until("the focus", () => page.evaluate(() => /deleted/.test(document.activeElement?.closest("[data-line]")?.innerText ?? "")));
    await page.goto(`${address}/999999`);
    await page.getByText("This message is not there any more.").waitFor();
    await page.locator("#messages").getByText("said 30.").waitFor();
  });

  test("is where a quote leads to, and the way back is back", async (t) => {
    const { mina, address, messages, room } = await roomRead("quote", 260);
    await chat.ownerLine.ask("say", { room: room.id, text: "an answer", key: "answer", reply_to: messages[4].id });
    const page = await pageOf(t, mina, address);
    await page.locator("#messages").getByText("an answer").waitFor();
    await page.locator("#messages").getByRole("button", { name: /said 5\./ }).click();
    await until("what is quoted", async () => (await drawn(page)).seen.some(({ text }) => text.includes("said 5.") && !text.includes("answer")));
    await page.goBack();
    await until("the answer", async () => (await drawn(page)).seen.some(({ text }) => text.includes("an answer")));
  });
});
