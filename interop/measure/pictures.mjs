// Pictures of every screen and state of the chat, to be looked at: phone and desktop, light and dark, Korean and English.
//
//   node measure/pictures.mjs [--variants phone-light-ko,…] [--only door,list,…] [--out screenshots/pages]
//   node measure/pictures.mjs --readme     draws docs/images/chat.png alone
//
// `SOCKEYE_BIN_DIR` names the folder of the program, as in the tests.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { launch } from "../tests/support/browser.mjs";
import { Chat, DESKTOP, PASSWORD, Person, PHONE } from "../tests/support/chat.mjs";
import { fullDisk, messageStates, prepare } from "../tests/support/message-states.mjs";
import { until } from "../tests/support/waiting.mjs";

const { values } = parseArgs({
  options: {
    variants: { type: "string", default: "" },
    only: { type: "string", default: "" },
    out: { type: "string", default: "screenshots/pages" },
    readme: { type: "boolean", default: false },
  },
});
const folder = fileURLToPath(new URL(`../${values.out}/`, import.meta.url));
const only = values.only.split(",").filter(Boolean);
const isWanted = (state) => only.length === 0 || only.some((word) => state.startsWith(word));

const VARIANTS = ["phone", "desktop"].flatMap((device) =>
  ["light", "dark"].flatMap((colorScheme) =>
    ["ko", "en"].map((language) => ({ device, colorScheme, language, name: `${device}-${colorScheme}-${language}` }))));

/** What is said, in the language of the page. */
const TEXTS = {
  ko: {
    people: ["김민지", "박서준", "이하늘", "Ada"],
    rooms: [["주말 등산", "어디로, 몇 시에"], ["개발팀", ""], ["점심 뭐 먹지", "12시 로비에서"]],
    lobby: [
      [1, "좋은 아침이에요! 오늘 회의는 10시 맞죠?"],
      [0, "네, 3층 회의실이에요."],
      [0, "자료는 미리 올려 둘게요: https://example.com/docs/2026/11/weekly-report?draft=2"],
      [2, "저는 10분쯤 늦을 것 같아요 🙏"],
      [3, "No problem, we'll start with the easy part."],
      [1, "🎉"],
      [2, "점심은 다 같이 먹어요. 지난번 그 국숫집 어때요? 창가 자리가 있으면 제가 예약해 둘게요. 여섯 명 맞죠?"],
      [0, "좋아요!"],
    ],
  },
  en: {
    people: ["Mina Kim", "Joon", "Skye", "하늘"],
    rooms: [["Weekend hike", "Where, and when"], ["Engineering", ""], ["Lunch", "At noon in the lobby"]],
    lobby: [
      [1, "Good morning! The meeting is at ten, isn't it?"],
      [0, "Yes, third floor."],
      [0, "Here are the slides: https://example.com/docs/2026/11/weekly-report?draft=2"],
      [2, "I'll be ten minutes late, sorry 🙏"],
      [3, "괜찮아요, 쉬운 것부터 시작할게요."],
      [1, "🎉"],
      [2, "Let's all have lunch together. What about that noodle place again? I can book the table by the window if you like. Six of us, right?"],
      [0, "Great idea!"],
    ],
  },
};

/** A server with people who have talked. */
async function populated(language) {
  const chat = await Chat.start("--messages-per-second", "0");
  const texts = TEXTS[language];
  await chat.setUp(texts.people[0]);
  const colours = [12, 200, 130, 280];
  const people = [{ cookie: chat.owner, line: chat.ownerLine }];
  for (const [n, name] of texts.people.entries()) {
    if (n === 0) continue;
    const member = await chat.member(name, n === 1 ? "moderator" : "member", { colour: colours[n] });
    people.push({ ...member, line: await chat.line(member.cookie) });
  }
  const me = await fetch(`${chat.url}/api/me`, { headers: { cookie: chat.owner } }).then((response) => response.json());
  people[0].person = me.me.person;
  const lobby = (await chat.ownerLine.list.emitWithAck("list", {})).rooms[0];
  for (const [by, text] of texts.lobby) {
    await people[by].line.ask("open", { room: lobby.id });
    await people[by].line.say(lobby.id, text);
  }
  const rooms = [];
  for (const [n, [title, description]] of texts.rooms.entries()) {
    const room = await chat.makeRoom(title, { description, ...(n === 1 && { kind: "invited" }) });
    await chat.ownerLine.ask("open", { room: room.id });
    await chat.ownerLine.say(room.id, texts.lobby[n][1]);
    rooms.push(room);
  }
  const locked = await chat.makeRoom(language === "ko" ? "금고" : "Vault", { kind: "password", password: "open sesame" }, people[2].line);
  const direct = await chat.ownerLine.ask("direct", { people: [people[1].person.id] });
  await people[1].line.ask("open", { room: direct.id });
  await people[1].line.say(direct.id, texts.lobby[0][1]);
  const empty = await chat.makeRoom(language === "ko" ? "새로 만든 방" : "Brand new", { description: texts.rooms[0][1] });
  const guest = await chat.guest(language === "ko" ? "지나가던 손님" : "A passing guest");
  const said = await prepare(chat, people.slice(0, 3), language);
  const disk = await fullDisk(texts.people[0]);
  return { chat, people, lobby, rooms, locked, direct, empty, guest, said, disk };
}

