// The chat in Chromium: two people, two contexts of the browser, one room, one real server with a
// real database.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { launch, openPage, picture } from "./support/browser.mjs";
import { Chat, Person } from "./support/chat.mjs";
import { NetworkLog } from "./support/network.mjs";
import { until } from "./support/waiting.mjs";

let browser;
let chat;
before(async () => {
  browser = await launch();
  chat = await Chat.start();
  await chat.setUp();
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});

/** The addresses of the rooms, which the owner makes: guests own nothing. */
const rooms = new Map();
function addressOf(title) {
  if (!rooms.has(title)) rooms.set(title, chat.newRoom(title));
  return rooms.get(title);
}

/** A guest in a room; the test fails if the page had a problem. */
async function person(t, room, nickname, options) {
  const { hasClock, ...rest } = options ?? {};
  const page = await openPage(browser, rest);
  if (hasClock) await page.clock.install();
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  const someone = new Person(page);
  someone.network = await NetworkLog.of(page);
  await someone.enter(await addressOf(room), nickname);
  return someone;
}

describe("a room", () => {
  test("carries messages both ways, in order", async (t) => {
    const mina = await person(t, "order", "Mina");
    const joon = await person(t, "order", "Joon");
    const said = [];
    for (let round = 1; round <= 5; round += 1) {
      for (const [from, to, name] of [[mina, joon, "mina"], [joon, mina, "joon"]]) {
        const text = `${name} says ${round}.`;
        await from.say(text);
        said.push(text);
        await to.sees(text);
      }
    }
    await mina.sees(said.at(-1));
    await mina.assertShown(said);
    await joon.sees(said.at(-1));
    await joon.assertShown(said);
  });

  test("carries a burst of messages without loss", async (t) => {
    const mina = await person(t, "burst", "Mina");
    const joon = await person(t, "burst", "Joon");
    const said = Array.from({ length: 30 }, (_, index) => `<${index}>`);
    for (const text of said) {
      await mina.page.locator("#message").fill(text);
      await mina.page.locator("#message").press("Enter");
    }
    await joon.sees(said.at(-1));
    await joon.assertShown(said);
    await mina.assertShown(said);
  });

  test("carries Korean, letter by letter and as a whole", async (t) => {
    const mina = await person(t, "한국어", "미나", { locale: "ko-KR", hasClock: true });
    const joon = await person(t, "한국어", "준", { locale: "ko-KR" });
    await mina.sees("준 님이 입장하셨습니다");
    await mina.page.locator("#message").pressSequentially("안녕하세요, 준 님!");
    await mina.page.locator("#message").press("Enter");
    await joon.sees("안녕하세요, 준 님!");
    await joon.say("반갑습니다 🐟");
    await mina.sees("반갑습니다 🐟");
    await joon.leave();
    await until("미나 alone", async () => /^1명/.test(await mina.page.locator("main header p").innerText()));
    await mina.page.clock.fastForward(16_000);
    await mina.sees("준 님이 퇴장하셨습니다");
  });

  test("shows what somebody typed as text, never as a page", async (t) => {
    const mina = await person(t, "text", "Mina");
    const joon = await person(t, "text", "<b>Joon</b>");
    await joon.say("<img src=x onerror=\"document.title='broken'\"> & <script>1</script>");
    await mina.sees("<img src=x onerror=\"document.title='broken'\"> & <script>1</script>");
    assert.equal(await mina.page.locator("#messages img, #messages script, #messages b").count(), 0);
    assert.notEqual(await mina.page.title(), "broken");
  });

  test("says in English who came and went", async (t) => {
    const mina = await person(t, "presence", "Mina", { hasClock: true });
    const joon = await person(t, "presence", "Joon");
    await until("Joon's arrival", async () => /Joon has joined/.test(await mina.shown()));
    await joon.page.context().close();
    await until("Mina to be alone", async () => /^1 /.test(await mina.page.locator("main header p").innerText()));
    // Whoever is back within a moment has not left.
    assert.doesNotMatch(await mina.shown(), /left|was here/);
    await mina.page.clock.fastForward(16_000);
    await until("Joon's leaving", async () => /Joon was here/.test(await mina.shown()));
    assert.equal(await mina.page.locator("[data-notice]").count(), 1);
  });

  test("keeps to itself", async (t) => {
    const mina = await person(t, "east", "Mina");
    const joon = await person(t, "west", "Joon");
    await mina.say("only in the east");
    await mina.sees("only in the east");
    await joon.say("only in the west");
    await joon.sees("only in the west");
    assert.ok(!(await joon.shown()).includes("east"));
    assert.ok(!(await mina.shown()).includes("west"));
  });

  test("shows its history after a reload", async (t) => {
    const mina = await person(t, "history", "Mina");
    const said = ["first", "둘째", "third"];
    for (const text of said) {
      await mina.say(text);
      await mina.sees(text);
    }
    await mina.arrived();
    await mina.page.reload();
    for (const text of said) await mina.sees(text);
    await mina.assertShown(said);
  });
});

