// Who somebody is in the chat, in Chromium: the first account, invitations, guests, logging in and out on several
// devices, passwords, passkeys, blocking, closing an account.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage, watch } from "./support/browser.mjs";
import { Chat, KOREAN, PASSWORD, Person, PHONE } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

let browser;
let chat;
/** The page of the first account. */
let owner;
before(async () => {
  browser = await launch();
  chat = await Chat.start();
  await chat.setUp("Olga");
  owner = await chat.page(browser, chat.owner);
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});

/** A page of a browser of somebody's own; the test fails if the page had a problem. */
async function device(t, options, cookie = undefined) {
  const page = await chat.page(browser, cookie, options);
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  return page;
}

/** Somebody with an account, at their page in the lobby. */
async function at(t, { cookie }, options) {
  const person = new Person(await device(t, options, cookie));
  await person.enter(chat.room("lobby"));
  return person;
}

const door = (page) => page.locator("#door").waitFor();
const nameOf = (page) => page.evaluate(async () => (await (await fetch("/api/me")).json()).me?.person.name ?? null);

/** Fills in and sends the form of the door. */
async function fill(page, fields, button) {
  for (const [id, value] of Object.entries(fields)) await page.locator(`#${id}`).fill(value);
  await page.locator(`#${button}`).click();
}