/** Every state: how a page gets there. `page` is the owner's; `others` opens pages of other people. */
function states({ chat, people, lobby, locked, direct, empty, guest, rooms, said }, language) {
  const lobbyAddress = chat.room(lobby.id);
  const enter = async (page, address = lobbyAddress) => {
    await page.goto(address);
    await page.locator("#message").waitFor();
  };
  const menu = async (page, item) => {
    await page.locator("#menu").click();
    if (item !== undefined) await page.locator("[role=menu] button").nth(item).click();
  };
  const dialog = (page) => page.locator("dialog[open]").waitFor();
  const settled = (page) => page.evaluate(() => document.fonts.ready.then(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))));
  const KO = language === "ko";
  return {
    // Nobody is logged in.
    "door-guest": { who: "nobody", go: (page) => page.goto(chat.url) },
    "door-guest-filled": { who: "nobody", go: async (page) => {
      await page.goto(chat.url);
      await page.locator("#nickname").fill(KO ? "손님" : "Visitor");
    } },
    "door-guest-error": { who: "nobody", go: async (page) => {
      await page.goto(chat.url);
      await page.locator("#nickname").fill(TEXTS[language].people[1]);
      await page.locator("#enter-guest").click();
      await page.locator("#nickname-note span").waitFor();
    } },
    "door-login": { who: "nobody", go: (page) => page.goto(`${chat.url}/login`) },
    "door-login-error": { who: "nobody", go: async (page) => {
      await page.goto(`${chat.url}/login`);
      await page.locator("#name").fill("Somebody");
      await page.locator("#password").fill("not that one");
      await page.locator("#log-in").click();
      await page.locator("[role=alert], #password-note span").first().waitFor();
    } },
    "door-setup-over": { who: "nobody", go: (page) => page.goto(`${chat.url}/setup#x`) },
    "door-invite": { who: "nobody", go: async (page) => {
      const { code } = (await chat.post("/api/invitations", { role: "moderator", room: rooms[0].id }, chat.owner)).body;
      await page.goto(`${chat.url}/invite#${code}`);
      await page.locator("#sign-up").waitFor();
    } },
    "door-invite-over": { who: "nobody", go: async (page) => {
      await page.goto(`${chat.url}/invite#${"x".repeat(22)}`);
      await page.locator("#door h1, #door h2").first().waitFor();
      await page.locator("#door a.button").waitFor();
    } },
    "door-reset": { who: "nobody", go: (page) => page.goto(`${chat.url}/reset#${"x".repeat(22)}`) },
    "door-session-over": { who: "fresh", go: async (page) => {
      await enter(page);
      await page.evaluate(() => fetch("/api/logout", { method: "POST", headers: { "content-type": "application/json" } }));
      await page.locator("#door").waitFor();
    } },
    "missing": { who: "nobody", go: (page) => page.goto(`${chat.url}/nowhere/at-all`) },
    // Somebody with everything.
    "list": { go: (page) => page.goto(chat.url) },
    "list-search-none": { go: async (page) => {
      await page.goto(chat.url);
      await page.locator("#search").fill("qqq");
      await until("none", async () => (await page.locator("#rooms li").count()) === 0);
    } },
    "list-menu": { go: async (page) => {
      await page.goto(chat.url);
      await page.locator("#account-menu").click();
    } },
    "conversation": { go: (page) => enter(page) },
    "conversation-written": { go: async (page) => {
      await enter(page);
      await page.locator("#message").fill(KO ? "첫 줄\n둘째 줄\n그리고 조금 더 긴 셋째 줄입니다" : "First line\nsecond line\nand a somewhat longer third line");
    } },
    "conversation-empty": { go: (page) => enter(page, chat.room(empty.id)) },
    "conversation-direct": { go: (page) => enter(page, chat.room(direct.id)) },
    "conversation-menu": { go: async (page) => {
      await enter(page);
      await menu(page);
    } },
    "conversation-typing": { go: async (page) => {
      await enter(page);
      await people[1].line.ask("open", { room: lobby.id });
      await people[1].line.ask("typing", { room: lobby.id, is_typing: true });
      await page.locator("footer").getByText(TEXTS[language].people[1]).waitFor();
    } },
    "conversation-lost": { go: async (page) => {
      await enter(page);
      await page.context().setOffline(true);
      await page.locator("#reconnecting").waitFor();
      await new Person(page).say(KO ? "연결이 돌아오면 갈 거예요" : "This goes out when it is back");
      await page.locator("[data-state=waiting]").waitFor();
    }, after: (page) => page.context().setOffline(false) },
    "conversation-too-long": { go: async (page) => {
      await enter(page);
      await page.locator("#message").fill("x".repeat(4_017));
    }, after: (page) => page.locator("#message").fill("") },
    "conversation-muted": { who: "other", go: async (page) => {
      await enter(page, chat.room(rooms[2].id));
      await chat.ownerLine.ask("mute", { room: rooms[2].id, person: people[2].person.id, seconds: 600 });
      await page.locator("#message").waitFor({ state: "detached" });
    }, after: () => chat.ownerLine.ask("mute", { room: rooms[2].id, person: people[2].person.id, seconds: 0 }) },
    "room-password": { go: async (page) => {
      await page.goto(chat.room(locked.id));
      await page.locator("#room-password").fill("not that");
      await page.locator("#enter-room").click();
      await page.locator("#room-password-note span").waitFor();
    } },
    "room-gone": { go: async (page) => {
      await page.goto(chat.room("A".repeat(16)));
      await page.locator("main .button").first().waitFor();
    } },
    "room-new-name": { go: async (page) => {
      await page.goto(chat.room(KO ? "아직 없는 방" : "Not there yet"));
      await page.locator("#make-it").waitFor();
    } },
    "room-too-long": { go: (page) => page.goto(chat.room("long ".repeat(20))) },
    "room-full": { who: "other", go: async (page) => {
      const full = await chat.makeRoom(`full ${Math.random()}`, { capacity: 2 });
      for (const { line } of people.slice(0, 2)) await line.ask("open", { room: full.id });
      await page.goto(chat.room(full.id));
      await page.locator("#enter-again").waitFor();
      for (const { line } of people.slice(0, 2)) await line.ask("close", { room: full.id });
    } },
    "room-removed": { who: "other", go: async (page) => {
      await enter(page, chat.room(rooms[0].id));
      await chat.ownerLine.ask("remove", { room: rooms[0].id, person: people[2].person.id, is_ban: false });
      await page.locator("#message").waitFor({ state: "detached" });
    } },
    // Dialogs.
    "dialog-new-room": { go: async (page) => {
      await page.goto(chat.url);
      await page.locator("#new-room").click();
      await dialog(page);
    } },
    "dialog-new-room-error": { go: async (page) => {
      await page.goto(chat.url);
      await page.locator("#new-room").click();
      await page.locator("dialog[open] input[value=password]").check({ force: true });
      await page.locator("#room-title").fill(TEXTS[language].rooms[0][0]);
      await page.locator("#room-password").fill("x");
      await page.locator("#save-room").click();
      await page.locator("#room-title-note span").waitFor();
    } },
    "dialog-new-direct": { go: async (page) => {
      await page.goto(chat.url);
      await page.locator("#new-direct").click();
      await page.locator("#found-people button").nth(1).click();
    } },
    "dialog-members": { go: async (page) => {
      await enter(page);
      await page.locator("#people").click();
      await page.locator("#members li").nth(2).waitFor();
    } },
    "dialog-members-menu": { go: async (page) => {
      await enter(page, chat.room(rooms[2].id));
      await people[1].line.ask("open", { room: rooms[2].id });
      await page.locator("#people").click();
      await page.locator(`#members [data-person="${people[1].person.id}"]`).getByRole("button").click();
    } },
    "dialog-invite": { go: async (page) => {
      await enter(page);
      await menu(page, 1);
      await dialog(page);
    } },
    "dialog-invite-made": { go: async (page) => {
      await enter(page);
      await menu(page, 1);
      await page.locator("#make-invitation").click();
      await page.locator("dialog[open] img").waitFor();
    } },
    "dialog-room-settings": { go: async (page) => {
      await enter(page, chat.room(rooms[0].id));
      await menu(page, 4);
      await dialog(page);
    } },
    "dialog-leave": { go: async (page) => {
      await enter(page, chat.room(rooms[0].id));
      await menu(page, 5);
      await dialog(page);
    } },
    "dialog-delete": { go: async (page) => {
      await enter(page, chat.room(rooms[0].id));
      await menu(page, 6);
      await dialog(page);
    } },
    // Settings and administration.
    "settings": { go: async (page) => {
      await page.goto(`${chat.url}/settings`);
      await page.locator("section[aria-labelledby=sessions] li").first().waitFor();
    }, isLong: true },
    "settings-close": { go: async (page) => {
      await page.goto(`${chat.url}/settings`);
      await page.locator("#close-account").click();
      await dialog(page);
    } },
    ...Object.fromEntries(["overview", "people", "invitations", "rooms", "audit"].map((area) => [`admin-${area}`, {
      go: async (page) => {
        await page.goto(`${chat.url}/admin#${area}`);
        await page.locator("#panel td, #panel dd, #panel dl").first().waitFor();
      },
      isLong: true,
    }])),
    "admin-people-menu": { go: async (page) => {
      await page.goto(`${chat.url}/admin#people`);
      await page.locator("#panel").getByRole("button").nth(1).click();
    } },
    "guest-list": { who: "guest", go: (page) => page.goto(chat.url) },
    "guest-conversation": { who: "guest", go: (page) => enter(page) },
    "guest-settings": { who: "guest", go: async (page) => {
      await page.goto(`${chat.url}/settings`);
      await page.locator("section").first().waitFor();
    } },
    ...messageStates(chat, said),
    settled,
  };
}

