// The frame around the conversation, in Chromium: two panes and one, the way back, drafts, where the focus goes, the
// keyboard alone, Korean being composed, and axe on every state.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { Chat, DESKTOP, focused, Person, PHONE } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
let chat;
let mina;
let lobby;
before(async () => {
  browser = await launch();
  chat = await Chat.start();
  await chat.setUp();
  mina = await chat.member("Mina");
  lobby = (await chat.ownerLine.list.emitWithAck("list", {})).rooms[0].id;
  await chat.ownerLine.ask("open", { room: lobby });
  await chat.ownerLine.say(lobby, "Welcome to the lobby, https://example.com/a/b?c=d");
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});

/** A page of Mina's; the test fails if it had a problem. */
async function open(t, options = {}, cookie = mina.cookie) {
  const page = await chat.page(browser, cookie, { reducedMotion: "reduce", ...options });
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  return page;
}

const shown = async (page) => ({
  list: await page.locator("#rooms").isVisible(),
  conversation: await page.locator("#messages, main h1").first().isVisible(),
});
const box = (page, selector) => page.locator(selector).first().boundingBox();

/** Writes only by keys: Tab until something has the focus. */
async function tabTo(page, what, key = "Tab") {
  for (let n = 0; n < 80; n += 1) {
    if ((await focused(page)).includes(what)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${what} is not reached with ${key}; the focus is at ${await focused(page)}`);
}

describe("the panes", () => {
  test("are two from 900 pixels on, and one below", async (t) => {
    const page = await open(t);
    await page.goto(chat.room(lobby));
    await page.locator("#message").waitFor();
    for (const [width, isWide] of [[1280, true], [900, true], [899, false], [390, false], [320, false]]) {
      await page.setViewportSize({ width, height: 800 });
      await until(`${width} pixels`, async () => (await page.locator("#rooms").isVisible()) === isWide);
      assert.deepEqual(await shown(page), { list: isWide, conversation: true }, `${width} pixels`);
      assert.equal(await page.locator("main .back").isVisible(), !isWide, "the way back is there when it is needed");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} pixels on ${width}`);
      if (isWide) {
        const [list, log] = [await box(page, "nav"), await box(page, "main")];
        assert.ok(list.x + list.width <= log.x + 1 && list.width >= 300, "the list is beside the conversation");
      }
    }
  });

  test("change without a page being loaded, and the browser's back button leads back", async (t) => {
    const page = await open(t, PHONE);
    const other = await chat.makeRoom("Elsewhere");
    await page.goto(chat.url);
    await page.evaluate(() => { globalThis.isSame = true; });
    await page.locator("#rooms a", { hasText: "Elsewhere" }).click();
    await page.locator("#message").waitFor();
    assert.deepEqual(await shown(page), { list: false, conversation: true });
    await page.goBack();
    await until("the list", async () => (await shown(page)).list);
    await page.goForward();
    await page.locator("#message").waitFor();
    // The way back in the page does not make the history longer.
    const length = await page.evaluate(() => history.length);
    await page.locator("main .back").click();
    await until("the list", async () => (await shown(page)).list);
    assert.equal(await page.evaluate(() => history.length), length);
    await page.locator("#rooms a", { hasText: "Lobby" }).click();
    await until("the lobby", async () => (await page.locator("main h1").innerText()) === "Lobby");
    assert.equal(await page.evaluate(() => globalThis.isSame), true);
    assert.ok(page.url().endsWith(lobby));
    assert.notEqual(lobby, other.id);
  });

  test("keep what was begun in each room, also over a reload, and show it in the list", async (t) => {
    const page = await open(t);
    const rooms = [lobby, (await chat.makeRoom("Drafts one")).id, (await chat.makeRoom("Drafts two")).id];
    await page.goto(chat.url);
    for (const [n, room] of rooms.entries()) {
      await page.locator(`#rooms a[href$="${room}"]`).click();
      await until("the room", async () => page.url().endsWith(room) && (await page.locator("#message").isVisible()));
      await until("its own draft", async () => (await page.locator("#message").inputValue()) === "");
      await page.locator("#message").fill(`begun in ${n}`);
    }
    for (const isReloaded of [false, true]) {
      if (isReloaded) await page.reload();
      for (const [n, room] of rooms.entries()) {
        await page.locator(`#rooms a[href$="${room}"]`).click();
        await until(`the draft of ${n}`, async () =>
          (await page.locator("#message").count()) && (await page.locator("#message").inputValue()) === `begun in ${n}`);
      }
    }
    const row = page.locator(`#rooms a[href$="${rooms[0]}"]`);
    assert.match(await row.innerText(), /Draft:\s*begun in 0/);
    await row.click();
    await page.locator("#send").click();
    // Its row has gone to the top with that, and stays there.
    await until("what was said", async () => /You:\s*begun in 0/.test(await row.innerText()));
    await until("the top", async () => (await page.locator("#rooms a").first().getAttribute("href")).endsWith(rooms[0]));
    for (const n of [1, 2]) {
      await page.locator(`#rooms a[href$="${rooms[n]}"]`).click();
      await until("the room", async () => (await page.locator("#message").inputValue()) === `begun in ${n}`);
      await page.locator("#message").fill("");
    }
  });
});

