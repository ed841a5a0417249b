// What people see of the chat's limits, in Chromium: on phone and desktop, light and dark, in both
// languages. The pictures lie in interop/screenshots.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { launch, openPage, picture } from "./support/browser.mjs";
import { Chat, Person } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

const COUNT = 16;
const VARIANTS = [
  { name: "phone-ko", locale: "ko-KR", viewport: { width: 390, height: 844 }, colorScheme: "light" },
  { name: "phone-en-dark", locale: "en-US", viewport: { width: 390, height: 844 }, colorScheme: "dark" },
  { name: "desktop-en", locale: "en-US", viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  { name: "desktop-ko-dark", locale: "ko-KR", viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
];
const KOREAN = /[가-힣]/;

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
      page = await openPage(browser, options);
    });
    after(async () => {
      await page?.context().close();
      await chat?.stop();
      assert.deepEqual(page.problems, []);
    });

    /** Asserts that a text is in the language of the page, and saves what is seen. */
    async function says(selector, pattern, shot) {
      const text = await page.locator(selector).innerText();
      assert.match(text, pattern);
      assert.equal(KOREAN.test(text), isKorean, text);
      await picture(page, `limits-${shot}-${name}`);
    }

    test("too much at once is said, and goes out a little later", async () => {
      const person = new Person(page);
      await person.enter(chat.room("rate"), "Mina");
      const said = Array.from({ length: COUNT }, (_, n) => `<${n}>`);
      // Written without a network, so that they leave together however slow the writing was.
      await page.context().setOffline(true);
      await page.locator("#reconnecting").waitFor();
      for (const text of said) await person.say(text);
      const slowed = page.locator("#slowed").waitFor();
      await page.context().setOffline(false);
      await slowed;
      await says("#slowed", /1/, "slowed");
      const delivered = page.locator("[data-state=stored]");
      await until("all to be stored", async () => (await delivered.count()) === COUNT);
      await page.locator("#slowed").waitFor({ state: "detached" });
      await person.assertShown(said);
    });

    test("one room too many is said where the message is", async () => {
      const person = new Person(page);
      await person.enter(chat.room("second"), "Mina");
      await person.say("one room too many");
      await page.locator(".failure").waitFor();
      await says(".failure", /\d/, "rooms");
    });

    test("a name that looks like another one is refused", async (t) => {
      const other = io(chat.url, { forceNew: true, transports: ["websocket"] });
      t.after(() => other.disconnect());
      await other.emitWithAck("join", { room: "rate", name: "Ada" });
      await page.goto(chat.room("rate"));
      await page.locator("#nickname").fill("Аdа");
      await page.locator("#enter").click();
      await page.locator("#entry-status.problem").waitFor();
      await says("#entry-status", /./, "name");
      await page.locator("#nickname").fill("A\u200Bda");
      await page.locator("#enter").click();
      await says("#entry-status", isKorean ? /문자/ : /character/, "character");
      await page.locator("#nickname").fill("Ada");
      await page.locator("#enter").click();
      await new Person(page).entered();
    });

    test("a room that nobody could enter is not opened", async () => {
      await page.goto(chat.url);
      const field = page.locator("#new-room");
      await field.fill("team\u202Egnp");
      assert.ok(await page.locator("#open-room").isDisabled());
      await says("#new-room-status", isKorean ? /문자/ : /character/, "list");
      await field.fill("e\u0301 \u00A0 room");
      await page.locator("#open-room").click();
      await until("the room", () => decodeURIComponent(page.url()).endsWith("/room/é room"));
    });
  });
}