const browser = await launch();
await mkdir(folder, { recursive: true });
try {
  if (values.readme) await readme();
  else await all();
} finally {
  await browser.close();
}

async function all() {
  const wanted = values.variants.split(",").filter(Boolean);
  for (const language of ["ko", "en"]) {
    const variants = VARIANTS.filter((one) => one.language === language && (wanted.length === 0 || wanted.includes(one.name)));
    if (variants.length === 0) continue;
    const world = await populated(language);
    try {
      for (const variant of variants) await draw(world, variant);
    } finally {
      await world.chat.stop();
      await world.disk.stop();
    }
    for (const variant of variants) if (isWanted("first")) await firstRun(variant);
  }
}

function optionsOf({ device, colorScheme, language }) {
  return {
    ...(device === "phone" ? PHONE : DESKTOP),
    colorScheme,
    locale: language === "ko" ? "ko-KR" : "en-US",
    reducedMotion: "reduce",
  };
}

async function draw(world, variant) {
  const { settled, ...all } = states(world, variant.language);
  const { chat, people, guest, disk } = world;
  const cookies = { nobody: undefined, owner: chat.owner, other: people[2].cookie, guest: guest.cookie, disk: disk.owner };
  const pages = {};
  for (const [state, { who = "owner", go, after, isLong }] of Object.entries(all)) {
    if (!isWanted(state)) continue;
    const cookie = who === "fresh" ? (await chat.guest(`fresh ${variant.name}`)).cookie : cookies[who];
    const page = (pages[who] ??= await (who === "disk" ? disk : chat).page(browser, cookie, optionsOf(variant)));
    page.setDefaultTimeout(15_000);
    try {
      await go(page, disk);
      await settled(page);
      await page.waitForLoadState("networkidle", { timeout: 2_000 }).catch(() => {});
      await page.screenshot({ path: path.join(folder, `${state}.${variant.name}.png`) });
      if (isLong) await longer(page, `${state}-long.${variant.name}.png`);
      await after?.(page);
    } catch (error) {
      console.log(`${state} on ${variant.name}: ${String(error.message).split("\n")[0]}`);
      await page.screenshot({ path: path.join(folder, `FAILED-${state}.${variant.name}.png`) }).catch(() => {});
      await page.context().setOffline(false);
    }
    if (page.problems.length > 0) console.log(`${state} on ${variant.name}: ${page.problems.splice(0).join("; ")}`);
  }
  for (const page of Object.values(pages)) await page.context().close();
  console.log(`drawn: ${variant.name}`);
}