describe("the focus", () => {
  test("goes back to where a dialog or a menu was opened", async (t) => {
    const page = await open(t, {}, chat.owner);
    await page.goto(chat.room(lobby));
    await page.locator("#message").waitFor();
    const closings = { Escape: () => page.keyboard.press("Escape"), cross: () => page.locator("dialog[open] .head button").click() };
    for (const [opener, item] of [
      ["#new-room"], ["#new-direct"], ["#people"],
      ["#menu", "Invite people"], ["#menu", "Settings of the room"], ["#account-menu", "Invite people"],
    ]) {
      for (const [name, close] of Object.entries(closings)) {
        await page.locator(opener).click();
        if (item) await page.getByRole("menuitem", { name: item }).click();
        await page.locator("dialog[open]").waitFor();
        const inside = await page.evaluate(() => document.querySelector("dialog[open]").contains(document.activeElement));
        assert.ok(inside, `${opener} ${item ?? ""}: the focus is in the dialog`);
        await close();
        await page.locator("dialog[open]").waitFor({ state: "detached" }).catch(() => {});
        await until(`${opener} ${item ?? ""} closed by ${name}`, async () => (await focused(page)) === opener);
      }
    }
    await page.locator("#menu").click();
    await page.keyboard.press("Escape");
    assert.equal(await focused(page), "#menu");
  });

  test("is not lost when one leaves, is removed, or what one is in is gone", async (t) => {
    const page = await open(t);
    const person = new Person(page);
    const make = async (title) => chat.makeRoom(title);
    const left = await make("To be left");
    await person.enter(chat.room(left.id));
    await person.leave();
    await until("the focus somewhere", async () => (await focused(page)) !== "nothing");
    for (const [title, act] of [
      ["To be removed", (room) => chat.ownerLine.ask("remove", { room, person: mina.person.id, is_ban: false })],
      ["To be deleted", (room) => chat.ownerLine.ask("delete", { room })],
    ]) {
      const room = await make(title);
      await person.enter(chat.room(room.id));
      await page.locator("#message").focus();
      await act(room.id);
      await page.locator("#message").waitFor({ state: "detached" });
      await until(`the focus after: ${title}`, async () => (await focused(page)) !== "nothing");
    }
    // On a phone, with one pane, the way back takes the focus to the list.
    const phone = await open(t, PHONE);
    const other = new Person(phone);
    const room = await make("Left on a phone");
    await other.enter(chat.room(room.id));
    await other.leave();
    await phone.locator("#rooms a").first().waitFor();
    await until("the focus somewhere", async () => (await focused(phone)) !== "nothing");
  });

  test("does not open the keyboard of a phone by itself", async (t) => {
    const phone = await open(t, PHONE);
    await phone.goto(chat.room(lobby));
    await phone.locator("#message").waitFor();
    await phone.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    assert.notEqual(await focused(phone), "#message");
    const desk = await open(t);
    await desk.goto(chat.room(lobby));
    await desk.locator("#message").waitFor();
    await until("the field", async () => (await focused(desk)) === "#message");
  });
});