describe("leaving a room", () => {
  test("ends it: nothing is received from it after that, and the rest of the chat goes on", async (t) => {
    const mina = await person(t, "out", "Mina");
    const joon = await person(t, "out", "Joon");
    await mina.say("before");
    await joon.sees("before");
    await joon.leave();
    await joon.page.getByText("You have left “out”.").waitFor();
    const frames = joon.network.frames.length;
    for (const text of ["after 1", "after 2", "after 3"]) {
      await mina.say(text);
      await mina.sees(text);
    }
    // The list shows the newest message of an open room to everybody; the conversation itself is not sent.
    await joon.page.locator("#rooms a", { hasText: "after 3" }).waitFor();
    const later = joon.network.frames.slice(frames).filter(({ sent }) => !sent).map(({ data }) => data);
    assert.ok(later.length > 0);
    assert.deepEqual(later.filter((data) => data.startsWith("42/chat,[\"message\"")), []);
    assert.deepEqual(joon.network.webSockets.map(({ finished }) => finished), [false], "the one connection stays");
  });

  test("is undone by entering again, at once or much later", async (t) => {
    const mina = await person(t, "again", "Mina");
    const joon = await person(t, "again", "Joon");
    await joon.say("before");
    await mina.sees("before");
    const address = joon.page.url();
    await joon.leave();
    // Not by a reload: the same connection.
    await joon.page.locator("#rooms a", { hasText: "again" }).click();
    await joon.entered();
    await joon.say("at once");
    await mina.sees("at once");
    await joon.leave();
    await mina.say("in the meantime");
    await mina.sees("in the meantime");
    await joon.enter(address);
    await joon.say("much later");
    for (const who of [mina, joon]) {
      await who.sees("much later");
      await who.arrived();
      await who.assertShown(["before", "at once", "in the meantime", "much later"]);
    }
  });

  test("forgets what could not be sent, and says how much of it there is before", async (t) => {
    const mina = await person(t, "unsent", "Mina");
    const joon = await person(t, "unsent", "Joon");
    await joon.page.context().setOffline(true);
    await joon.page.locator("#reconnecting").waitFor();
    // Who is there is not known now, and so it is not said.
    const here = joon.page.locator("main header p");
    assert.equal(await here.innerText(), "Not connected");
    assert.equal((await joon.page.locator("#people").innerText()).includes("2"), false);
    assert.equal(await joon.page.locator("main header").getByText("online").count(), 0);
    await joon.say("not sent");
    await until("the banner to count it", async () => /1 unsent/.test(await joon.page.locator("#reconnecting").innerText()));
    // Nobody can leave without the server's knowing: it is said, and nothing is lost.
    await joon.choose("#menu", /^Leave$/);
    await joon.page.getByText("cannot be reached").waitFor();
    await joon.page.context().setOffline(false);
    await mina.sees("not sent");
    await joon.arrived();
    await until("who is there to be told again", async () => /^2 /.test(await here.innerText()));
    await mina.assertShown(["not sent"]);
  });
});

describe("a restart of the server", () => {
  test("reconnects by itself and loses no message that had been shown", async (t) => {
    const mina = await person(t, "restart", "Mina");
    const joon = await person(t, "restart", "Joon");
    const said = ["one", "two", "셋"].map((text) => `${text}!`);
    for (const text of said) {
      await mina.say(text);
      await joon.sees(text);
    }
    await chat.interrupt();
    await chat.resume();
    said.push("after the restart");
    // What is typed while the connection is away is sent when it is back.
    await mina.say(said.at(-1));
    await joon.sees(said.at(-1));
    await mina.sees(said.at(-1));
    await mina.assertShown(said);
    await joon.assertShown(said);
    await joon.page.reload();
    await joon.sees(said.at(-1));
    await joon.assertShown(said);
  });
});

describe("a lost network", () => {
  test("is noticed within a second, and what is written meanwhile goes out after it", async (t) => {
    const mina = await person(t, "offline", "Mina");
    const joon = await person(t, "offline", "Joon");
    const banner = mina.page.locator("#reconnecting");
    const noticed = async () => {
      const start = performance.now();
      await mina.page.context().setOffline(true);
      await banner.waitFor();
      return performance.now() - start;
    };
    const back = async () => {
      await mina.page.context().setOffline(false);
      await banner.waitFor({ state: "detached" });
    };
    // The best of three, since a machine may have much else to do for a second.
    const times = [];
    while (times.length < 3) {
      if (times.length > 0) await back();
      times.push(await noticed());
    }
    assert.ok(Math.min(...times) < 1_000, `noticed after ${times.map(Math.round)} ms`);
    await mina.say("written without a network");
    await back();
    await joon.sees("written without a network");
    await joon.assertShown(["written without a network"]);
  });
});

