// What is done with messages, in Chromium, between people at a desktop in English and a phone in Korean: answers,
// edits, deletion, reactions, mentions, Markdown, long texts; by mouse, keyboard and finger.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { Chat, Person, PHONE } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

let browser;
let chat;
let room;
const people = {};
before(async () => {
  browser = await launch();
  chat = await Chat.start();
  await chat.setUp();
  for (const [name, options] of [["Ann", { permissions: ["clipboard-read", "clipboard-write"] }], ["민지", { ...PHONE, locale: "ko-KR" }]]) {
    const account = await chat.member(name);
    const person = new Person(await chat.page(browser, account.cookie, options));
    people[name] = Object.assign(person, { ...account, id: account.person.id, line: await chat.line(account.cookie) });
  }
});
after(async () => {
  const problems = Object.values(people).flatMap(({ page }) => page.problems);
  await browser?.close();
  await chat?.stop();
  assert.deepEqual(problems, []);
});

/** Each test has a room of its own, which both have open. */
beforeEach(async () => {
  room = await chat.makeRoom(`Room ${Math.random()}`);
  for (const person of Object.values(people)) {
    await person.line.ask("open", { room: room.id });
    await person.enter(chat.room(room.id));
  }
});

const bubble = (person, text) => person.page.locator("article.message", { hasText: text }).last();
const field = (person) => person.page.locator("#message");
const hasFocus = (locator) => locator.evaluate((node) => node === document.activeElement);

/** Points at a message and presses a button of what is shown then. */
async function press(person, text, name) {
  await bubble(person, text).locator(".text").first().hover();
  await bubble(person, text).getByRole("button", { name, exact: true }).click();
}

/** Chooses from the menu of a message. */
async function choose(person, text, item) {
  await press(person, text, "What to do with this message");
  await person.page.getByRole("menuitem", { name: item }).click();
}

/** Rests a finger on a message until its sheet is there. */
async function longPress(person, text) {
  const at = await bubble(person, text).locator(".text").first().boundingBox();
  const client = await person.page.context().newCDPSession(person.page);
  const touchPoints = [{ x: at.x + 8, y: at.y + at.height / 2 }];
  await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints });
  await person.page.getByRole("menu").waitFor();
  await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await client.detach();
}

describe("answers", () => {
  test("a message is answered by mouse, and its quote leads to it", async () => {
    const { Ann, 민지 } = people;
    await 민지.say("내일 아홉 시에 만나요");
    await Ann.sees("내일 아홉 시에 만나요");
    await press(Ann, "내일 아홉 시에", "Reply");
    await Ann.page.getByText("Reply to 민지").waitFor();
    await until("the field's focus", () => hasFocus(field(Ann)));
    await Ann.page.keyboard.type("At ten, rather");
    await Ann.page.keyboard.press("Enter");
    await 민지.sees("At ten, rather");
    const quote = bubble(민지, "At ten, rather").locator(".quote");
    assert.match(await quote.innerText(), /민지[^]*내일 아홉 시에 만나요/);
    assert.equal(await Ann.page.getByText("Reply to 민지").count(), 0, "it is answered");
    await quote.tap();
    await until("the message's focus", () => hasFocus(민지.page.locator("article.message", { hasText: "내일 아홉 시에" }).first()));
  });

  test("Esc gives an answer up, and what was written stays", async () => {
    const { Ann } = people;
    await Ann.say("first");
    await Ann.arrived();
    await press(Ann, "first", "Reply");
    await Ann.page.getByText("Reply to Ann").waitFor();
    await field(Ann).fill("kept");
    await field(Ann).press("Escape");
    await Ann.page.getByText("Reply to Ann").waitFor({ state: "detached" });
    assert.equal(await field(Ann).inputValue(), "kept");
    await field(Ann).fill("");
  });

  test("by a finger that rests on it, there is a sheet", async () => {
    const { Ann, 민지 } = people;
    await Ann.say("long press me");
    await 민지.sees("long press me");
    await longPress(민지, "long press me");
    const items = await 민지.page.getByRole("menuitem").allInnerTexts();
    assert.deepEqual(items.map((item) => item.trim().split("\n")[0]), ["답장", "공감", "내용 복사", "링크 복사", "여기부터 읽지 않음으로 표시", "읽은 사람 보기"]);
    await 민지.page.getByRole("menuitem", { name: "답장" }).tap();
    await 민지.page.getByText("Ann 님에게 답장").waitFor();
    await 민지.say("네!");
    await Ann.sees("네!");
    assert.match(await bubble(Ann, "네!").locator(".quote").innerText(), /Ann[^]*long press me/);
  });
});

