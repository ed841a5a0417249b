// The defects of the review of 2026-11-28, each by its name there, as far as no other test is about it:
//
//   H1  chat.e2e, "a lost network"; chat-outbox.e2e
//   H2  here in short; chat.e2e, "a busy room"; measure/chat.mjs at full length
//   H5  chat-people.e2e, "a guest cannot speak in another's bubbles"; chat-limits.e2e (names that look alike)
//   M1  chat-people.e2e, "a guest is asked for a nickname once"; M2, M3 also chat-rooms.e2e, "who is there"
//   M4  chat-outbox.e2e; M5 chat-frame.e2e, "the focus"; L9 chat-frame.e2e, "the keyboard of a phone"
//   M12 chat-components.e2e, "borders of fields"; L12 notes.e2e and apps/chat/src/notes; L13 notes.e2e
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { launch, watch } from "./support/browser.mjs";
import { Chat, Person, PHONE } from "./support/chat.mjs";
import { NetworkLog } from "./support/network.mjs";
import { until } from "./support/waiting.mjs";

let browser;
let chat;
let member;
before(async () => {
  browser = await launch();
  chat = await Chat.start("--messages-per-second", "0");
  await chat.setUp();
  member = await chat.member("Mina");
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});

async function open(t, options = {}, cookie = member.cookie) {
  const page = await chat.page(browser, cookie, options);
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  return page;
}

/** A guest in a room, at a page of their own. */
async function guest(t, room, name, options) {
  const person = new Person(await open(t, options, (await chat.guest(name)).cookie));
  await person.enter(chat.room(room.id));
  return person;
}

const rows = (page) => page.locator("#rooms li");
const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

test("H2: 200 messages a second for 5 seconds are shown as they come, and the page stays small", async (t) => {
  const room = await chat.makeRoom("H2");
  await chat.ownerLine.ask("open", { room: room.id });
  const reader = await guest(t, room, "Reader");
  const [rate, count] = [200, 1_000];
  const elements = () => reader.page.evaluate(() => document.querySelectorAll("*").length);
  const start = performance.now();
  const answers = [];
  for (let n = 0; n < count; n += 1) {
    answers.push(chat.ownerLine.say(room.id, `word ${n}.`));
    await new Promise((done) => setTimeout(done, start + ((n + 1) * 1_000) / rate - performance.now()));
  }
  await Promise.all(answers);
  const sent = performance.now();
  await reader.page.locator("#messages").getByText(`word ${count - 1}.`, { exact: true }).waitFor();
  t.diagnostic(`the last one was shown ${Math.round(performance.now() - sent)} ms after it was stored`);
  // The review had 22 s; on a machine with much else to do a few seconds are not the page's fault.
  assert.ok(performance.now() - sent < 5_000);
  assert.ok((await elements()) < 2_500, `${await elements()} elements`);
});

test("H3: nobody pushes a room off the list: strangers make none, and others not many at once", async (t) => {
  const strict = await Chat.start("--rooms-per-hour", "60");
  t.after(() => strict.stop());
  await strict.setUp();
  const keeps = await strict.makeRoom("기획팀");
  // A stranger by the events of the notes, which once made any room that was named.
  const stranger = io(strict.url, { forceNew: true, transports: ["websocket"] });
  t.after(() => stranger.disconnect());
  for (let n = 0; n < 130; n += 1) {
    await stranger.timeout(10_000).emitWithAck("join", { room: `spam ${n}`, name: "Stranger" });
  }
  const spammer = await strict.line((await strict.member("Spammer")).cookie);
  const answers = await Promise.allSettled(Array.from({ length: 130 }, (_, n) => strict.makeRoom(`more ${n}`, {}, spammer)));
  const made = answers.filter(({ status }) => status === "fulfilled").length;
  assert.ok(made <= 25, `${made} at once`);
  assert.equal(answers.find(({ status }) => status === "rejected").reason.code, "too_many_rooms");
  const page = await strict.page(browser, strict.owner);
  t.after(() => page.context().close());
  await page.goto(strict.url);
  await page.locator("#rooms li", { hasText: "기획팀" }).waitFor();
  assert.ok((await rows(page).count()) < 40);
  await page.locator("#search").fill("기획");
  await until("it alone", async () => (await rows(page).count()) === 1);
  // And it can be taken away again.
  await strict.ownerLine.ask("delete", { room: keeps.id });
  await until("none", async () => (await rows(page).count()) === 0);
});