/** What scrolls within the page, as a whole. */
async function longer(page, name) {
  const size = page.viewportSize();
  const height = await page.evaluate(() => Math.max(...[...document.querySelectorAll("main, main *")].map((element) =>
    element.scrollHeight > element.clientHeight + 8 && element.clientHeight > 200 ? element.scrollHeight : 0)));
  if (height < 100) return;
  await page.setViewportSize({ width: size.width, height: Math.min(height + 200, 4_000) });
  await page.screenshot({ path: path.join(folder, name) });
  await page.setViewportSize(size);
}

/** The first start, of which there is one for each server. */
async function firstRun(variant) {
  const chat = await Chat.startAsItComes();
  try {
    const page = await chat.page(browser, undefined, optionsOf(variant));
    const shot = (state) => page.screenshot({ path: path.join(folder, `${state}.${variant.name}.png`) });
    await page.goto(chat.url);
    await page.locator("#door").waitFor();
    await shot("first-door");
    await page.goto(`${chat.url}/setup#${await chat.setupCode()}`);
    await page.reload();
    await page.locator("#sign-up").click();
    await page.locator("#name-note span").waitFor();
    await shot("first-setup-error");
    await page.locator("#name").fill(TEXTS[variant.language].people[0]);
    await page.locator("#password").fill(PASSWORD);
    await shot("first-setup");
    await page.locator("#sign-up").click();
    await page.locator("#door img").waitFor();
    await shot("first-ready");
    await page.locator("#to-rooms").click();
    await page.locator("#rooms a").first().waitFor();
    await shot("first-list");
    await page.locator("#rooms a").first().click();
    await page.locator("#message").waitFor();
    await shot("first-room");
    await page.context().close();
  } finally {
    await chat.stop();
  }
}