/** Makes an invitation by the dialog that is open, and answers with its link. */
async function invitationLink(page) {
  await page.locator("#make-invitation").click();
  const field = page.locator("dialog[open] input[readonly]");
  await until("the link", async () => /\/invite#/.test(await field.first().inputValue()));
  return field.first().inputValue();
}

describe("the first run", () => {
  test("makes the owner, once, and says what comes next", async (t) => {
    const first = await Chat.startAsItComes();
    t.after(() => first.stop());
    const owner = await openPage(browser);
    t.after(() => owner.context().close());
    const code = await first.setupCode();
    const setup = `${first.url}/setup#${code}`;
    // Whoever has not the whole link gets nowhere.
    await owner.goto(`${first.url}/setup#${code.slice(1)}x`);
    await fill(owner, { name: "Olga", password: PASSWORD }, "sign-up");
    await owner.locator("[role=alert]").waitFor();
    await owner.goto(setup);
    await fill(owner, { name: "Olga", password: "short" }, "sign-up");
    await until("the refusal", async () => /8/.test(await owner.locator("#password-note").innerText()));
    assert.equal(await owner.locator("#password").getAttribute("aria-invalid"), "true");
    assert.equal(await owner.locator("#name").inputValue(), "Olga", "what was entered stays");
    await owner.locator("#password").fill(PASSWORD);
    await owner.locator("#password").press("Enter");
    // The address, the link and the picture to scan, and that so far nobody else gets here.
    await owner.locator("#to-rooms").waitFor();
    await until("the link", async () =>
      (await owner.locator("input[readonly]").evaluateAll((fields) => fields.map(({ value }) => value))).some((value) => value.includes("/invite#")));
    assert.match(await owner.locator("#door").innerText(), /--host 0\.0\.0\.0/);
    assert.ok(await canBeScanned(owner));
    await owner.locator("#to-rooms").click();
    await owner.locator("#rooms a").first().waitFor();
    assert.equal(await nameOf(owner), "Olga");
    // The code of the address is gone from the page's history, too.
    assert.ok(!owner.url().includes(code));

    const later = await device(t);
    await later.goto(setup);
    await later.getByText("There is a first account already").waitFor();
    assert.equal(await later.locator("#sign-up").count(), 0);
    assert.deepEqual(owner.problems, []);
  });
});

/** Whether the picture of the link is drawn, and large enough to be scanned; what it says is tested where it is made. */
async function canBeScanned(page) {
  const picture = page.getByRole("img", { name: "The invitation link as a QR code" });
  await until("the picture", () => picture.evaluate(({ complete, naturalWidth }) => complete && naturalWidth > 0));
  const { width, height } = await picture.boundingBox();
  return width >= 120 && Math.abs(width - height) < 2;
}

describe("an invitation", () => {
  test("brings somebody in on a phone, in their language, and may be used up", async (t) => {
    await owner.goto(chat.url);
    await owner.locator("#invite").click();
    await owner.locator("dialog[open]").getByText("One person").click();
    const link = await invitationLink(owner);
    await owner.keyboard.press("Escape");

    const phone = await device(t, { ...PHONE, locale: "ko-KR" });
    await phone.goto(link.replace(/^https?:\/\/[^/]+/, chat.url));
    await phone.locator("#sign-up").waitFor();
    assert.match(await phone.locator("#door").innerText(), /Olga/);
    await fill(phone, { name: "Olga", password: PASSWORD }, "sign-up");
    const note = phone.locator("#name-note");
    await until("the refusal", async () => /쓰고 있는/.test(await note.innerText()));
    await phone.locator("#name").fill("미나");
    await phone.locator("#sign-up").click();
    await phone.locator("#rooms a").first().waitFor();
    assert.equal(await nameOf(phone), "미나");
    const mina = new Person(phone);
    await phone.locator("#rooms a").first().click();
    await mina.entered();
    await mina.say("휴대폰에서 왔어요");
    const olga = new Person(owner);
    await olga.enter(chat.room("lobby"));
    await olga.sees("휴대폰에서 왔어요");

    const late = await device(t, { locale: "ko-KR" });
    await late.goto(link.replace(/^https?:\/\/[^/]+/, chat.url));
    await late.getByText("기한이 지난").waitFor();
    assert.equal(await late.locator("#sign-up").count(), 0);
  });

  test("leads to where others reach the server, and so does the address of a room", async (t) => {
    const known = await Chat.start("--public-url", "https://chat.example");
    t.after(() => known.stop());
    await known.setUp("Olga");
    const page = await known.page(browser, known.owner);
    t.after(() => page.context().close());
    const olga = new Person(page);
    await olga.enter(known.room("lobby"));
    await olga.choose("#menu", "Invite people");
    const field = page.locator("dialog[open] input[readonly]").first();
    assert.match(await field.inputValue(), /^https:\/\/chat\.example\/room\/\S+$/);
    assert.match(await invitationLink(page), /^https:\/\/chat\.example\/invite#\S+$/);
    await page.locator("dialog[open]").getByText(/works until .*, for as many people/).waitFor();
    assert.deepEqual(page.problems, []);
  });

  test("into a room leads there: new people, members, and guests who keep what they said", async (t) => {
    const room = await chat.makeRoom("the plan", { kind: "invited" });
    const { body } = await chat.post("/api/invitations", { role: "member", room: room.id }, chat.owner);
    const link = `${chat.url}/invite#${body.code}`;

    const fresh = await device(t);
    await fresh.goto(link);
    await fresh.locator("#sign-up").waitFor();
    assert.match(await fresh.locator("#door").innerText(), /the plan/);
    await fill(fresh, { name: "Nora", password: PASSWORD }, "sign-up");
    await new Person(fresh).entered();
    assert.equal(await fresh.locator("main h1").innerText(), "the plan");

    const member = await device(t, {}, (await chat.member("Emil")).cookie);
    await member.goto(link);
    await member.locator("#accept").click();
    await new Person(member).entered();
    assert.equal(await member.locator("main h1").innerText(), "the plan");

    const guest = new Person(await device(t));
    await guest.enter(chat.room("lobby"), "Gustav");
    await guest.say("said as a guest");
    await guest.arrived();
    await guest.page.goto(link);
    await fill(guest.page, { name: "Gustav", password: PASSWORD }, "sign-up");
    await guest.entered();
    assert.equal(await guest.page.locator("main h1").innerText(), "the plan");
    await guest.enter(chat.room("lobby"));
    await guest.sees("said as a guest");
    assert.equal(await guest.page.locator(".message.own", { hasText: "said as a guest" }).count(), 1);
  });

  test("by a room's owner who governs nothing is for people who are here, and for guests", async (t) => {
    const emma = await chat.member("Emma");
    const room = await chat.makeRoom("her plan", { kind: "invited" }, await chat.line(emma.cookie));
    const { body } = await chat.post("/api/invitations", { role: "member", room: room.id }, emma.cookie);
    const link = `${chat.url}/invite#${body.code}`;
    const isThere = async (page) => {
      await new Person(page).entered();
      assert.equal(await page.locator("main h1").innerText(), "her plan");
    };

    const stranger = await device(t);
    await stranger.goto(link);
    await stranger.locator("#enter-guest").waitFor();
    assert.match(await stranger.locator("#door").innerText(), /for people who are here already/);
    assert.equal(await stranger.locator("#sign-up").count(), 0);
    await fill(stranger, { nickname: "Gerd" }, "enter-guest");
    await isThere(stranger);

    const guest = new Person(await device(t));
    await guest.enter(chat.room("lobby"), "Gilla");
    await guest.page.goto(link);
    await guest.page.locator("#accept").click();
    await isThere(guest.page);

    const elsewhere = await device(t);
    await chat.member("Egon");
    await elsewhere.goto(link);
    await elsewhere.locator("#switch").click();
    await fill(elsewhere, { name: "Egon", password: PASSWORD }, "log-in");
    await isThere(elsewhere);
  });
});

describe("a guest", () => {
  test("is asked for a nickname once, owns nothing, and goes when guests are shut out", async (t) => {
    const guest = new Person(await device(t));
    await guest.enter(chat.room("lobby"), "Pablo");
    assert.equal(await guest.page.locator("#new-room, #new-direct").count(), 0);
    // A reload goes straight back, draft and all, and nobody is told of it.
    await guest.page.locator("#message").fill("half a sen");
    await guest.page.reload();
    await guest.entered();
    assert.equal(await guest.page.locator("#message").inputValue(), "half a sen");

    await chat.post("/api/admin/settings", { has_guests: false }, chat.owner, "PUT");
    await door(guest.page);
    await guest.page.reload();
    await guest.page.locator("#log-in").waitFor();
    assert.equal(await guest.page.locator("#nickname").count(), 0);
    await chat.post("/api/admin/settings", { has_guests: true }, chat.owner, "PUT");
  });

  test("cannot speak in another's bubbles, whatever their name", async (t) => {
    const [one, other] = [new Person(await device(t)), new Person(await device(t))];
    await one.enter(chat.room("lobby"), "Twin");
    await other.enter(chat.room("lobby"), "Twin");
    await one.say("the first of them");
    await other.sees("the first of them");
    assert.equal(await other.page.locator(".message.own", { hasText: "the first of them" }).count(), 0);
    assert.equal(await one.page.locator(".message.own", { hasText: "the first of them" }).count(), 1);
  });
});

describe("a session", () => {
  test("is the person's wherever they log in, and ends where it is ended", async (t) => {
    const account = await chat.member("Sofia");
    const desk = await at(t, account);
    const phone = await device(t, PHONE);
    await phone.goto(`${chat.url}/login`);
    await fill(phone, { name: "sofia", password: "not that one" }, "log-in");
    await phone.locator("[role=alert], #password-note span").first().waitFor();
    await fill(phone, { password: PASSWORD }, "log-in");
    await phone.locator("#rooms a").first().waitFor();
    await desk.page.goto(`${chat.url}/settings`);
    await until("two sessions", async () => (await desk.page.locator("section[aria-labelledby=sessions] li").count()) >= 2);
    const ends = desk.page.locator("section[aria-labelledby=sessions]").getByRole("button", { name: "End", exact: true });
    for (let left = await ends.count(); left > 0; left -= 1) {
      await ends.first().click();
      await until("one less", async () => (await ends.count()) === left - 1);
    }
    await door(phone);
    assert.equal(await nameOf(phone), null);
    assert.equal(await nameOf(desk.page), "Sofia");
  });

  test("ends on every live tab and device at once when one logs out everywhere", async (t) => {
    const account = await chat.member("Lena");
    const first = await at(t, account);
    const second = new Person(watch(await first.page.context().newPage()));
    await second.enter(chat.room("lobby"));
    const other = await at(t, { cookie: (await chat.post("/api/login", { name: "Lena", password: PASSWORD })).cookie }, PHONE);
    await first.page.goto(`${chat.url}/settings`);
    await first.page.locator("#log-out-everywhere").click();
    for (const { page } of [first, second, other]) await door(page);
    assert.equal(await nameOf(other.page), null);
    assert.deepEqual(second.page.problems, []);
  });

  test("that ended while the page was away is told once it is back, and the page does not go on trying", async (t) => {
    const account = await chat.member("Sibylle");
    const sibylle = await at(t, account);
    await sibylle.page.context().setOffline(true);
    await sibylle.page.locator("#reconnecting").waitFor();
    await chat.post("/api/logout-everywhere", {}, account.cookie);
    await sibylle.page.context().setOffline(false);
    await door(sibylle.page);
    await sibylle.page.locator("#door").getByText("Your session is over. Please log in again.").waitFor();
    const tries = [];
    sibylle.page.on("request", (request) => request.url().includes("/socket.io/") && tries.push(request.url()));
    await fill(sibylle.page, { name: "Sibylle", password: "not that one" }, "log-in");
    await sibylle.page.locator("[role=alert], #password-note span").first().waitFor();
    assert.deepEqual(tries, []);
    await fill(sibylle.page, { password: PASSWORD }, "log-in");
    await sibylle.entered();
  });

  test("leaves nothing behind in the browser when one logs out", async (t) => {
    const account = await chat.member("Vera");
    const vera = await at(t, account);
    await vera.page.locator("#message").fill("a secret draft");
    await vera.choose("#account-menu", "Log out");
    await door(vera.page);
    const kept = await vera.page.evaluate(() => JSON.stringify(localStorage));
    assert.ok(!kept.includes("a secret draft"), kept);
    assert.deepEqual(await vera.page.context().cookies(), []);
    assert.equal(await vera.page.evaluate(async () => (await fetch("/api/sessions")).status), 401);
    // The name is remembered, and nothing else.
    await vera.page.goto(chat.room("lobby"));
    await door(vera.page);
    assert.equal(await vera.page.locator("#messages").count(), 0);
  });
});

describe("a password", () => {
  test("is changed by whoever knows it, and other devices are logged out", async (t) => {
    const account = await chat.member("Paul");
    const desk = await at(t, account);
    const phone = await at(t, { cookie: (await chat.post("/api/login", { name: "Paul", password: PASSWORD })).cookie }, PHONE);
    await desk.page.goto(`${chat.url}/settings`);
    await fill(desk.page, { "old-password": "not that one", "new-password": "another long one" }, "change-password");
    await until("the refusal", async () => /wrong/.test(await desk.page.locator("#old-password-note").innerText()));
    await fill(desk.page, { "old-password": PASSWORD }, "change-password");
    await desk.page.getByText("The password is changed.").waitFor();
    await door(phone.page);
    assert.equal(await nameOf(desk.page), "Paul");
    await desk.page.goto(chat.room("lobby"));
    await desk.entered();
    await desk.say("still here");
    await desk.arrived();
    await phone.page.goto(`${chat.url}/login`);
    await fill(phone.page, { name: "Paul", password: "another long one" }, "log-in");
    await phone.page.locator("#rooms a").first().waitFor();
  });

  test("is reset by an administrator's link, once", async (t) => {
    const account = await chat.member("Rita");
    await owner.goto(`${chat.url}/admin#people`);
    await owner.locator("#search-people").fill("Rita");
    const row = owner.locator("#panel tr, #panel li").filter({ hasText: "Rita" });
    await until("only Rita", async () => (await row.count()) === 1);
    await row.getByRole("button").last().click();
    await owner.getByRole("menuitem", { name: "Link for a new password" }).click();
    const link = await until("the link", async () =>
      (await owner.locator("input[readonly]").evaluateAll((fields) => fields.map(({ value }) => value))).find((value) => value.includes("/reset#")));
    const phone = await device(t, PHONE);
    await phone.goto(link.replace(/^https?:\/\/[^/]+/, chat.url));
    await fill(phone, { password: "a brand new one" }, "sign-up");
    await phone.locator("#rooms a").first().waitFor();
    assert.equal(await nameOf(phone), "Rita");
    const again = await device(t);
    await again.goto(link.replace(/^https?:\/\/[^/]+/, chat.url));
    await fill(again, { password: "a second time" }, "sign-up");
    await again.locator("[role=alert], #password-note span").first().waitFor();
    assert.equal(await nameOf(again), null);
    assert.equal((await fetch(`${chat.url}/api/me`, { headers: { cookie: account.cookie } }).then((r) => r.json())).me, null);
  });
});

describe("a passkey", () => {
  test("logs somebody in without name and password", async (t) => {
    const account = await chat.member("Kim");
    const kim = await at(t, account);
    const cdp = await kim.page.context().newCDPSession(kim.page);
    await cdp.send("WebAuthn.enable");
    await cdp.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2", transport: "internal", hasResidentKey: true,
        hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
      },
    });
    await kim.page.goto(`${chat.url}/settings`);
    await kim.page.locator("#add-passkey").click();
    await kim.page.getByText("The passkey is added.").waitFor();
    await until("the passkey", async () => (await kim.page.locator("section[aria-labelledby=passkeys] li").count()) === 1);
    await kim.choose("#account-menu", "Log out");
    await door(kim.page);
    await kim.page.goto(`${chat.url}/login`);
    await kim.page.locator("#use-passkey").click();
    await kim.page.locator("#rooms a").first().waitFor();
    assert.equal(await nameOf(kim.page), "Kim");
    // Taken away, it opens nothing any more.
    await kim.page.goto(`${chat.url}/settings`);
    await kim.page.locator("section[aria-labelledby=passkeys]").getByRole("button", { name: "Remove" }).click();
    await until("no passkey", async () => (await kim.page.locator("section[aria-labelledby=passkeys] li").count()) === 0);
    await kim.choose("#account-menu", "Log out");
    await door(kim.page);
    await kim.page.goto(`${chat.url}/login`);
    await kim.page.locator("#use-passkey").click();
    await kim.page.locator("[role=alert], .toast").first().waitFor();
    assert.equal(await nameOf(kim.page), null);
  });
});