test("M1 and M2: three reloads ask for nothing and tell nobody", async (t) => {
  const room = await chat.makeRoom("M1");
  const watcher = await guest(t, room, "Watcher");
  const mover = await guest(t, room, "Mover");
  await watcher.sees("Mover has joined");
  for (let n = 0; n < 3; n += 1) {
    await mover.page.reload();
    await mover.entered();
  }
  await mover.say("still here");
  await watcher.sees("still here");
  assert.equal(await watcher.page.locator("[data-notice]").count(), 1, await watcher.shown());
  assert.equal(await mover.page.locator("[data-notice]").count(), 0, "nothing of oneself");
});

test("M2 and M3: six tabs are one person, in one line", async (t) => {
  const room = await chat.makeRoom("M3");
  const watcher = await guest(t, room, "Watcher 3");
  const mover = await guest(t, room, "이하늘");
  for (let n = 0; n < 5; n += 1) {
    const tab = new Person(watch(await mover.page.context().newPage()));
    await tab.enter(chat.room(room.id));
  }
  await mover.say("from the first");
  await watcher.sees("from the first");
  assert.match(await watcher.page.locator("main header p").innerText(), /^2 /);
  assert.equal(await watcher.page.locator("[data-notice]").count(), 1, await watcher.shown());
  await watcher.page.locator("#people").click();
  await until("the list of people", async () => (await watcher.page.locator("#members li").count()) >= 2);
  assert.equal(await watcher.page.locator("#members li", { hasText: "이하늘" }).count(), 1);
});

test("M6: a new room shows what to do with it, in the reader's language", async (t) => {
  const room = await chat.makeRoom("M6", { description: "For the sixth" });
  for (const [options, words] of [[{}, /You begin!/], [{ ...PHONE, locale: "ko-KR" }, /첫 마디를 건네 보세요/]]) {
    const page = await open(t, options);
    await page.goto(chat.room(room.id));
    await page.locator("#message").waitFor();
    await until("the words", async () => words.test(await page.locator("main").innerText()));
    assert.match(await page.locator("main").innerText(), /For the sixth/);
  }
});

test("M10: a new room is made above the list, however long that is", async (t) => {
  for (let n = 0; n < 30; n += 1) await chat.makeRoom(`M10 ${n}`);
  for (const options of [{}, PHONE]) {
    const page = await open(t, options);
    await page.goto(chat.url);
    await until("the list", async () => (await rows(page).count()) >= 30);
    const { y, height } = await page.locator("#new-room").boundingBox();
    assert.ok(y + height < 220, `${y} pixels down`);
    await page.locator("#rooms li").last().scrollIntoViewIfNeeded();
    assert.ok(await page.locator("#new-room").isVisible(), "it stays while the list scrolls");
    assert.equal((await page.locator("#new-room").boundingBox()).y, y);
  }
});

test("M11: an address that seems to lead elsewhere is no link", async (t) => {
  const room = await chat.makeRoom("M11");
  await chat.ownerLine.ask("open", { room: room.id });
  const deceiving = ["https://example.com/\u202Egnp.exe", "http://user:pw@evil.example/", "https://раураl.com/login", "http://exa\u200Bmple.com"];
  for (const text of deceiving) await chat.ownerLine.say(room.id, text);
  await chat.ownerLine.say(room.id, "https://example.com/plain");
  const reader = await guest(t, room, "Reader 11");
  await reader.sees("https://example.com/plain");
  const links = await reader.page.locator("#messages a").evaluateAll((all) => all.map(({ href }) => href));
  assert.deepEqual(links, ["https://example.com/plain"]);
});

