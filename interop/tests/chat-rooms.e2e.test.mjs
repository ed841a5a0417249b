// Rooms in Chromium, with several people at once on phones and desktops: the live list, kinds of rooms, what one is
// told when one does not get in, what owners do, direct messages, coming and going, who is there and who is typing.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, watch } from "./support/browser.mjs";
import { Chat, Person, PHONE } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

let browser;
let chat;
/** People with accounts, each at a page that goes from test to test: who they are does not change. */
const people = {};
before(async () => {
  browser = await launch();
  chat = await Chat.start();
  await chat.setUp();
  for (const [name, options] of [["Ann", {}], ["Ben", PHONE], ["Cho", { locale: "ko-KR" }]]) {
    const account = await chat.member(name);
    const person = new Person(await chat.page(browser, account.cookie, options));
    people[name] = Object.assign(person, { ...account, id: account.person.id, line: await chat.line(account.cookie) });
    await person.page.goto(chat.url);
    await person.page.locator("#rooms a").first().waitFor();
  }
});
after(async () => {
  const problems = Object.values(people).flatMap(({ page }) => page.problems);
  await browser?.close();
  await chat?.stop();
  assert.deepEqual(problems, []);
});

/** A person's row of the list. */
const row = (person, title) => person.page.locator("#rooms li", { hasText: title });
const titles = (person) => person.page.locator("#rooms .title").allInnerTexts();
const heading = (person) => person.page.locator("main h1").innerText();
/** What the conversation says in place of itself. */
const instead = (person, text) => person.page.locator("main").getByText(text).first().waitFor();

/** To the list; there is a way back where there is one pane. */
async function toList(person) {
  await person.page.goto(chat.url);
  await person.page.locator("#rooms a").first().waitFor();
}

/** Opens the menu beside somebody in the list of people, and chooses. */
async function act(person, whom, item) {
  if (!(await person.page.locator("#members").isVisible())) await person.page.locator("#people").click();
  await person.page.locator(`#members [data-person="${whom.id}"]`).getByRole("button").click();
  await person.page.getByRole("menuitem", { name: item, exact: true }).click();
}

describe("the list", () => {
  test("shows new rooms, names, people and the newest message as they come, to everybody", async () => {
    const { Ann, Ben, Cho } = people;
    await Ann.page.locator("#new-room").click();
    await Ann.page.locator("#room-title").fill("Picnic");
    await Ann.page.locator("#room-description").fill("Where, when, who brings what");
    await Ann.page.locator("#save-room").click();
    await Ann.entered();
    assert.equal(await heading(Ann), "Picnic");
    for (const who of [Ben, Cho]) await row(who, "Picnic").waitFor();
    await Ann.say("Saturday at noon?");
    for (const who of [Ben, Cho]) {
      await row(who, "Saturday at noon?").waitFor();
      assert.equal((await titles(who))[0], "Picnic", "the newest message is first");
      await until("one person there", async () => /1/.test(await row(who, "Picnic").locator(".people").innerText()));
    }
    await row(Ben, "Picnic").locator("a").click();
    await Ben.entered();
    await Ben.sees("Saturday at noon?");
    await until("two people there", async () => /2/.test(await row(Cho, "Picnic").locator(".people").innerText()));
    await chat.makeRoom("Later one", {}, Ann.line);
    await until("the new room on top", async () => (await titles(Cho))[0] === "Later one");
    await Ben.say("I bring bread");
    await until("the order", async () => (await titles(Cho))[0] === "Picnic");
    await toList(Ben);
  });

  test("is searched, and goes on where it ends", async () => {
    const { Cho } = people;
    for (let n = 1; n <= 70; n += 1) await chat.makeRoom(`Series ${String(n).padStart(2, "0")}`);
    await toList(Cho);
    await until("a page of them", async () => (await titles(Cho)).length >= 50);
    await until("all of them", async () => {
      await Cho.page.locator("#rooms li").last().scrollIntoViewIfNeeded();
      return (await titles(Cho)).length >= 72;
    });
    assert.equal(new Set(await titles(Cho)).size, (await titles(Cho)).length, "none twice");
    await Cho.page.locator("#search").fill("series 07");
    await until("one", async () => (await titles(Cho)).join() === "Series 07");
    await Cho.page.locator("#search").fill("로비");
    await Cho.page.locator("#search").fill("없는 방");
    await until("none", async () => (await titles(Cho)).length === 0);
    assert.match(await Cho.page.locator("nav").innerText(), /없는 방/);
    await Cho.page.locator("#search").fill("");
    await until("all again", async () => (await titles(Cho)).length >= 50);
  });

  test("keeps pinned rooms on top, and marks silenced ones", async () => {
    const { Ann, Ben } = people;
    const room = await chat.makeRoom("Pinned one", {}, Ann.line);
    await chat.makeRoom("Newer than that", {}, Ann.line);
    await Ben.enter(chat.room(room.id));
    await Ben.choose("#menu", "Pin");
    await Ben.choose("#menu", "Silence");
    await toList(Ben);
    await until("it on top", async () => (await titles(Ben))[0] === "Pinned one");
    for (const mark of ["Pinned", "Silenced"]) assert.equal(await row(Ben, "Pinned one").getByLabel(mark).count(), 1, mark);
    await chat.ownerLine.ask("open", { room: (await chat.makeRoom("Newest of all")).id });
    await until("the others below", async () => (await titles(Ben))[1] === "Newest of all");
    // As it is on another device.
    const again = new Person(watch(await Ben.page.context().newPage()));
    await toList(again);
    assert.equal((await titles(again))[0], "Pinned one");
    await again.page.close();
  });
});