describe("edits and deletion", () => {
  test("the last message is edited by the key up, and everybody sees what it said before", async () => {
    const { Ann, 민지 } = people;
    await Ann.say("at nin");
    await 민지.sees("at nin");
    await Ann.arrived();
    await field(Ann).press("ArrowUp");
    await Ann.page.getByText("Edit the message").waitFor();
    assert.equal(await field(Ann).inputValue(), "at nin");
    await field(Ann).fill("at **nine**");
    await field(Ann).press("Enter");
    for (const [who, mark] of [[Ann, "edited"], [민지, "수정됨"]]) {
      await bubble(who, "at nine").getByText(mark).waitFor();
      assert.equal(await bubble(who, "at nine").locator("strong").innerText(), "nine");
    }
    await until("an empty field", async () => (await field(Ann).inputValue()) === "");
    await bubble(민지, "at nine").getByText("수정됨").tap();
    const dialog = 민지.page.getByRole("dialog", { name: "수정 전 내용" });
    await dialog.getByText("at nin", { exact: true }).waitFor();
    assert.match(await dialog.innerText(), /지금\s+at \*\*nine\*\*/);
    await dialog.getByRole("button", { name: "닫기" }).tap();
    await dialog.waitFor({ state: "hidden" });
  });

  test("a message is deleted once that is confirmed, by keys alone", async () => {
    const { Ann, 민지 } = people;
    await Ann.say("to be deleted");
    await 민지.sees("to be deleted");
    await Ann.arrived();
    await Ann.page.locator("#messages").focus();
    await Ann.page.keyboard.press("ArrowUp");
    await until("the message's focus", () => hasFocus(bubble(Ann, "to be deleted")));
    await Ann.page.keyboard.press("Enter");
    const menu = Ann.page.getByRole("menu");
    await menu.waitFor();
    await Ann.page.keyboard.press("End");
    await Ann.page.keyboard.press("Enter");
    const dialog = Ann.page.getByRole("dialog", { name: "Delete the message?" });
    await dialog.waitFor();
    await Ann.page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    assert.ok((await 민지.shown()).includes("to be deleted"), "nothing happens without a word");
    await bubble(Ann, "to be deleted").focus();
    await Ann.page.keyboard.press("Delete");
    await dialog.waitFor();
    await Ann.page.locator("#confirm-delete").click();
    await Ann.sees("This message was deleted.");
    await 민지.sees("삭제된 메시지입니다.");
    assert.ok(!(await 민지.shown()).includes("to be deleted"));
  });

  test("nobody edits or deletes what others have said", async () => {
    const { Ann, 민지 } = people;
    await 민지.say("not yours");
    await Ann.sees("not yours");
    await press(Ann, "not yours", "What to do with this message");
    const items = (await Ann.page.getByRole("menuitem").allInnerTexts()).join();
    assert.doesNotMatch(items, /Edit|Delete/);
    await Ann.page.keyboard.press("Escape");
  });
});