test("L1: the list is asked for once, and is live without being asked again", async (t) => {
  const page = await open(t);
  const network = await NetworkLog.of(page);
  await page.goto(chat.url);
  await until("the list", async () => (await rows(page).count()) > 0);
  await chat.makeRoom("L1 appears");
  await rows(page).filter({ hasText: "L1 appears" }).waitFor();
  const asked = network.frames.filter(({ sent, data }) => sent && data.includes('"list"')).length;
  const posted = network.requests.filter(({ method, url }) => method === "POST" && url.pathname.startsWith("/socket.io")).length;
  assert.ok(asked + posted <= 4, `${asked} frames, ${posted} posts`);
  assert.deepEqual(network.requests.filter(({ url }) => url.pathname === "/api/rooms").map(String), []);
});

test("L2 and L3: in the list a long name leaves the message its place, and every row has one baseline", async (t) => {
  const room = await chat.makeRoom("L2");
  const { cookie } = await chat.guest("W".repeat(32));
  const line = await chat.line(cookie);
  await line.ask("open", { room: room.id });
  await line.say(room.id, "this can be read");
  line.leave();
  const other = await chat.makeRoom("L3 nobody here");
  await chat.ownerLine.ask("open", { room: other.id });
  await chat.ownerLine.say(other.id, "שלום, somebody is here");
  const page = await open(t);
  await page.goto(chat.url);
  const row = rows(page).filter({ hasText: "this can be read" });
  await row.waitFor();
  const [author, said, whole] = await Promise.all([".author", ".said", ".last"].map((part) => row.locator(part).boundingBox()));
  assert.ok(author.width <= whole.width * 0.42, `${author.width} of ${whole.width}`);
  assert.ok(said.width >= 60, `${said.width} pixels of the message`);
  const offsets = await rows(page).evaluateAll((all) => all.filter((row) => row.querySelector("time")).map((row) =>
    Math.round(row.querySelector("time").getBoundingClientRect().top - row.querySelector(".title").getBoundingClientRect().top)));
  assert.equal(new Set(offsets).size, 1, offsets.join());
  // Text of the other direction is cut at its own end.
  assert.equal(await rows(page).filter({ hasText: "somebody is here" }).locator(".said").getAttribute("dir"), "auto");
});

test("L4: the search field, the button and the rows begin and end on the same lines", async (t) => {
  for (const options of [{}, PHONE]) {
    const page = await open(t, options);
    await page.goto(chat.url);
    await until("the list", async () => (await rows(page).count()) > 0);
    const [search, button] = await Promise.all(["#search", "#new-room"].map((id) => page.locator(id).boundingBox()));
    assert.ok(Math.abs(search.x - button.x) < 1 && Math.abs(search.width - button.width) < 1);
    // The text of a row stands in from its coloured ground; the ground is within a margin on both sides.
    const nav = await page.locator("nav").boundingBox();
    const row = await page.locator("#rooms a").first().boundingBox();
    assert.ok(Math.abs(row.x - nav.x - (nav.x + nav.width - row.x - row.width)) < 18, "even margins");
  }
});

test("L5 and L6: Korean breaks between words in any interface, others as they do, addresses where they part", async (t) => {
  const room = await chat.makeRoom("L5");
  await chat.ownerLine.ask("open", { room: room.id });
  for (const text of ["가나다라마바사 아자차카타파하 거너더러머버서", "日本語の文章は単語の間に空白がありません", "https://example.com/team-2026/notes?page=2&part=3"]) {
    await chat.ownerLine.say(room.id, text);
  }
  for (const locale of ["en-US", "ko-KR"]) {
    const reader = await guest(t, room, `Reader ${locale}`, { ...PHONE, locale });
    await reader.sees("notes?page");
    const texts = await reader.page.locator("#messages .text").evaluateAll((all) => all.map((text) => ({
      lang: text.lang, breaks: getComputedStyle(text).wordBreak, wbr: text.querySelectorAll("wbr").length,
    })));
    assert.deepEqual(texts.slice(0, 2).map(({ lang, breaks }) => [lang, breaks]), [["ko", "keep-all"], ["ja", "normal"]], locale);
    assert.ok(texts[2].wbr >= 4, `${texts[2].wbr} places to break`);
  }
});