describe("a room with a password", () => {
  test("tells its name and nothing else until the password is right", async () => {
    const { Ann, Ben } = people;
    const room = await chat.makeRoom("Vault", { kind: "password", password: "open sesame" }, Ann.line);
    await Ann.enter(chat.room(room.id));
    await Ann.say("behind the door");
    await row(Ben, "Vault").waitFor();
    assert.ok(!(await row(Ben, "Vault").innerText()).includes("behind the door"));
    await row(Ben, "Vault").locator("a").click();
    await Ben.page.locator("#room-password").fill("not that");
    await Ben.page.locator("#enter-room").click();
    await until("the refusal", async () => /wrong/.test(await Ben.page.locator("#room-password-note").innerText()));
    assert.equal(await Ben.page.locator("#messages, #message").count(), 0);
    await Ben.page.locator("#room-password").fill("open sesame");
    await Ben.page.locator("#enter-room").click();
    await Ben.entered();
    await Ben.sees("behind the door");
    // A member is not asked again.
    await Ben.page.reload();
    await Ben.entered();
    await toList(Ben);
  });
});

describe("a room by invitation", () => {
  test("is unknown to everybody else, by list, search and address", async () => {
    const { Ann, Ben, Cho } = people;
    const room = await chat.makeRoom("Surprise", { kind: "invited" }, Ann.line);
    await Ann.enter(chat.room(room.id));
    await Ann.say("do not tell Cho");
    await Cho.page.locator("#search").fill("Surprise");
    await until("nothing", async () => (await titles(Cho)).length === 0);
    await Cho.page.locator("#search").fill("");
    await Cho.page.goto(chat.room(room.id));
    await instead(Cho, "아무것도 없습니다");
    const unknown = await Cho.page.locator("main").innerText();
    await Cho.page.goto(chat.room("A".repeat(16)));
    await instead(Cho, "아무것도 없습니다");
    assert.equal(await Cho.page.locator("main").innerText(), unknown, "like a room that never was");
    await toList(Cho);
    // Whoever is invited sees it at once.
    await Ann.choose("#menu", "Invite people");
    await Ann.page.locator("#make-invitation").click();
    const field = Ann.page.locator("dialog[open] input[readonly]").first();
    await until("the link", async () => /invite#/.test(await field.inputValue()));
    const link = (await field.inputValue()).replace(/^https?:\/\/[^/]+/, chat.url);
    await Ann.page.keyboard.press("Escape");
    await Ben.page.goto(link);
    await Ben.page.locator("#accept").click();
    await Ben.entered();
    await Ben.sees("do not tell Cho");
    await toList(Ben);
    await row(Ben, "Surprise").waitFor();
  });
});

describe("whoever does not get in is told why", () => {
  test("full, until somebody leaves", async () => {
    const { Ann, Ben, Cho } = people;
    const room = await chat.makeRoom("Tandem", { capacity: 2 }, Ann.line);
    for (const who of [Ann, Ben]) await who.enter(chat.room(room.id));
    await Cho.page.goto(chat.room(room.id));
    await instead(Cho, "가득 찼습니다");
    await Ben.leave();
    await Cho.page.locator("#enter-again").click();
    await Cho.entered();
    await Cho.say("a place is free");
    await Ann.sees("a place is free");
    await toList(Cho);
  });

  test("gone, in the room and by its address", async () => {
    const { Ann, Ben, Cho } = people;
    const room = await chat.makeRoom("Short-lived", {}, Ann.line);
    for (const who of [Ann, Ben]) await who.enter(chat.room(room.id));
    await Ben.page.locator("#message").fill("a draft that is nobody's");
    await Ann.choose("#menu", "Delete the room");
    await Ann.page.locator("#confirm-leave").click();
    await instead(Ben, "This room is gone.");
    await until("it off the list", async () => !(await titles(Ann)).includes("Short-lived"));
    await Cho.page.goto(chat.room(room.id));
    await instead(Cho, "아무것도 없습니다");
    await toList(Ben);
    await toList(Cho);
  });

  test("a name that nobody has used yet may be made a room", async () => {
    const { Ann } = people;
    await Ann.page.goto(chat.room("Brand new"));
    await instead(Ann, "There is no room “Brand new” yet");
    await Ann.page.locator("#make-it").click();
    assert.equal(await Ann.page.locator("#room-title").inputValue(), "Brand new");
    await Ann.page.locator("#save-room").click();
    await Ann.entered();
    assert.equal(await heading(Ann), "Brand new");
  });

  test("removed, and banned, and let in again", async () => {
    const { Ann, Ben } = people;
    const room = await chat.makeRoom("Strict", {}, Ann.line);
    for (const who of [Ann, Ben]) await who.enter(chat.room(room.id));
    await Ben.say("I misbehave");
    await Ann.sees("I misbehave");
    await act(Ann, Ben, "Remove from the room");
    await Ben.page.locator("main").getByText("You were removed from this room.").first().waitFor();
    assert.equal(await Ben.page.locator("#message").count(), 0);
    await Ann.page.keyboard.press("Escape");
    await Ben.page.goto(chat.room(room.id));
    await Ben.entered();
    await act(Ann, Ben, "Ban from the room");
    await Ann.page.locator("#confirm").click();
    await Ben.page.locator("main").getByText("may not come back").first().waitFor();
    await Ben.page.goto(chat.room(room.id));
    await until("no way in", async () => /may not enter|nothing here/i.test(await Ben.page.locator("main").innerText()));
    assert.equal(await Ben.page.locator("#message").count(), 0);
    await act(Ann, Ben, "Let in again");
    await Ann.page.keyboard.press("Escape");
    await Ben.enter(chat.room(room.id));
    await toList(Ben);
  });
});

describe("the days for which a room keeps its messages", () => {
  test("are set with the room, changed, and left to the server", async () => {
    const { Ann } = people;
    const days = Ann.page.locator("#room-keep-days");
    const kept = async () => (await Ann.line.list.emitWithAck("list", { search: "Month" })).rooms[0].keep_days;
    await Ann.page.goto(chat.url);
    await Ann.page.locator("#new-room").click();
    await Ann.page.locator("#room-title").fill("Month");
    for (const wrong of ["0", "1.5", "36501", "many"]) {
      await days.fill(wrong);
      await Ann.page.locator("#save-room").click();
      await Ann.page.getByText("a number of days from 1 to 36,500").waitFor();
      await days.fill("");
      await Ann.page.getByText("for as long as this server keeps messages").waitFor();
    }
    await days.fill("30");
    await Ann.page.locator("#save-room").click();
    await Ann.entered();
    assert.equal(await kept(), 30);
    for (const [before, after] of [["30", "7"], ["7", ""]]) {
      await Ann.choose("#menu", "Settings of the room");
      assert.equal(await days.inputValue(), before);
      await days.fill(after);
      await Ann.page.locator("#save-room").click();
      await Ann.page.locator("dialog[open]").waitFor({ state: "detached" });
      assert.equal(await kept(), after === "" ? undefined : Number(after));
    }
  });
});

describe("a passing room", () => {
  test("vanishes with all that was said when the last one has left", async () => {
    const { Ann, Ben, Cho } = people;
    await Ann.page.goto(chat.url);
    await Ann.page.locator("#new-room").click();
    await Ann.page.locator("#room-title").fill("Soap bubble");
    await Ann.page.getByRole("switch", { name: "A passing room" }).click();
    await Ann.page.locator("#save-room").click();
    await Ann.entered();
    await Ann.say("here today");
    await row(Ben, "Soap bubble").locator("a").click();
    await Ben.entered();
    await Ben.say("gone tomorrow");
    await Ann.leave();
    // One is still there, and so is the room.
    await row(Cho, "gone tomorrow").waitFor();
    const address = Ben.page.url();
    await Ben.leave();
    await until("it off everybody's list", async () =>
      (await Promise.all([Ann, Ben, Cho].map(titles))).every((all) => !all.includes("Soap bubble")));
    await Cho.page.goto(address);
    await instead(Cho, "아무것도 없습니다");
    await toList(Cho);
  });
});

describe("an owner", () => {
  test("renames, describes and locks a room, and everybody in it sees that", async () => {
    const { Ann, Ben, Cho } = people;
    const room = await chat.makeRoom("Draft", {}, Ann.line);
    for (const who of [Ann, Ben]) await who.enter(chat.room(room.id));
    await Ann.choose("#menu", "Settings of the room");
    await Ann.page.locator("#room-title").fill("Final version");
    await Ann.page.getByRole("radio", { name: "With a password" }).check({ force: true });
    await Ann.page.locator("#room-password").fill("hunter2 again");
    await Ann.page.locator("#save-room").click();
    await until("the name", async () => (await heading(Ben)) === "Final version");
    await row(Cho, "Final version").locator("a").click();
    await Cho.page.locator("#room-password").waitFor();
    // Those who are members stay.
    await Ben.say("still inside");
    await Ann.sees("still inside");
    assert.equal(await Ben.page.getByRole("button", { name: "Menu" }).or(Ben.page.locator("#menu")).count() > 0, true);
    await Ben.page.locator("#menu").click();
    assert.equal(await Ben.page.getByRole("menuitem", { name: "Settings of the room" }).count(), 0, "nobody else's business");
    await Ben.page.keyboard.press("Escape");
    await toList(Ben);
    await toList(Cho);
  });

  test("mutes, and lets speak again; promotes; hands the room over", async () => {
    const { Ann, Ben } = people;
    const room = await chat.makeRoom("Parliament", {}, Ann.line);
    for (const who of [Ann, Ben]) await who.enter(chat.room(room.id));
    await act(Ann, Ben, "Mute for 10 minutes");
    await Ben.page.locator("main").getByText("You may not speak here until").waitFor();
    assert.equal(await Ben.page.locator("#message").count(), 0);
    await act(Ann, Ben, "Let speak again");
    await Ben.entered();
    await Ben.say("thank you");
    await Ann.sees("thank you");
    await act(Ann, Ben, "Make moderator");
    const badge = Ann.page.locator(`#members [data-person="${Ben.id}"] .badge`);
    await until("the role", async () => (await badge.count()) === 1 && (await badge.innerText()) === "Moderator");
    await act(Ann, Ben, "Hand the room over");
    await Ann.page.locator("#confirm").click();
    await until("the new owner", async () => (await badge.innerText()) === "Owner");
    await Ann.page.keyboard.press("Escape");
    await until("Ben's new powers", async () => {
      await Ben.page.locator("#menu").click();
      const has = await Ben.page.getByRole("menuitem", { name: "Settings of the room" }).count();
      await Ben.page.keyboard.press("Escape");
      return has;
    });
    await toList(Ben);
  });
});

describe("direct messages", () => {
  test("go to one person, and to a small group, and nobody else sees that they are there", async () => {
    const { Ann, Ben, Cho } = people;
    await toList(Ann);
    await Ann.page.locator("#new-direct").click();
    await Ann.page.locator("#find-people").fill("be");
    await Ann.page.locator("#found-people button", { hasText: "Ben" }).click();
    await Ann.page.locator("#start-direct").click();
    await Ann.entered();
    assert.equal(await heading(Ann), "Ben");
    await Ann.say("between the two of us");
    await row(Ben, "between the two of us").waitFor();
    assert.equal(await row(Ben, "between the two of us").locator(".title").innerText(), "Ann");
    await row(Ben, "between the two of us").locator("a").click();
    await Ben.sees("between the two of us");
    await Ben.say("quite so");
    await Ann.sees("quite so");
    const address = Ann.page.url();
    assert.ok(!(await Cho.page.locator("nav").innerText()).includes("between the two"));
    await Cho.page.goto(address);
    await instead(Cho, "아무것도 없습니다");
    await toList(Cho);
    // The same two people: the same conversation.
    await Ann.page.goto(chat.url);
    await Ann.page.locator("#new-direct").click();
    await Ann.page.locator("#found-people button", { hasText: "Ben" }).click();
    await Ann.page.locator("#start-direct").click();
    await Ann.entered();
    assert.equal(Ann.page.url(), address);
    await Ann.page.locator("#new-direct").click();
    for (const name of ["Ben", "Cho"]) await Ann.page.locator("#found-people button", { hasText: name }).click();
    await Ann.page.locator("#start-direct").click();
    await until("the group", async () => /Ben/.test(await heading(Ann)) && /Cho/.test(await heading(Ann)));
    await Ann.entered();
    await Ann.say("all three of us");
    for (const who of [Cho]) await row(who, "all three of us").waitFor();
    await toList(Ben);
    await row(Ben, "all three of us").waitFor();
  });
});

describe("who is there", () => {
  test("is counted by people and not by tabs, and listed with what they are and when they were seen", async () => {
    const { Ann, Ben, Cho } = people;
    const room = await chat.makeRoom("Census", {}, Ann.line);
    await Ann.enter(chat.room(room.id));
    await Ben.enter(chat.room(room.id));
    await Cho.enter(chat.room(room.id));
    const tabs = [];
    for (let n = 0; n < 2; n += 1) {
      const tab = new Person(watch(await Ben.page.context().newPage()));
      await tab.enter(chat.room(room.id));
      tabs.push(tab);
    }
    const count = () => Ann.page.locator("main header p").innerText();
    await until("three", async () => /^3 /.test(await count()));
    await until("three, in Korean", async () => /^3명 참여 중/.test(await Cho.page.locator("main header p").innerText()));
    // One's own tabs are not told of, nor that somebody has more of them.
    assert.equal((await tabs[0].shown()).match(/Ben/g), null);
    await until("the one line", async () => /Ben and Cho have joined/.test(await Ann.shown()));
    assert.equal(await Ann.page.locator("[data-notice]").count(), 1, "folded into one line");
    for (const { page } of tabs) await page.close();
    await Ann.say("after the tabs");
    await Ann.arrived();
    assert.match(await count(), /^3 /);
    await Ann.page.locator("#people").click();
    const entry = (who) => Ann.page.locator(`#members [data-person="${who.id}"]`);
    assert.match(await entry(Ann).innerText(), /you/);
    assert.match(await entry(Ann).innerText(), /Owner/);
    assert.match(await entry(Ben).innerText(), /In this room/);
    // Cho goes to another room, and then away.
    await toList(Cho);
    await until("Cho online elsewhere", async () => {
      const text = await entry(Cho).innerText();
      return /Online/.test(text) && !/In this room/.test(text);
    });
    await Cho.page.goto("about:blank");
    Cho.line.leave();
    await Ann.page.keyboard.press("Escape");
    await until("Cho gone", async () => {
      await Ann.page.locator("#people").click();
      const text = await entry(Cho).innerText();
      await Ann.page.keyboard.press("Escape");
      return /Last seen/.test(text);
    });
    Cho.line = await chat.line(Cho.cookie);
    await toList(Cho);
    await toList(Ben);
  });

  test("is told while somebody types, and not any more when it is said or given up", async () => {
    const { Ann, Ben } = people;
    const room = await chat.makeRoom("Typing pool", {}, Ann.line);
    for (const who of [Ann, Ben]) await who.enter(chat.room(room.id));
    await Ann.page.locator("#message").pressSequentially("I am thinking");
    const line = Ben.page.locator("main").getByText("Ann is writing…");
    await line.waitFor();
    assert.equal(await Ann.page.locator("main").getByText("is writing…").count(), 0, "not to oneself");
    await Ann.page.locator("#message").press("Enter");
    await Ben.sees("I am thinking");
    await line.waitFor({ state: "hidden" });
    await Ann.page.locator("#message").pressSequentially("never mind");
    await line.waitFor();
    await Ann.page.locator("#message").fill("");
    await line.waitFor({ state: "hidden" });
    await toList(Ben);
  });
});

describe("an answer that takes its time", () => {
  /** Another page of Ann's, whose connection the test holds: what the server says waits while `gate.isShut`. */
  async function slowPage(t, { hasClock = false } = {}) {
    const { Ann } = people;
    const page = watch(await Ann.page.context().newPage());
    const gate = { isShut: false, held: [], asked: [] };
    await page.routeWebSocket(/socket\.io/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((message) => {
        gate.asked.push(String(message));
        server.send(message);
      });
      server.onMessage((message) => {
        if (gate.isShut) gate.held.push(() => socket.send(message));
        else socket.send(message);
      });
    });
    gate.open = () => {
      gate.isShut = false;
      for (const send of gate.held.splice(0)) send();
    };
    // What goes out by polling before is not seen here.
    gate.upgraded = () => until("the upgrade", () => gate.asked.includes("5"));
    gate.count = (event) => gate.asked.filter((message) => message.includes(`["${event}"`)).length;
    if (hasClock) await page.clock.install();
    t.after(async () => {
      await page.close();
      assert.deepEqual(page.problems, []);
    });
    return { person: new Person(page), page, gate };
  }

  test("the list of people shows nobody as less than they are", async (t) => {
    const { Ann } = people;
    const room = await chat.makeRoom("Slow answers", {}, Ann.line);
    const { person, page, gate } = await slowPage(t);
    await person.enter(chat.room(room.id));
    await gate.upgraded();
    gate.isShut = true;
    await page.locator("#people").click();
    await until("the question", () => gate.count("members") > 0);
    assert.equal(await page.locator("#members").getAttribute("aria-busy"), "true");
    assert.equal(await page.locator("#members li").count(), 0);
    gate.open();
    const entry = page.locator(`#members [data-person="${Ann.id}"]`);
    assert.match(await entry.innerText(), /Owner/);
    assert.equal(await page.locator("#members").getAttribute("aria-busy"), "false");
  });

  test("people are looked for once for each search, and not again for what was found", async (t) => {
    const { page, gate } = await slowPage(t, { hasClock: true });
    await page.goto(chat.url);
    await gate.upgraded();
    await page.locator("#new-direct").click();
    const found = page.locator("#found-people button", { hasText: "Ben" });
    await found.waitFor();
    // Whatever waits for its time has had it.
    await page.clock.runFor(5_000);
    await page.locator("#find-people").fill("nobody of this name");
    await page.clock.runFor(5_000);
    await found.waitFor({ state: "detached" });
    assert.equal(gate.count("people"), 2);
  });

  test("people are looked for once there is a connection, if there was none", async (t) => {
    const { page } = await slowPage(t);
    let open;
    const opened = new Promise((resolve) => (open = resolve));
    await page.route(/socket\.io/, async (route) => {
      await opened;
      await route.continue();
    });
    await page.goto(chat.url);
    await page.locator("#new-direct").click();
    await page.locator("dialog[open] .problem").waitFor();
    open();
    await page.locator("#found-people button", { hasText: "Ben" }).waitFor();
    assert.equal(await page.locator("dialog[open] .problem").count(), 0);
  });
});