describe("a person", () => {
  test("changes name, colour and picture, and everybody sees it at once", async (t) => {
    const tina = await at(t, await chat.member("Tina"));
    const other = await at(t, await chat.member("Uwe"), { ...PHONE, locale: "ko-KR" });
    await tina.say("before the change");
    await other.sees("before the change");
    await tina.page.goto(`${chat.url}/settings`);
    await tina.page.locator("#profile-name").fill("Martina");
    await tina.page.locator("#profile-picture").fill("not an emoji");
    await tina.page.locator("#save-profile").click();
    await until("the refusal", async () => /emoji/.test(await tina.page.locator("#profile-picture-note").innerText()));
    await tina.page.locator("#profile-picture").fill("🐙");
    await tina.page.locator("#save-profile").click();
    await tina.page.getByText("Saved.").waitFor();
    await tina.page.goto(chat.room("lobby"));
    await tina.entered();
    await tina.say("after the change");
    await other.sees("after the change");
    await until("the new name", async () => (await other.shown()).includes("Martina"));
    await until("the picture", async () => /🐙/.test(await other.page.locator("#messages").textContent()));
  });

  test("blocks somebody: what they say is not shown, nor their coming, and they cannot write directly", async (t) => {
    const [victim, pest] = await Promise.all([chat.member("Wanda"), chat.member("Xaver")]);
    const wanda = await at(t, victim);
    const xaver = await at(t, pest);
    await xaver.say("first annoyance");
    await wanda.sees("first annoyance");
    await wanda.page.locator("#people").click();
    await wanda.page.locator(`#members [data-person="${pest.person.id}"]`).getByRole("button").click();
    await wanda.page.getByRole("menuitem", { name: "Block" }).click();
    await until("nothing of Xaver's", async () => !(await wanda.shown()).includes("annoyance"));
    await wanda.page.keyboard.press("Escape");
    await xaver.say("second annoyance");
    await xaver.arrived();
    await wanda.say("peace");
    await wanda.arrived();
    assert.ok(!(await wanda.shown()).includes("annoyance"));
    const line = await chat.line(pest.cookie);
    await assert.rejects(line.ask("direct", { people: [victim.person.id] }), { code: "gone" });
    // It lasts, and it can be taken back.
    await wanda.page.reload();
    await wanda.entered();
    await wanda.sees("peace");
    assert.ok(!(await wanda.shown()).includes("annoyance"));
    // On another device they have a name, too.
    const phone = await device(t, PHONE, (await chat.post("/api/login", { name: "Wanda", password: PASSWORD })).cookie);
    await phone.goto(`${chat.url}/settings`);
    await phone.locator("section[aria-labelledby=blocked]").getByText("Xaver").waitFor();
    await wanda.page.goto(`${chat.url}/settings`);
    await wanda.page.getByRole("button", { name: "Unblock" }).click();
    await wanda.page.getByRole("heading", { name: "Blocked people" }).waitFor({ state: "detached" });
    await wanda.page.goto(chat.room("lobby"));
    await wanda.sees("second annoyance");
  });

  test("are chosen in a list that was scrolled in the same moment; scrolled later, it takes its menu away", async (t) => {
    const room = await chat.makeRoom("Many of us");
    for (let n = 0; n < 8; n += 1) {
      const line = await chat.line((await chat.guest(`Guest ${n}`)).cookie);
      await line.ask("open", { room: room.id });
    }
    const { cookie } = await chat.member("Hedy");
    const hedy = new Person(await device(t, { viewport: { width: 1280, height: 400 } }, cookie));
    await hedy.enter(chat.room(room.id));
    await hedy.page.locator("#people").click();
    const last = hedy.page.locator("#members li").filter({ has: hedy.page.getByRole("button") }).last();
    await last.waitFor();
    // The browser tells of the scrolling in its next frame, when the menu is there already.
    await last.evaluate((row) => {
      row.scrollIntoView();
      row.querySelector("button").click();
    });
    const menu = hedy.page.getByRole("menu");
    await menu.waitFor();
    await hedy.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    assert.ok(await menu.isVisible());
    await last.evaluate((row) => (row.closest("dialog").querySelector(".content").scrollTop = 0));
    await menu.waitFor({ state: "detached" });
  });

  test("closes the account: the name becomes free, what was said stays", async (t) => {
    const zoe = await at(t, await chat.member("Zoe"));
    const other = await at(t, await chat.member("Yann"));
    await zoe.say("my last words");
    await other.sees("my last words");
    await zoe.page.goto(`${chat.url}/settings`);
    await zoe.page.locator("#close-account").click();
    await fill(zoe.page, { "closing-password": "not that one" }, "confirm-close");
    await until("the refusal", async () => /wrong/.test(await zoe.page.locator("#closing-password-note").innerText()));
    await fill(zoe.page, { "closing-password": PASSWORD }, "confirm-close");
    await door(zoe.page);
    await other.sees("my last words");
    await chat.member("Zoe");
  });
});

test("the door says what is wrong in the reader's language, beside the field", async (t) => {
  for (const locale of ["en-US", "ko-KR"]) {
    const page = await device(t, { ...PHONE, locale });
    await page.goto(`${chat.url}/login`);
    await page.locator("#log-in").click();
    for (const id of ["name", "password"]) {
      const note = await until("the refusal", () => page.locator(`#${id}-note`).innerText());
      assert.equal(KOREAN.test(note), locale === "ko-KR", note);
      if (id === "name") await page.locator("#name").fill("somebody");
      await page.locator("#log-in").click();
    }
  }
});