/** The picture of the README: two panes, in the middle of things. Without emoji, which not every machine can draw. */
async function readme() {
  const chat = await Chat.start("--messages-per-second", "0");
  try {
    await chat.setUp("Mina Kim");
    const line = {};
    const cast = [["Joon", "moderator", 205], ["Skye", "member", 130], ["Ada", "member", 280], ["하늘", "member", 45]];
    const ids = {};
    for (const [name, role, colour] of cast) {
      const { cookie, person } = await chat.member(name, role, { colour });
      line[name] = await chat.line(cookie);
      ids[name] = person.id;
    }
    line.Mina = chat.ownerLine;
    await chat.post("/api/profile", { colour: 15 }, chat.owner, "PUT");
    const say = async (who, room, text) => {
      await line[who].ask("open", { room });
      await line[who].say(room, text);
    };
    const lobby = (await line.Mina.list.emitWithAck("list", {})).rooms[0].id;
    const make = async (title, options) => (await chat.makeRoom(title, options)).id;
    const design = await make("Design", { description: "What it looks like, and why" });
    const vault = await make("Board", { kind: "password", password: "open sesame" });
    const hike = await make("Weekend hike", { description: "Where, and when" });
    const party = await make("Ada's birthday", { kind: "invited" });
    await line.Joon.ask("open", { room: design });
    await say("Mina", vault, "The minutes are in the usual place.");
    await say("Skye", lobby, "The coffee machine works again!");
    await say("Joon", hike, "Train at 8:40, platform 3");
    await line.Joon.ask("close", { room: hike });
    const direct = (await line.Mina.ask("direct", { people: [ids.Skye] })).id;
    await say("Skye", direct, "Can you look at the numbers later?");
    await say("Mina", party, "Cake or pie?");
    await line.Mina.ask("keep", { room: party, is_pinned: true, is_silenced: true });
    for (const [who, text] of [
      ["Joon", "The new list is on the test server. It is live now: open it twice and watch."],
      ["Skye", "Just did. It's fast!"],
      ["Skye", "One thing: on my phone the search field is a little close to the edge."],
      ["Mina", "Good catch, that's two pixels. I'll fix it before lunch."],
      ["하늘", "한국어 줄바꿈도 이제 자연스러워요. 단어가 잘리지 않네요."],
      ["Mina", "다행이에요! 오래 걸렸거든요."],
      ["Joon", "Everything else is in the notes: https://example.com/design/list?week=48"],
      ["Mina", "Thanks, reading."],
    ]) await say(who, design, text);
    const page = await chat.page(browser, chat.owner, { ...DESKTOP, colorScheme: "light", reducedMotion: "reduce" });
    await page.goto(chat.room(design));
    await page.locator("#message").waitFor();
    await line.Ada.ask("open", { room: design });
    await page.locator("[data-notice]").waitFor();
    await say("Ada", design, "Hello everybody, what did I miss?");
    await page.locator("#messages").getByText("what did I miss").waitFor();
    await line.Joon.ask("typing", { room: design, is_typing: true });
    await page.locator("footer").getByText("Joon").waitFor();
    await page.locator("main h1").click();
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    const out = fileURLToPath(new URL("../../docs/images/chat.png", import.meta.url));
    await page.screenshot({ path: out });
    await page.context().close();
    console.log(out);
  } finally {
    await chat.stop();
  }
}