describe("the keyboard alone", () => {
  test("comes in, makes a room, writes, looks who is there, deletes it and logs out", async (t) => {
    const page = await open(t, {}, null);
    await page.goto(`${chat.url}/login`);
    await page.locator("#log-in").waitFor();
    await tabTo(page, "#name");
    await page.keyboard.type("Mina");
    await page.keyboard.press("Tab");
    await page.keyboard.type("a long password");
    await page.keyboard.press("Enter");
    await page.locator("#rooms a").first().waitFor();
    await tabTo(page, "#new-room");
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    await tabTo(page, "#room-title");
    await page.keyboard.type("By keys alone");
    // The arrows choose among the kinds, as in every group of radio buttons.
    await tabTo(page, "input");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    await tabTo(page, "#save-room");
    await page.keyboard.press("Enter");
    await page.locator("#message").waitFor();
    await tabTo(page, "#message");
    await page.keyboard.type("first line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("second line");
    await page.keyboard.press("Enter");
    const bubble = page.locator("#messages .text", { hasText: "second line" });
    await bubble.waitFor();
    assert.equal(await bubble.innerText(), "first line\nsecond line");
    // The log can be scrolled, and the link in it reached.
    await tabTo(page, "#messages", "Shift+Tab");
    await tabTo(page, "#people", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.locator("#members li").first().waitFor();
    await page.keyboard.press("Escape");
    await until("the button of the people", async () => (await focused(page)) === "#people");
    await tabTo(page, "#menu");
    await page.keyboard.press("ArrowDown");
    await until("the menu", async () => (await focused(page)).includes("People"));
    // By its first letter. Whoever owns the room cannot leave it, and is told what to do.
    await page.keyboard.press("l");
    assert.match(await focused(page), /Leave/);
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").getByText("is yours").waitFor();
    await page.keyboard.press("Escape");
    await until("the menu's button", async () => (await focused(page)) === "#menu");
    await page.keyboard.press("Enter");
    await page.keyboard.press("d");
    assert.match(await focused(page), /Delete the room/);
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    await tabTo(page, "#confirm-leave");
    await page.keyboard.press("Enter");
    await page.locator("#message").waitFor({ state: "detached" });
    await tabTo(page, "#account-menu", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("End");
    assert.match(await focused(page), /Log out/);
    await page.keyboard.press("Enter");
    await page.locator("#door").waitFor();
  });

  test("shows where it is", async (t) => {
    const page = await open(t);
    await page.goto(chat.room(lobby));
    await page.locator("#message").waitFor();
    const stops = new Set();
    for (let n = 0; n < 40; n += 1) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => {
        const { activeElement: active } = document;
        if (active === document.body) return undefined;
        const { outlineStyle, outlineWidth, boxShadow, borderColor } = getComputedStyle(active);
        const marked = (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || boxShadow !== "none";
        const { width, height } = active.getBoundingClientRect();
        return { isInText: active.matches("#messages .text a"), what: active.id || active.getAttribute("aria-label") || active.innerText.slice(0, 30), marked, border: borderColor, width, height };
      });
      if (stop === undefined || stops.has(stop.what)) continue;
      stops.add(stop.what);
      assert.ok(stop.marked || stop.what === "message" || stop.what === "search", `${stop.what} shows no focus`);
      // Links within a text are as high as its lines.
      assert.ok(stop.isInText || (stop.width >= 24 && stop.height >= 24), `${stop.what} is ${stop.width} by ${stop.height}`);
    }
    assert.ok(stops.size >= 8, [...stops].join());
  });
});

describe("Korean", () => {
  test("is never sent while it is composed: neither by the key code 229 nor by isComposing", async (t) => {
    const page = await open(t, { locale: "ko-KR" });
    const room = await chat.makeRoom("한글");
    const person = new Person(page);
    await person.enter(chat.room(room.id));
    const cdp = await page.context().newCDPSession(page);
    const field = page.locator("#message");
    await field.focus();
    const isSaid = async () => (await page.locator("#messages .message").count()) > 0;
    // As an input method does it: the syllable is not committed yet.
    await cdp.send("Input.imeSetComposition", { text: "안", selectionStart: 1, selectionEnd: 1 });
    await cdp.send("Input.imeSetComposition", { text: "안녕", selectionStart: 2, selectionEnd: 2 });
    const enter = { key: "Enter", code: "Enter" };
    await cdp.send("Input.dispatchKeyEvent", { type: "rawKeyDown", windowsVirtualKeyCode: 229, ...enter });
    await cdp.send("Input.dispatchKeyEvent", { type: "keyUp", windowsVirtualKeyCode: 13, ...enter });
    assert.ok(!(await isSaid()));
    // What Chromium and Safari send besides.
    for (const init of [{ keyCode: 13, isComposing: true }, { keyCode: 229, isComposing: false }]) {
      await field.evaluate((field, init) => {
        field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init }));
      }, init);
    }
    assert.ok(!(await isSaid()));
    await cdp.send("Input.insertText", { text: "안녕" });
    assert.match(await field.inputValue(), /^안녕\s?$/);
    await field.press("Enter");
    await person.sees("안녕");
    await person.arrived();
    assert.equal(await page.locator("#messages .message").count(), 1);
    assert.equal((await page.locator("#messages .text").innerText()).trim(), "안녕");
  });
});