describe("a busy room", () => {
  test("of 200 messages a second is read as it is written", async (t) => {
    const [rate, count] = [200, 2_000];
    const mina = await person(t, "busy", "Mina");
    const speaker = io(chat.url, { forceNew: true, transports: ["websocket"] });
    t.after(() => speaker.disconnect());
    await addressOf("busy");
    await speaker.emitWithAck("join", { room: "busy", name: "Speaker" });
    const stored = [];
    const start = performance.now();
    for (let n = 0; n < count; n += 1) {
      stored.push(speaker.emitWithAck("chat", { name: "Speaker", msg: `word ${n}.` }));
      const due = start + ((n + 1) * 1_000) / rate;
      await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    }
    for (const answer of await Promise.all(stored)) assert.ok(answer.id, JSON.stringify(answer));
    const end = performance.now();
    await mina.page.locator("#messages").getByText(`word ${count - 1}.`, { exact: true }).waitFor({ timeout: 15_000 });
    t.diagnostic(`caught up after ${Math.round(performance.now() - end)} ms`);
    const isAtEndNow = () => mina.page.locator("#messages").evaluate((log) =>
      log.scrollHeight - log.scrollTop - log.clientHeight < 60);
    await until("the end of the conversation in sight", isAtEndNow);
    // Only what is near to the reader is drawn, so that a long conversation costs no more than a short one.
    const drawn = () => mina.page.locator("#messages [data-id]").evaluateAll((bubbles) =>
      bubbles.map((bubble) => [Number(bubble.dataset.id), bubble.querySelector(".text").textContent]));
    const met = new Map(await drawn());
    assert.ok(met.size > 5 && met.size < 150, `${met.size} are drawn`);
    // The page keeps the newest 1,000, and loads what is older: everything is there, whoever scrolls up to see it.
    await mina.page.locator("#messages").hover();
    const isMore = () => mina.page.locator("#messages").evaluate((log) => log.scrollTop > 0 || log.querySelector(".edge") !== null);
    while (await isMore()) {
      await mina.page.mouse.wheel(0, -500);
      await mina.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      for (const [id, text] of await drawn()) met.set(id, text);
    }
    const read = [...met].sort(([a], [b]) => a - b).map(([, text]) => text);
    assert.deepEqual(read, Array.from({ length: count }, (_, n) => `word ${n}.`));
  });

  test("with texts made to be slow is read all the same", async (t) => {
    const speaker = io(chat.url, { forceNew: true, transports: ["websocket"] });
    t.after(() => speaker.disconnect());
    await addressOf("hostile");
    await speaker.emitWithAck("join", { room: "hostile", name: "Speaker" });
    for (const unit of [".", ")", "http://a.b ", "!x"]) {
      const msg = `http://a.b/${unit.repeat(Math.floor(3_900 / unit.length))}x`;
      const answers = Array.from({ length: 16 }, () => speaker.emitWithAck("chat", { name: "Speaker", msg }));
      for (const answer of await Promise.all(answers)) assert.ok(answer.id, JSON.stringify(answer));
    }
    const end = await speaker.emitWithAck("chat", { name: "Speaker", msg: "the end" });
    assert.ok(end.id);
    const mina = await person(t, "hostile", "Mina");
    const start = performance.now();
    await mina.sees("the end");
    t.diagnostic(`shown ${Math.round(performance.now() - start)} ms after entering`);
  });
});

describe("the pages", () => {
  for (const [name, viewport, room] of [
    ["phone", { width: 390, height: 844 }, "저녁 모임"],
    ["desktop", { width: 1280, height: 800 }, "주말 모임"],
  ]) {
    test(`fit a ${name}`, async (t) => {
      const mina = await person(t, room, "미나", { viewport, locale: "ko-KR" });
      const joon = await person(t, room, "Joon", { viewport });
      for (const [who, text] of [
        [mina, "오늘 저녁 같이 먹을래요?"],
        [joon, "Sure! Where shall we meet?"],
        [mina, "학교 앞 식당에서 7시에 만나요."],
        [joon, "See you there 🐟"],
        [mina, "네, 이따 봐요!"],
      ]) {
        await who.say(text);
        await mina.sees(text);
        await joon.sees(text);
      }
      await mina.page.locator("#message").fill("잠깐만요");
      for (const selector of ["#message", "#send", "#people", "#menu", "#messages"]) {
        const box = await mina.page.locator(selector).boundingBox();
        assert.ok(box && box.x >= 0 && box.x + box.width <= viewport.width, `${selector} is cut off`);
        assert.ok(box.y >= 0 && box.y + box.height <= viewport.height, `${selector} is below the screen`);
      }
      const isWide = await mina.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.ok(!isWide, "nothing scrolls sideways");
      await picture(mina.page, `chat-${name}`);
    });
  }
});
