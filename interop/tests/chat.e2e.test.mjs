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
  [browser, chat] = await Promise.all([launch(), Chat.start()]);
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});

/** A person in a room; the test fails if the page had a problem. */
async function person(t, room, nickname, options) {
  const page = await openPage(browser, options);
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  const someone = new Person(page);
  someone.network = await NetworkLog.of(page);
  await someone.enter(chat.room(room), nickname);
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
    const mina = await person(t, "한국어", "미나", { locale: "ko-KR" });
    const joon = await person(t, "한국어", "준", { locale: "ko-KR" });
    await joon.sees("준 님이 입장하셨습니다");
    await mina.sees("준 님이 입장하셨습니다");
    await mina.page.locator("#message").pressSequentially("안녕하세요, 준 님!");
    await mina.page.locator("#message").press("Enter");
    await joon.sees("안녕하세요, 준 님!");
    await joon.say("반갑습니다 🐟");
    await mina.sees("반갑습니다 🐟");
    await joon.page.locator("#out").click();
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
    const mina = await person(t, "presence", "Mina");
    const joon = await person(t, "presence", "Joon");
    await until("Joon's arrival", async () => /Joon .*(joined|entered)/i.test(await mina.shown()));
    await joon.page.context().close();
    await until("Joon's leaving", async () => /Joon .*left/i.test(await mina.shown()));
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
    await mina.enter(mina.page.url(), "Mina");
    await mina.sees("third");
    await mina.assertShown(said);
  });
});

describe("the Out button", () => {
  test("ends everything: nothing is sent or received after it", async (t) => {
    const mina = await person(t, "out", "Mina");
    const joon = await person(t, "out", "Joon");
    await mina.say("before");
    await joon.sees("before");
    await joon.page.locator("#out").click();
    await until("Joon's connection to end", () => {
      return joon.network.webSockets.every(({ finished }) => finished)
        && joon.network.polling.every(({ finished }) => finished);
    });
    const shown = await joon.shown().catch(() => "");
    const { requests, frames } = joon.network.size;
    await until("the note that Joon left", async () => /Joon .*left/i.test(await mina.shown()));
    for (const text of ["after 1", "after 2", "after 3"]) {
      await mina.say(text);
      await mina.sees(text);
    }
    assert.deepEqual(joon.network.size, { requests, frames });
    assert.equal(await joon.shown().catch(() => ""), shown);
  });

  test("is undone by entering again, at once or much later, also for what was not sent", async (t) => {
    const mina = await person(t, "again", "Mina");
    const joon = await person(t, "again", "Joon");
    await joon.say("before");
    await mina.sees("before");
    // At once: the goodbye may still be under way.
    await joon.page.evaluate(async () => {
      document.querySelector("#out").click();
      await new Promise((resolve) => requestAnimationFrame(resolve));
      document.querySelector("#again").click();
    });
    await joon.entered();
    await joon.say("at once");
    await mina.sees("at once");
    await joon.page.context().setOffline(true);
    await joon.page.locator("#reconnecting").waitFor();
    await joon.say("not sent");
    await joon.page.locator("#out").click();
    await joon.page.context().setOffline(false);
    await mina.say("in the meantime");
    await mina.sees("in the meantime");
    assert.ok(!(await mina.shown()).includes("not sent"));
    await joon.page.locator("#again").click();
    await joon.entered();
    const said = ["before", "at once", "in the meantime", "not sent"];
    for (const who of [mina, joon]) {
      await who.sees("not sent");
      await who.sees("in the meantime");
      await until("everything to be stored", async () =>
        (await who.page.locator("[data-state]").count()) === 4 && (await who.page.locator("[data-state=stored]").count()) === 4);
      await who.assertShown(said);
    }
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
    await joon.enter(joon.page.url(), "Joon");
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
    await mina.page.getByText(`word ${count - 1}.`, { exact: true }).waitFor({ timeout: 15_000 });
    t.diagnostic(`caught up after ${Math.round(performance.now() - end)} ms`);
    const shown = await mina.page.locator("[data-id]").evaluateAll((bubbles) =>
      bubbles.map((bubble) => bubble.querySelector(".text").textContent));
    assert.deepEqual(shown, Array.from({ length: count }, (_, n) => `word ${n}.`));
    const isAtEnd = () => mina.page.locator("#messages").evaluate((log) =>
      log.scrollHeight - log.scrollTop - log.clientHeight < 60);
    await until("the end of the conversation in sight", isAtEnd);
  });

  test("with texts made to be slow is read all the same", async (t) => {
    const speaker = io(chat.url, { forceNew: true, transports: ["websocket"] });
    t.after(() => speaker.disconnect());
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
      for (const selector of ["#message", "#send", "#out", "#messages"]) {
        const box = await mina.page.locator(selector).boundingBox();
        assert.ok(box && box.x >= 0 && box.x + box.width <= viewport.width, `${selector} is cut off`);
        assert.ok(box.y >= 0 && box.y + box.height <= viewport.height, `${selector} is below the screen`);
      }
      await picture(mina.page, `chat-${name}`);
      const rooms = await openPage(browser, { viewport, locale: "ko-KR" });
      t.after(() => rooms.context().close());
      await rooms.goto(chat.url);
      await rooms.getByText(room).first().waitFor();
      await picture(rooms, `rooms-${name}`);
      await rooms.goto(chat.room(room));
      await rooms.locator("#nickname").waitFor();
      await picture(rooms, `enter-${name}`);
    });
  }
});