describe("reactions", () => {
  test("are seen by everybody, counted, and taken back", async () => {
    const { Ann, 민지 } = people;
    await 민지.say("좋은 소식!");
    await Ann.sees("좋은 소식!");
    await press(Ann, "좋은 소식!", "React with 👍");
    const pill = (who) => bubble(who, "좋은 소식!").getByRole("button", { name: /^👍 \d+$/ });
    await pill(민지).waitFor();
    assert.equal(await pill(Ann).getAttribute("aria-pressed"), "true");
    assert.equal(await pill(민지).getAttribute("aria-pressed"), "false");
    await pill(민지).tap();
    for (const who of [Ann, 민지]) await until("two of them", async () => /2/.test(await pill(who).innerText()));
    await pill(Ann).click({ button: "right" });
    const dialog = Ann.page.getByRole("dialog", { name: "Reactions" });
    await dialog.locator(`[data-person="${민지.id}"]`).waitFor();
    await dialog.locator(`[data-person="${Ann.id}"]`).waitFor();
    await Ann.page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await pill(Ann).click();
    await until("one again", async () => /1/.test(await pill(민지).innerText()));
    await pill(민지).tap();
    await pill(Ann).waitFor({ state: "detached" });
  });

  test("with any emoji, found by a word of either language, by keys alone", async () => {
    const { Ann, 민지 } = people;
    await Ann.say("what a fish");
    await 민지.sees("what a fish");
    await Ann.arrived();
    await bubble(Ann, "what a fish").focus();
    await Ann.page.keyboard.press("+");
    const picker = Ann.page.getByRole("dialog", { name: "Emoji" });
    await picker.waitFor();
    await picker.getByRole("searchbox").fill("연어");
    await Ann.page.keyboard.press("ArrowDown");
    await until("the fish's focus", () => hasFocus(picker.getByRole("button", { name: "🐟" })));
    await Ann.page.keyboard.press("Enter");
    await bubble(민지, "what a fish").getByRole("button", { name: "🐟 1" }).waitFor();
    await until("the focus back", () => hasFocus(bubble(Ann, "what a fish")));
    // And it is the first one the next time.
    await Ann.page.keyboard.press("+");
    await picker.waitFor();
    assert.equal(await picker.locator(".all button").first().innerText(), "🐟");
    await Ann.page.keyboard.press("Escape");
    await picker.waitFor({ state: "detached" });
  });
});

describe("mentions", () => {
  test("are proposed by initial consonants, taken by Enter, and stand out for whoever is meant", async () => {
    const { Ann, 민지 } = people;
    await field(Ann).pressSequentially("Hello @ㅁㅈ");
    const option = Ann.page.getByRole("option", { name: "민지" });
    await option.waitFor();
    assert.equal(await option.getAttribute("aria-selected"), "true");
    assert.equal(await field(Ann).getAttribute("aria-activedescendant"), await option.getAttribute("id"));
    // The key that ends a syllable is the input method's.
    await field(Ann).evaluate((node) => node.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true, cancelable: true })));
    assert.equal(await field(Ann).inputValue(), "Hello @ㅁㅈ");
    await field(Ann).press("Enter");
    assert.equal(await field(Ann).inputValue(), "Hello @민지 ");
    await Ann.page.keyboard.type("and `@민지`");
    await field(Ann).press("Enter");
    await 민지.sees("Hello @민지 and @민지");
    const chips = bubble(민지, "Hello @민지").locator(".mention");
    assert.deepEqual(await chips.allInnerTexts(), ["@민지"]);
    assert.match(await chips.getAttribute("class"), /mine/);
    assert.doesNotMatch(await bubble(Ann, "Hello @민지").locator(".mention").getAttribute("class"), /mine/);
  });

  test("Esc closes what is proposed and no more, and everybody can be meant", async () => {
    const { Ann, 민지 } = people;
    await field(Ann).pressSequentially("@every");
    await Ann.page.getByRole("option").first().waitFor();
    await field(Ann).press("Escape");
    await Ann.page.getByRole("option").first().waitFor({ state: "detached" });
    assert.equal(await field(Ann).inputValue(), "@every");
    await field(Ann).pressSequentially("o");
    await Ann.page.getByRole("option").first().waitFor();
    await field(Ann).press("Tab");
    assert.equal(await field(Ann).inputValue(), "@everyone ");
    await field(Ann).press("Enter");
    await bubble(민지, "@everyone").locator(".mention.mine").waitFor();
  });
});

