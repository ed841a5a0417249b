// What people see of the chat's limits, in Chromium: on phone and desktop, light and dark, in both
// languages. The pictures lie in interop/screenshots.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, picture } from "./support/browser.mjs";
import { Chat, DESKTOP, KOREAN, Person, PHONE } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

const COUNT = 16;
const VARIANTS = [
  { name: "phone-ko", locale: "ko-KR", ...PHONE, colorScheme: "light" },
  { name: "phone-en-dark", locale: "en-US", ...PHONE, colorScheme: "dark" },
  { name: "desktop-en", locale: "en-US", ...DESKTOP, colorScheme: "light" },
  { name: "desktop-ko-dark", locale: "ko-KR", ...DESKTOP, colorScheme: "dark" },
];

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const { name, ...options } of VARIANTS) {
  describe(`on ${name}`, () => {
    const isKorean = options.locale === "ko-KR";
    let chat;
    let page;
    before(async () => {
      // A server of their own, so that none has used the share of the others.
      chat = await Chat.start("--messages-per-second", "1", "--rooms-per-hour", "3");
      await chat.setUp();
      page = await chat.page(browser, (await chat.member("Mina")).cookie, options);
    });
    after(async () => {
      await page?.context().close();
      await chat?.stop();
      assert.deepEqual(page.problems, []);
    });

    /** Asserts that a text is in the language of the page, and saves what is seen. */
    async function says(selector, pattern, shot) {
      const place = page.locator(selector);
      await place.waitFor();
      const text = await until("a text", () => place.innerText());
      assert.match(text, pattern);
      assert.equal(KOREAN.test(text), isKorean, text);
      await picture(page, `limits-${shot}-${name}`);
    }

    /** Opens the dialog for a new room, and asks for one of this name. */
    async function askForRoom(title) {
      const dialog = page.locator("dialog[open]");
      if (!(await dialog.isVisible())) await page.locator("#new-room").click();
      await page.locator("#room-title").fill(title);
      await page.locator("#save-room").click();
    }

    test("too much at once is said, and goes out a little later", async () => {
      const person = new Person(page);
      await person.enter(chat.room("lobby"));
      const said = Array.from({ length: COUNT }, (_, n) => `<${n}>`);
      // Written without a network, so that they leave together however slow the writing was.
      await page.context().setOffline(true);
      await page.locator("#reconnecting").waitFor();
      for (const text of said) await person.say(text);
      const slowed = page.locator("#slowed").waitFor();
      await page.context().setOffline(false);
      await slowed;
      await says("#slowed", /\d/, "slowed");
      const delivered = page.locator("[data-state=stored]");
      await until("all to be stored", async () => (await delivered.count()) === COUNT);
      await page.locator("#slowed").waitFor({ state: "detached" });
      await person.assertShown(said);
    });

    test("a room that nobody could enter is not made", async () => {
      await page.goto(chat.url);
      await askForRoom("team\u202Egnp");
      await says("#room-title-note", isKorean ? /문자/ : /character/, "room-character");
      await askForRoom("x".repeat(51));
      await says("#room-title-note", isKorean ? /깁니다/ : /too long/, "room-length");
      await askForRoom("e\u0301 \u00A0 room");
      await page.locator("#message").waitFor();
      assert.equal(await page.locator("main h1").innerText(), "é room");
    });

    test("one room too many is said where it is named, and what was entered stays", async () => {
      await page.goto(chat.url);
      await askForRoom("one room too many");
      await says("dialog[open] [role=alert]", /\d/, "rooms");
      assert.equal(await page.locator("#room-title").inputValue(), "one room too many");
    });

    test("a name that looks like another one is refused", async (t) => {
      await chat.member("Ada");
      const stranger = await chat.page(browser, undefined, options);
      t.after(() => stranger.context().close());
      await stranger.goto(chat.url);
      const note = stranger.locator("#nickname-note");
      for (const [nickname, pattern] of [["Аdа", /./], ["A\u200Bda", isKorean ? /문자/ : /character/]]) {
        await stranger.locator("#nickname").fill(nickname);
        await stranger.locator("#enter-guest").click();
        const text = await until("the refusal", async () => (await note.count()) && note.innerText());
        assert.match(text, pattern);
        assert.equal(KOREAN.test(text), isKorean, text);
      }
      await picture(stranger, `limits-name-${name}`);
      await stranger.locator("#nickname").fill("Bea");
      await stranger.locator("#enter-guest").click();
      await stranger.locator("#rooms a").first().waitFor();
      assert.deepEqual(stranger.problems, []);
    });
  });
}