test("L7: www.example.com is a link", async (t) => {
  const room = await chat.makeRoom("L7");
  await chat.ownerLine.ask("open", { room: room.id });
  await chat.ownerLine.say(room.id, "see www.example.com/a, please");
  const reader = await guest(t, room, "Reader 7");
  await reader.sees("please");
  const link = reader.page.locator("#messages a");
  assert.equal(await link.innerText(), "www.example.com/a");
  assert.equal(await link.getAttribute("href"), "https://www.example.com/a");
});

test("L8: marks piled up on letters stay in their bubble", async (t) => {
  const room = await chat.makeRoom("L8");
  await chat.ownerLine.ask("open", { room: room.id });
  await chat.ownerLine.say(room.id, "above");
  await chat.ownerLine.say(room.id, `Z${"\u0300\u0301\u0302\u0311\u0352".repeat(40)}algo`);
  await chat.ownerLine.say(room.id, "below");
  const reader = await guest(t, room, "Reader 8");
  await reader.sees("below");
  const { overflow, height } = await reader.page.locator("#messages .text").nth(1).evaluate((text) => ({
    overflow: getComputedStyle(text).overflowY, height: text.getBoundingClientRect().height,
  }));
  assert.match(overflow, /clip|hidden/);
  assert.ok(height < 80, `${height} pixels high`);
});

test("L10: what browsers and messengers ask for is there", async (t) => {
  for (const [path, type] of [
    ["/robots.txt", "text/plain"], ["/favicon.ico", "image/"], ["/favicon.svg", "image/svg+xml"],
    ["/apple-touch-icon.png", "image/png"], ["/preview.png", "image/png"],
  ]) {
    const response = await fetch(chat.url + path);
    assert.equal(response.status, 200, path);
    assert.ok(response.headers.get("content-type").startsWith(type), `${path}: ${response.headers.get("content-type")}`);
    assert.ok((await response.arrayBuffer()).byteLength > 20, path);
  }
  const html = await (await fetch(`${chat.url}/invite`)).text();
  for (const what of ['name="description"', 'property="og:title"', 'property="og:image"', 'rel="apple-touch-icon"']) {
    assert.ok(html.includes(what), what);
  }
  // Whoever shows a preview of a link is given an address that is whole.
  const image = /property="og:image" content="([^"]+)"/.exec(html)[1];
  assert.equal((await fetch(new URL(image, chat.url))).status, 200);
});

test("L11: without JavaScript the page says so, and fits", async (t) => {
  const page = await open(t, { ...PHONE, javaScriptEnabled: false });
  for (const path of ["/", `/room/${encodeURIComponent("lobby")}`]) {
    await page.goto(chat.url + path);
    const text = await page.locator("body").innerText();
    assert.match(text, /JavaScript/);
    const { width } = await page.locator("body").boundingBox();
    assert.ok(width <= 390);
    const words = page.getByText(/JavaScript/).first();
    const box = await words.boundingBox();
    assert.ok(box.x >= 8 && box.x + box.width <= 382, `from ${box.x} to ${box.x + box.width}`);
  }
});

test("L12: a bare name joins the lobby, as in the notes", async (t) => {
  const lobby = (await chat.ownerLine.list.emitWithAck("list", {})).rooms.length;
  assert.ok(lobby > 0);
  const socket = io(chat.url, { forceNew: true, transports: ["websocket"] });
  t.after(() => socket.disconnect());
  const answer = await socket.timeout(10_000).emitWithAck("join", "상민");
  assert.ok(Array.isArray(answer), JSON.stringify(answer));
  const page = new Person(await open(t));
  await page.enter(chat.room("lobby"));
  await socket.timeout(10_000).emitWithAck("chat", { name: "상민", msg: "안녕하세요, 노트입니다" });
  await page.sees("안녕하세요, 노트입니다");
});

test("L14: an address with a name that is too long says that", async (t) => {
  for (const [locale, words] of [["ko-KR", /깁니다/], ["en-US", /too long/]]) {
    const page = await open(t, { locale });
    await page.goto(chat.room("a".repeat(51)));
    await until("the words", async () => words.test(await page.locator("main h1").innerText()));
    assert.ok(await page.locator("main a.button").isVisible(), "and there is a way on");
    await drawn(page);
  }
});
