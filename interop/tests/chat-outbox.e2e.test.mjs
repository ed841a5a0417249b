// What is said in the chat is said once, in Chromium: although the network, the tab, the page, the server
// or the answer is lost. The pictures lie in interop/screenshots.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage, picture, watch } from "./support/browser.mjs";
import { Chat, KOREAN, Person } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

const VARIANTS = [
  { name: "phone-ko", locale: "ko-KR", viewport: { width: 390, height: 844 }, colorScheme: "light" },
  { name: "phone-en-dark", locale: "en-US", viewport: { width: 390, height: 844 }, colorScheme: "dark" },
  { name: "desktop-en", locale: "en-US", viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  { name: "desktop-ko-dark", locale: "ko-KR", viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
];

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

/** A browser of somebody's own, with one tab. */
async function tab(t, options) {
  const page = await openPage(browser, options);
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  return new Person(page);
}

/** One more tab of the same browser. */
async function nextTab(person) {
  return new Person(watch(await person.page.context().newPage()));
}

/** Says something that cannot be sent now, and waits until the browser has it. */
async function write(person, ...texts) {
  for (const text of texts) await person.say(text);
  await until("the store to have it", async () => {
    const kept = await person.page.evaluate(keptTexts);
    return texts.every((text) => kept.includes(text));
  });
}

/** The texts in all outboxes of this browser; in none if it has no database. */
async function keptTexts() {
  const open = indexedDB.open("sockeye-outbox", 1);
  await new Promise((resolve, reject) => Object.assign(open, { onsuccess: resolve, onerror: reject }));
  const all = open.result.transaction("events").objectStore("events").getAll();
  await new Promise((resolve, reject) => Object.assign(all, { onsuccess: resolve, onerror: reject }));
  open.result.close();
  return all.result.map(({ event }) => event.args[1].text);
}

async function offline(person) {
  await person.page.context().setOffline(true);
  await person.page.locator("#reconnecting").waitFor();
}

/** The pages can be loaded, but not connect, until the returned function is called. */
async function withoutSockets(person) {
  const context = person.page.context();
  await context.route("**/socket.io/**", (route) => route.abort());
  await context.setOffline(true);
  await person.page.locator("#reconnecting").waitFor();
  await context.setOffline(false);
  return () => context.unroute("**/socket.io/**");
}

/**
 * Lets the page's answers be lost from when `isLost` is set: what is said arrives, and the page does not
 * hear of it. `cut` ends its WebSocket.
 */
async function loseAnswers(person) {
  const link = { isLost: false };
  await person.page.routeWebSocket(/socket\.io/, (ws) => {
    const server = ws.connectToServer();
    link.cut = () => Promise.all([ws.close(), server.close()]);
    ws.onMessage((message) => server.send(message));
    server.onMessage((message) => {
      if (!link.isLost || !/^4[23]/.test(message)) ws.send(message);
    });
  });
  return link;
}

describe("what is written without a connection", () => {
  test("outlives the tab, and goes out once from the next one", async (t) => {
    const joon = await tab(t);
    const room = await chat.newRoom("closed");
    await joon.enter(room, "Joon");
    const mina = await tab(t);
    await mina.enter(room, "Mina");
    await offline(mina);
    await write(mina, "first", "second");
    const next = await nextTab(mina);
    await mina.page.close();
    await next.page.context().setOffline(false);
    await next.enter(room, "Mina");
    await joon.sees("second");
    await next.sees("second");
    await next.arrived();
    for (const who of [joon, next]) await who.assertShown(["first", "second"]);
    assert.deepEqual(await until("the outbox to be empty", async () => {
      const kept = await next.page.evaluate(keptTexts);
      return kept.length === 0 && kept;
    }), []);
    assert.deepEqual(next.page.problems, []);
  });

  test("outlives reloads, and goes out once", async (t) => {
    const joon = await tab(t);
    const room = await chat.newRoom("reloaded");
    await joon.enter(room, "Joon");
    const mina = await tab(t);
    await mina.enter(room, "Mina");
    const connect = await withoutSockets(mina);
    await write(mina, "first", "second");
    // Twice, and the first time nothing can be sent either.
    for (let n = 0; n < 2; n += 1) {
      await mina.page.reload();
      await mina.page.locator("#reconnecting").waitFor();
    }
    await connect();
    await mina.entered();
    await mina.say("third");
    await joon.sees("third");
    await mina.arrived();
    for (const who of [joon, mina]) await who.assertShown(["first", "second", "third"]);
  });

  test("outlives reloads on a page without HTTPS, which has no locks", async (t) => {
    const name = "chat.test";
    const plain = await launch([`--host-resolver-rules=MAP ${name} 127.0.0.1`]);
    t.after(() => plain.close());
    const server = await Chat.start("--allowed-host", name);
    t.after(() => server.stop());
    await server.setUp();
    const room = (await server.newRoom("http")).replace("localhost", name);
    const mina = new Person(await openPage(plain));
    await mina.enter(room, "Mina");
    assert.equal(await mina.page.evaluate(() => typeof navigator.locks), "undefined");
    const connect = await withoutSockets(mina);
    await mina.say("first");
    await mina.say("second");
    await mina.page.reload();
    await mina.page.locator("#reconnecting").waitFor();
    await connect();
    await mina.entered();
    await mina.say("third");
    await mina.sees("third");
    await mina.arrived();
    await mina.assertShown(["first", "second", "third"]);
    // As the server has it.
    const joon = new Person(await openPage(plain));
    await joon.enter(room, "Joon");
    await joon.sees("third");
    await joon.assertShown(["first", "second", "third"]);
    assert.deepEqual([...mina.page.problems, ...joon.page.problems], []);
  });

  test("goes out once although the tab was copied, and what it keeps with it", async (t) => {
    const joon = await tab(t);
    const room = await chat.newRoom("copied");
    await joon.enter(room, "Joon");
    const mina = await tab(t);
    await mina.enter(room, "Mina");
    const connect = await withoutSockets(mina);
    await write(mina, "in both tabs");
    const opened = mina.page.context().waitForEvent("page");
    await mina.page.evaluate(() => void open(location.href));
    const copy = new Person(watch(await opened));
    await copy.page.locator("#reconnecting").waitFor();
    assert.match(await copy.page.evaluate(() => JSON.stringify(localStorage)), /in both tabs/);
    await connect();
    await copy.entered();
    await mina.page.locator("#reconnecting").waitFor({ state: "detached" });
    await copy.say("after that");
    for (const who of [joon, mina, copy]) {
      await who.sees("after that");
      await who.arrived();
      await who.assertShown(["in both tabs", "after that"]);
    }
    assert.deepEqual(copy.page.problems, []);
  });

  test("goes out of each tab once, and what a closed one left out of one", async (t) => {
    const joon = await tab(t);
    const room = await chat.newRoom("tabs");
    await joon.enter(room, "Joon");
    const first = await tab(t);
    await first.enter(room, "Mina");
    const second = await nextTab(first);
    await second.enter(room, "Mina");
    await offline(first);
    await second.page.locator("#reconnecting").waitFor();
    await write(first, "from the first tab");
    await write(second, "from the second tab");
    await first.page.context().setOffline(false);
    for (const text of ["from the first tab", "from the second tab"]) {
      for (const who of [joon, first, second]) await who.sees(text);
    }
    await Promise.all([first, second].map((who) => who.arrived()));

    await offline(first);
    await second.page.locator("#reconnecting").waitFor();
    await write(first, "from a closed tab");
    await first.page.close();
    await second.page.context().setOffline(false);
    const others = await Promise.all([nextTab(second), nextTab(second)]);
    await Promise.all(others.map((other) => other.enter(room, "Mina")));
    for (const who of [joon, second, ...others]) {
      await who.sees("from a closed tab");
      await who.arrived();
      for (const text of ["from the first tab", "from the second tab", "from a closed tab"]) {
        await who.assertShown([text]);
      }
      assert.deepEqual(who.page.problems, []);
    }
  });
});

describe("a message whose answer is lost", () => {
  for (const [what, lose] of [
    ["with the connection", async (link) => link.cut()],
    ["with the server, which starts again", async (link) => {
      await chat.interrupt();
      await chat.resume();
    }],
  ]) {
    test(`${what} is stored and shown once`, async (t) => {
      const room = await chat.newRoom(`answer lost ${what}`);
      const joon = await tab(t);
      await joon.enter(room, "Joon");
      const mina = await tab(t);
      const link = await loseAnswers(mina);
      await mina.enter(room, "Mina");
      await mina.say("before");
      await until("the WebSocket", () => link.cut);
      await mina.arrived();
      link.isLost = true;
      await mina.say("is it there?");
      await joon.sees("is it there?");
      assert.equal(await mina.state("is it there?"), "sent");
      await lose(link);
      link.isLost = false;
      await mina.page.locator("#reconnecting").waitFor({ state: "detached" });
      await mina.arrived();
      await mina.say("after");
      await joon.sees("after");
      await mina.arrived();
      for (const who of [mina, joon]) await who.assertShown(["before", "is it there?", "after"]);
    });
  }
});

for (const { name, ...options } of VARIANTS) {
  test(`sent, under way and refused are told apart on ${name}`, async (t) => {
    const isKorean = options.locale === "ko-KR";
    const [mine, sent, underWay] = isKorean
      ? ["어제 쓰다 만 말이에요", "지금 도착했어요", "아직 가는 중이에요"]
      : ["I never got to send this", "This one has arrived", "This one is still on its way"];
    const mina = await tab(t, options);
    const made = await chat.makeRoom(`pictures ${name}`);
    const room = chat.room(made.id);
    await mina.enter(room, isKorean ? `미나 ${name}` : `Mina ${name}`);
    const { id } = (await chat.ownerLine.ask("members", { room: made.id })).find(({ person }) =>
      person.name.endsWith(name)).person;
    const mute = (seconds) => chat.ownerLine.ask("mute", { room: made.id, person: id, seconds });
    await offline(mina);
    await write(mina, mine);
    assert.equal(await mina.state(mine), "waiting");
    await picture(mina.page, `outbox-waiting-${name}`);

    // Meanwhile somebody has muted them: what was written is refused, and kept.
    await mute(600);
    const next = await nextTab(mina);
    await mina.page.close();
    await next.page.context().setOffline(false);
    const link = await loseAnswers(next);
    await next.page.goto(room);
    await until("the refusal", async () => (await next.state(mine)) === "failed");
    const failure = next.page.locator(".failure");
    assert.equal(KOREAN.test(await failure.innerText()), isKorean);
    await mute(0);
    await next.entered();
    await next.say(sent);
    await until("the answer", async () => (await next.state(sent)) === "stored");
    link.isLost = true;
    await next.say(underWay);
    await until("the sending", async () => (await next.state(underWay)) === "sent");
    await picture(next.page, `outbox-${name}`);

    // Kept over a reload, and said only when it is asked for, or given up.
    link.isLost = false;
    await next.page.reload();
    await next.entered();
    await next.sees(underWay);
    await until("the answer", async () => (await next.state(underWay)) === "stored");
    assert.equal(await next.state(mine), "failed");
    await failure.locator("button").first().click();
    await until("the answer", async () => (await next.state(mine)) === "stored");
    await next.assertShown([sent, underWay, mine]);
    assert.deepEqual(next.page.problems, []);
  });
}