describe("text", () => {
  test("Markdown is drawn, HTML is text, and no link leads elsewhere than it says", async () => {
    const { Ann, 민지 } = people;
    const text = "**bold** ~~gone~~ <b>html</b> [plan](https://example.com/plan) [bank.example](https://evil.example)\n> quoted\n- item\n```js\nconst a = `**`;\n```\n\n\n";
    await Ann.say(`\n\n${text}`);
    await 민지.sees("html");
    const shown = bubble(민지, "html");
    assert.equal(await shown.locator("strong").innerText(), "bold");
    assert.equal(await shown.locator("s").innerText(), "gone");
    assert.equal(await shown.locator("b").count(), 0);
    assert.equal(await shown.locator("blockquote").innerText(), "quoted");
    assert.equal(await shown.locator("li").innerText(), "item");
    assert.equal(await shown.locator("pre").innerText(), "const a = `**`;");
    assert.deepEqual(await shown.locator("a").evaluateAll((all) => all.map(({ href, innerText, rel }) => [href, innerText, rel])), [
      ["https://example.com/plan", "plan", "noopener noreferrer nofollow"],
      ["https://evil.example/", "https://evil.example", "noopener noreferrer nofollow"],
    ]);
    await press(Ann, "html", "Copy the code");
    await until("the code", async () => (await Ann.page.evaluate(() => navigator.clipboard.readText())) === "const a = `**`;");
    await choose(Ann, "html", "Copy the text");
    await until("the text", async () => (await Ann.page.evaluate(() => navigator.clipboard.readText())) === text.trimEnd());
  });

  test("a long text is folded until somebody asks for it, and stays open when it is drawn anew", async () => {
    const { Ann, 민지 } = people;
    await Ann.say(Array.from({ length: 60 }, (_, n) => `line ${n}`).join("\n"));
    await 민지.sees("line 59");
    const height = () => bubble(민지, "line 59").locator(".text").evaluate((node) => node.clientHeight);
    const folded = await height();
    assert.ok(folded < 320, `${folded} pixels`);
    await bubble(민지, "line 59").getByRole("button", { name: "전체 보기" }).tap();
    await until("the whole text", async () => (await height()) > 1_000);
    for (let n = 0; n < 80; n += 1) await Ann.line.say(room.id, `more ${n}`);
    await 민지.sees("more 79");
    await 민지.page.getByText("line 30").waitFor({ state: "detached" });
    await 민지.page.locator("#messages").press("Home");
    await until("the whole text again", async () => (await bubble(민지, "line 59").count()) > 0 && (await height()) > 1_000);
  });
});

test("a message that becomes long by an edit is folded as well", async () => {
  const { Ann, 민지 } = people;
  const { id } = await Ann.line.say(room.id, "short");
  await 민지.sees("short");
  await Ann.line.ask("edit", { room: room.id, message: id, text: Array.from({ length: 60 }, (_, n) => `line ${n}`).join("\n") });
  await 민지.sees("line 5");
  await bubble(민지, "line 5").getByRole("button", { name: "전체 보기" }).tap();
  await until("the whole text", () => bubble(민지, "line 59").locator(".text").evaluate((node) => node.clientHeight > 1_000));
});

test("who has read a message is asked by the number beside it", async () => {
  const { Ann, 민지 } = people;
  const other = await chat.member(`Reader ${Math.random().toString(36).slice(2, 8)}`);
  const line = await chat.line(other.cookie);
  await line.ask("open", { room: room.id });
  await Ann.say("who reads this?");
  await 민지.sees("who reads this?");
  const number = bubble(Ann, "who reads this?").locator(".unread");
  await number.waitFor();
  await number.click();
  const dialog = Ann.page.getByRole("dialog", { name: "Who has read it" });
  await dialog.locator(`[data-person="${other.person.id}"]`).waitFor();
  assert.match(await dialog.innerText(), /Not read by \d/);
  await Ann.page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
});