describe("axe finds nothing serious", () => {
  /** Every state, and how one gets there. */
  const states = {
    "the list": async (page) => page.locator("#rooms a").first().waitFor(),
    "its menu": async (page) => page.locator("#account-menu").click(),
    "a search without result": async (page) => {
      await page.keyboard.press("Escape");
      await page.locator("#search").fill("qqq");
      await until("none", async () => (await page.locator("#rooms li").count()) === 0);
    },
    "a new room, refused": async (page) => {
      await page.locator("#search").fill("");
      await page.locator("#new-room").click();
      await page.locator("#save-room").click();
      await page.locator("#room-title-note span").waitFor();
    },
    "a new direct message": async (page) => {
      await page.keyboard.press("Escape");
      await page.locator("#new-direct").click();
      await page.locator("#found-people button").first().click();
    },
    "a conversation": async (page) => {
      await page.keyboard.press("Escape");
      await page.goto(chat.room(lobby));
      await page.locator("#message").fill("half a word");
    },
    "the people": async (page) => {
      await page.locator("#people").click();
      await page.locator("#members li").first().waitFor();
    },
    "an invitation": async (page) => {
      await page.keyboard.press("Escape");
      await page.locator("#menu").click();
      await page.locator("[role=menu] button").nth(1).click();
      await page.locator("#make-invitation").click();
      await page.locator("dialog[open] img").waitFor();
    },
    "a lost connection": async (page) => {
      await page.keyboard.press("Escape");
      await page.context().setOffline(true);
      await page.locator("#reconnecting").waitFor();
      await page.locator("#send").click();
    },
    "an empty room": async (page) => {
      await page.context().setOffline(false);
      await page.locator("#reconnecting").waitFor({ state: "detached" });
      await page.goto(chat.room(empty.id));
      await page.locator("#message").waitFor();
    },
    "a wrong password": async (page) => {
      await page.goto(chat.room(locked.id));
      await page.locator("#room-password").fill("x");
      await page.locator("#enter-room").click();
      await page.locator("#room-password-note span").waitFor();
    },
    "a room that is gone": async (page) => {
      await page.goto(chat.room("A".repeat(16)));
      await page.locator("main .button").first().waitFor();
    },
    "the settings": async (page) => {
      await page.goto(`${chat.url}/settings`);
      await page.locator("section[aria-labelledby=sessions] li").first().waitFor();
    },
    ...Object.fromEntries(["overview", "people", "invitations", "rooms", "audit"].map((area) => [`administration: ${area}`, async (page) => {
      if (!page.url().includes("/admin")) await page.goto(`${chat.url}/admin`);
      await page.locator(`#tab-${area}`).click();
      await until("what is in it", async () => (await page.locator("#panel").innerText()).length > 40);
    }])),
    "a page that is not there": async (page) => {
      await page.goto(`${chat.url}/nowhere/at-all`);
      await page.locator("h1").waitFor();
    },
    "an invitation that is over": async (page) => {
      await page.context().clearCookies();
      await page.goto(`${chat.url}/invite#${"x".repeat(22)}`);
      await page.locator("#door a").waitFor();
    },
    "a new password": async (page) => {
      await page.goto(`${chat.url}/reset#${"x".repeat(22)}`);
      await page.locator("#sign-up").click();
      await page.locator("#password-note span").waitFor();
    },
    "the door, refused": async (page) => {
      await page.goto(chat.url);
      await page.locator("#enter-guest").click();
      await page.locator("#nickname-note span").waitFor();
    },
    "logging in, refused": async (page) => {
      await page.goto(`${chat.url}/login`);
      await page.locator("#log-in").click();
      await page.locator("#name-note span").waitFor();
    },
  };
  let empty;
  let locked;
  before(async () => {
    empty = await chat.makeRoom("Nothing yet", { description: "What it is for" });
    const line = await chat.line(mina.cookie);
    locked = await chat.makeRoom("Locked", { kind: "password", password: "open sesame" }, line);
  });

  /** The colours of a state in other schemes; in the first one axe looks at everything. */
  const SCHEMES = [
    { colorScheme: "light", contrast: "no-preference" },
    { colorScheme: "dark", contrast: "no-preference" },
    { colorScheme: "light", contrast: "more" },
    { colorScheme: "dark", contrast: "more" },
  ];
  for (const [name, options, schemes] of [
    ["phone, Korean", { ...PHONE, locale: "ko-KR" }, SCHEMES],
    ["desktop, English", DESKTOP, SCHEMES],
    ["phone, English", PHONE, SCHEMES.slice(0, 1)],
    ["desktop, Korean", { ...DESKTOP, locale: "ko-KR" }, SCHEMES.slice(1, 2)],
  ]) {
    test(`on every state: ${name}, ${schemes.length === 4 ? "light, dark and more contrast" : schemes[0].colorScheme}`, async (t) => {
      const { cookie } = await chat.post("/api/login", { name: "Owner", password: "a long password" });
      const page = await open(t, options, cookie);
      await page.goto(chat.url);
      for (const [state, go] of Object.entries(states)) {
        await page.emulateMedia(schemes[0]);
        await go(page);
        for (const [n, scheme] of schemes.entries()) {
          if (n > 0) await page.emulateMedia(scheme);
          await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
          if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
          const { violations, passes } = await page.evaluate((isFirst) =>
            globalThis.axe.run(document, isFirst ? {} : { runOnly: ["color-contrast"] }), n === 0);
          assert.ok(passes.length >= (n === 0 ? 10 : 1), `axe has looked at ${state}`);
          const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
          assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]), [],
            `${state}, ${JSON.stringify(scheme)}`);
        }
      }
    });
  }
});
