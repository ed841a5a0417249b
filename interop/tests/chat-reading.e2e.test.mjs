// What was read and by whom, in Chromium: badges of rooms on all devices of a person, and at each message how many
// people have not read it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { Chat, Person, PHONE } from "./support/chat.mjs";
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

/** A room of the owner's with members who are called like that, and nothing said in it. */
async function roomOf(title, ...names) {
  const room = await chat.makeRoom(title);
  await chat.ownerLine.ask("open", { room: room.id });
  const members = [];
  for (const name of names) {
    const member = await chat.member(`${name} of ${title}`);
    member.line = await chat.line(member.cookie);
    await member.line.ask("open", { room: room.id });
    members.push(member);
  }
  return { room, members, address: chat.room(room.id), path: `/room/${room.id}` };
}

/** A page of somebody, at an address; the test fails if it had a problem. */
async function pageOf(t, { cookie }, address, options = {}) {
  const page = await chat.page(browser, cookie, options);
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  await page.goto(address);
  return page;
}

/** What the badge of a room says, and that of mentions; nothing where there is none. */
async function badges(page, path) {
  const row = page.locator(`#rooms a[href="${path}"]`);
  await row.waitFor();
  return row.locator(".badge > [aria-hidden]").allInnerTexts();
}

const badgesAre = (page, path, wanted) =>
  until(`the badges ${wanted}`, async () => JSON.stringify(await badges(page, path)) === JSON.stringify(wanted));

/** At how many people a message says that they have not read it. */
async function unreadBy(page, text) {
  const message = page.locator("#messages .message", { hasText: text });
  // At once: it may be gone in the next moment.
  const [count = "0"] = await message.locator(".unread [aria-hidden]").allInnerTexts();
  return Number(count);
}

const unreadIs = (page, text, count) => until(`${count} who have not read ${text}`, async () => (await unreadBy(page, text)) === count);

describe("unread messages", () => {
  test("are counted on all devices of a person alike, and read on all when they are on one", async (t) => {
    const { room, members, path, address } = await roomOf("devices", "Mina");
    const [mina] = members;
    const desktop = await pageOf(t, mina, chat.url);
    const phone = await pageOf(t, mina, chat.url, PHONE);
    await badgesAre(desktop, path, []);
    for (let n = 1; n <= 3; n += 1) await chat.ownerLine.say(room.id, `said ${n}`);
    for (const page of [desktop, phone]) {
      await badgesAre(page, path, ["3"]);
      await until("the title", async () => (await page.title()).startsWith("(3) "));
    }
    await phone.goto(address);
    await phone.locator("#messages").getByText("said 3").waitFor();
    await badgesAre(desktop, path, []);
    await until("the title", async () => !(await desktop.title()).startsWith("("));
  });

  test("come first in the list, mentions apart", async (t) => {
    const { room, members, path } = await roomOf("first", "Mina");
    const other = await roomOf("second", "Joon");
    await other.members[0].line.say(other.room.id, "newer, and not for her");
    const [mina] = members;
    const page = await pageOf(t, mina, chat.url);
    await chat.ownerLine.ask("say", { room: room.id, text: `@${mina.person.name} look`, key: "mention", mentions: [mina.person.id] });
    await chat.ownerLine.say(room.id, "@everyone too");
    await chat.ownerLine.say(room.id, "and this");
    await badgesAre(page, path, ["@2", "3"]);
    await other.members[0].line.say(other.room.id, "newer still");
    await until("the newest one to be told", async () => (await page.locator("#rooms").innerText()).includes("newer still"));
    assert.equal(await page.locator("#rooms a").first().getAttribute("href"), path);
  });

  test("are read by being looked at, and not by a page that is not", async (t) => {
    const { room, members, path, address } = await roomOf("looked at", "Mina");
    const [mina] = members;
    const page = await pageOf(t, mina, address);
    const other = await pageOf(t, mina, chat.url);
    await page.locator("#message").waitFor();
    // Somebody does something else meanwhile.
    await page.evaluate(() => (document.hasFocus = () => false));
    await chat.ownerLine.say(room.id, "not looked at");
    await page.locator("#messages").getByText("not looked at").waitFor();
    await badgesAre(other, path, ["1"]);
    await until("the line above it", async () => (await page.locator('[data-line="unread"]').count()) === 1);
    await page.evaluate(() => {
      document.hasFocus = () => true;
      window.dispatchEvent(new Event("focus"));
    });
    await badgesAre(other, path, []);
  });

  test("can be made of those that were read, until the room is shown anew", async (t) => {
    const { room, members, path, address } = await roomOf("marked", "Mina");
    const [mina] = members;
    const page = await pageOf(t, mina, address);
    for (let n = 1; n <= 3; n += 1) await chat.ownerLine.say(room.id, `said ${n}`);
    await page.locator("#messages").getByText("said 3").waitFor();
    await badgesAre(page, path, []);
    await page.locator("#messages .message", { hasText: "said 2" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: "Mark as unread from here" }).click();
    await badgesAre(page, path, ["2"]);
    await page.locator('[data-line="unread"]').waitFor();
    await chat.ownerLine.say(room.id, "said 4");
    await badgesAre(page, path, ["3"]);
    await page.goto(chat.url);
    await badgesAre(page, path, ["3"]);
    await page.goto(address);
    await badgesAre(page, path, []);
  });
});

describe("the people who have not read a message", () => {
  test("fall in number while it is looked at, and are told by name", async (t) => {
    const { room, members, address } = await roomOf("people", "Mina", "Joon", "Skye");
    const [mina, joon, skye] = members;
    const page = await pageOf(t, mina, address);
    const someone = new Person(page);
    await someone.entered();
    await someone.say("who reads this?");
    await someone.arrived();
    // The owner, Joon and Skye are in the room, and have not looked.
    await unreadIs(page, "who reads this?", 3);
    const message = Number(await page.locator(".message", { hasText: "who reads this?" }).getAttribute("data-id"));
    await joon.line.ask("read", { room: room.id, message });
    await unreadIs(page, "who reads this?", 2);
    await page.locator(".message", { hasText: "who reads this?" }).locator(".unread").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(joon.person.name).waitFor();
    await dialog.getByText(skye.person.name).waitFor();
    await page.keyboard.press("Escape");
    await skye.line.say(room.id, "whoever says something has read what was before");
    await unreadIs(page, "who reads this?", 1);
    await chat.ownerLine.ask("read", { room: room.id, message });
    await unreadIs(page, "who reads this?", 0);
  });

  test("are those of all pages, as somebody opens one", async (t) => {
    const { members, address } = await roomOf("two pages", "Mina", "Joon");
    const [mina, joon] = members;
    const page = await pageOf(t, mina, address);
    const someone = new Person(page);
    await someone.entered();
    await someone.say("are you there?");
    await unreadIs(page, "are you there?", 2);
    const other = await pageOf(t, joon, address, PHONE);
    await other.locator("#messages").getByText("are you there?").waitFor();
    await unreadIs(page, "are you there?", 1);
    await unreadIs(other, "are you there?", 1);
  });
});
