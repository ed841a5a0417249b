// Pictures in Chromium: chosen by the button, pasted and dragged, several at once, with progress; given up, tried
// again and refused; seen by others, looked at, and gone with their message.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { Chat, Person, PHONE } from "./support/chat.mjs";
import { gif } from "./support/gif.mjs";
import { png } from "./support/png.mjs";
import { until } from "./support/waiting.mjs";

let browser;
let chat;
let room;
const people = {};
before(async () => {
  browser = await launch();
  chat = await Chat.start("--picture-mib", "1");
  await chat.setUp();
  for (const [name, options] of [["Ann", {}], ["민지", { ...PHONE, locale: "ko-KR" }]]) {
    const account = await chat.member(name);
    const person = new Person(await chat.page(browser, account.cookie, options));
    people[name] = Object.assign(person, { ...account, line: await chat.line(account.cookie) });
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
  for (const person of Object.values(people)) await person.enter(chat.room(room.id));
});

const file = (name, buffer = png(64, 48), mimeType = "image/png") => ({ name, mimeType, buffer });
const choose = (person, ...files) => person.page.locator("input[type=file]").setInputFiles(files);
const tray = (person) => person.page.locator(".tray li");
const pictures = (person) => person.page.locator("article .place img");
const ready = (person, count) => until(`${count} pictures on the server`, async () => (await person.page.locator(".tray li[data-state=done]").count()) === count);
const send = (person) => person.page.locator("#send").click();
/** Until so many pictures are drawn from what the server has. */
const drawn = (person, count) => until(`${count} pictures`, () => pictures(person).evaluateAll(
  (all, count) => all.length === count && all.every(({ naturalWidth, src }) => naturalWidth > 0 && src.includes("/api/rooms/")),
  count,
));

/** Holds the uploads of a page back until they are let go, or refuses them. */
async function hold(page) {
  const held = [];
  await page.route(/\/api\/rooms\/[^/]+\/pictures$/, (route) => void held.push(route));
  return {
    held,
    letGo: async () => {
      await page.unroute(/\/api\/rooms\/[^/]+\/pictures$/);
      await Promise.all(held.splice(0).map((route) => route.continue().catch(() => {})));
    },
  };
}

/** What somebody does who pastes or drops files. */
const give = (page, how, names) => page.evaluate(async ([how, names, bytes]) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
  if (how === "paste") {
    const field = document.querySelector("#message");
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  } else {
    for (const type of ["dragenter", "dragover", "drop"].slice(...(how === "drag" ? [0, 2] : [2]))) {
      document.querySelector("#messages").dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
  }
}, [how, names, [...png(64, 48)]]);

test("a picture is chosen, sent with words, and seen by others", async () => {
  const { Ann, 민지 } = people;
  const chooser = Ann.page.waitForEvent("filechooser");
  const button = Ann.page.getByRole("button", { name: "Add pictures" });
  assert.match(await button.getAttribute("title"), /JPEG, PNG, GIF or WebP, up to 1 ?MB each, 10 in a message/);
  await button.click();
  await (await chooser).setFiles([file("cat.png", png(640, 320))]);
  await ready(Ann, 1);
  await Ann.page.keyboard.type("My cat");
  await send(Ann);
  for (const who of [Ann, 민지]) await drawn(who, 1);
  await 민지.sees("My cat");
  assert.equal(await tray(Ann).count(), 0);
  const { width, height } = await 민지.page.locator("article .place").boundingBox();
  assert.ok(Math.abs(width / height - 2) < 0.05, `${width} by ${height}`);
  await 민지.page.getByRole("button", { name: "Ann 님이 보낸 사진" }).waitFor();
});

test("several at once, pasted and dragged, without a word", async () => {
  const { Ann, 민지 } = people;
  await give(Ann.page, "paste", ["a.png"]);
  await give(Ann.page, "drag", ["b.png", "c.png"]);
  await Ann.page.getByText("Drop pictures here").waitFor();
  await give(Ann.page, "drop", ["b.png", "c.png"]);
  await Ann.page.getByText("Drop pictures here").waitFor({ state: "detached" });
  await ready(Ann, 3);
  await send(Ann);
  await drawn(민지, 3);
  assert.equal(await 민지.page.locator("article").count(), 1, "one message");
  await 민지.page.getByRole("button", { name: "Ann 님이 보낸 사진 3장 중 2번째" }).tap();
  const viewer = 민지.page.getByRole("dialog", { name: "사진 3장 중 2번째" });
  await viewer.waitFor();
  await 민지.page.keyboard.press("ArrowRight");
  await 민지.page.getByRole("dialog", { name: "사진 3장 중 3번째" }).waitFor();
  await 민지.page.keyboard.press("ArrowRight");
  await 민지.page.keyboard.press("Home");
  await 민지.page.getByRole("dialog", { name: "사진 3장 중 1번째" }).waitFor();
  await until("the whole picture", () => 민지.page.locator("dialog img").evaluate(({ naturalWidth, src }) => naturalWidth === 64 && !src.endsWith("thumbnail")));
  assert.match(await 민지.page.getByRole("link", { name: "내려받기" }).getAttribute("href"), /^\/api\/rooms\/[^/]+\/pictures\/[^/]+$/);
  await 민지.page.keyboard.press("Escape");
  await 민지.page.locator("dialog[open]").waitFor({ state: "detached" });
  await until("the focus back", () => 민지.page.evaluate(() => document.activeElement?.getAttribute("aria-label")?.includes("2번째")));
});

test("text that is pasted is text, also where there is a picture of it", async () => {
  const { Ann } = people;
  await Ann.page.evaluate((bytes) => {
    const data = new DataTransfer();
    data.setData("text/plain", "a table");
    data.items.add(new File([new Uint8Array(bytes)], "table.png", { type: "image/png" }));
    document.querySelector("#message").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, [...png(8, 8)]);
  assert.equal(await tray(Ann).count(), 0);
});

test("a message waits for its pictures, also while another room is open, and can do without one", async () => {
  const { Ann, 민지 } = people;
  const other = await chat.makeRoom(`Other ${Math.random()}`);
  const { held, letGo } = await hold(Ann.page);
  await choose(Ann, file("one.png"), file("two.png"), file("three.png"));
  await until("two uploads", () => held.length === 2);
  await Ann.page.locator("#message").fill("On their way");
  await send(Ann);
  await Ann.sees("On their way");
  assert.equal(await Ann.page.locator("article progress").count(), 3);
  assert.equal(await Ann.state("On their way"), "sent");
  await Ann.page.locator("article").getByRole("button", { name: "Cancel" }).nth(1).click();
  await until("two of them", async () => (await Ann.page.locator("article progress").count()) === 2);
  // By a link of the page: a reload would end them.
  await Ann.page.locator("#rooms li", { hasText: other.title }).locator("a").click();
  await until("the other room", async () => (await Ann.page.locator("main h1").innerText()) === other.title);
  await letGo();
  await drawn(민지, 2);
  await 민지.sees("On their way");
});

test("what cannot be sent is told, removed or tried again", async () => {
  const { Ann, 민지 } = people;
  await choose(Ann, file("notes.pdf", Buffer.from("%PDF-1.7"), "application/pdf"), file("big.gif", Buffer.alloc(1024 * 1024 + 1), "image/gif"), file("fake.png", Buffer.from("<svg onload=alert(1)>")), file("good.png"));
  await ready(Ann, 1);
  const why = (name) => tray(Ann).filter({ hasText: name }).locator(".why");
  await until("the server's word", async () => (await why("fake.png").count()) === 1);
  assert.match(await why("notes.pdf").innerText(), /Only JPEG, PNG, GIF and WebP/);
  assert.match(await why("big.gif").innerText(), /too big/);
  assert.match(await why("fake.png").innerText(), /Only JPEG, PNG, GIF and WebP/);
  assert.equal(await Ann.page.locator("#send").isDisabled(), true);
  await Ann.page.getByText("Remove what cannot be sent, or try it again.").waitFor();
  for (const name of ["notes.pdf", "big.gif", "fake.png"]) await Ann.page.getByRole("button", { name: `Remove ${name}` }).click();
  await send(Ann);
  await drawn(민지, 1);
});

/** A JPEG of a camera that was held upright: 48 megapixels that lie on their side, red above and blue below when they are turned. */
const photo = (page) => page.evaluateHandle(async () => {
  const canvas = new OffscreenCanvas(8000, 6000);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (const [x, colour] of [[0, "#d02020"], [4000, "#2020d0"]]) {
    context.fillStyle = colour;
    context.fillRect(x, 0, 4000, 6000);
  }
  const plain = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
  // Exif: a quarter to the right.
  const exif = [0xff, 0xe1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
  return new File([plain.slice(0, 2), new Uint8Array(exif), plain.slice(2)], "photo.jpg", { type: "image/jpeg" });
});

test("a photo that is larger than the server takes is made smaller on the way, upright, while the page goes on", async () => {
  const { Ann, 민지 } = people;
  const taken = await photo(Ann.page);
  const longest = await Ann.page.evaluate(async (file) => {
    const seen = [];
    const observer = new PerformanceObserver((list) => seen.push(...list.getEntries()));
    observer.observe({ type: "longtask" });
    const data = new DataTransfer();
    data.items.add(file);
    document.querySelector("#message").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    const states = new Set();
    await new Promise((done) => {
      const look = () => {
        const state = document.querySelector(".tray li")?.dataset.state;
        states.add(state);
        if (state === "done" || state === "failed") done();
        else requestAnimationFrame(look);
      };
      look();
    });
    seen.push(...observer.takeRecords());
    return { states: [...states], milliseconds: Math.max(0, ...seen.map(({ duration }) => duration)) };
  }, taken);
  assert.ok(longest.states.includes("preparing"), String(longest.states));
  assert.equal(longest.states.at(-1), "done");
  // To draw it takes half a second; the rest is for machines that do other things meanwhile.
  assert.ok(longest.milliseconds < 250, `the page stood still for ${longest.milliseconds} ms`);
  await send(Ann);
  await drawn(민지, 1);
  const [src] = await pictures(민지).evaluateAll((all) => all.map(({ src }) => src.replace(/\/thumbnail$/, "")));
  const kept = await 민지.page.evaluate(async (src) => {
    const picture = await createImageBitmap(await (await fetch(src)).blob());
    const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    context.drawImage(picture, 0, 0);
    const at = (y) => [...context.getImageData(picture.width / 2, y, 1, 1).data.slice(0, 3)];
    return { width: picture.width, height: picture.height, above: at(100), below: at(picture.height - 100) };
  }, src);
  assert.deepEqual([kept.width, kept.height], [1920, 2560]);
  assert.ok(kept.above[0] > 150 && kept.above[2] < 90, `red above: ${kept.above}`);
  assert.ok(kept.below[2] > 150 && kept.below[0] < 90, `blue below: ${kept.below}`);
});

test("a picture of more bytes than the server takes is made smaller, and seen", async () => {
  const { Ann, 민지 } = people;
  const large = png(800, 600, undefined, true);
  assert.ok(large.length > 1024 * 1024);
  await choose(Ann, file("noise.png", large));
  await ready(Ann, 1);
  await send(Ann);
  await drawn(민지, 1);
});

test("a GIF goes on moving", async () => {
  const { Ann, 민지 } = people;
  await choose(Ann, file("moving.gif", gif(96, [[220, 20, 20], [20, 20, 220], [20, 160, 20]]), "image/gif"));
  await ready(Ann, 1);
  await send(Ann);
  await drawn(민지, 1);
  await Ann.arrived();
  await 민지.page.locator("article .place .gif").waitFor();
  await 민지.page.getByRole("button", { name: "Ann 님이 보낸 사진, GIF" }).tap();
  const whole = 민지.page.locator("dialog img");
  await until("the whole picture", () => whole.evaluate(({ naturalWidth, src }) => naturalWidth === 96 && !src.endsWith("thumbnail")));
  const colours = await whole.evaluate(async ({ src }) => {
    const data = await (await fetch(src)).arrayBuffer();
    const decoder = new ImageDecoder({ data, type: "image/gif" });
    await decoder.tracks.ready;
    const found = [];
    for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex += 1) {
      const { image } = await decoder.decode({ frameIndex });
      const context = new OffscreenCanvas(1, 1).getContext("2d");
      context.drawImage(image, 0, 0, 1, 1);
      const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
      found.push(["red", "green", "blue"][[red, green, blue].indexOf(Math.max(red, green, blue))]);
    }
    return found;
  });
  assert.deepEqual(colours, ["red", "blue", "green"]);
  // It is seen to move: two moments of the same place differ.
  const [first, ...later] = await moments(민지.page, whole);
  assert.ok(later.some((one) => !one.equals(first)), "every moment looks alike");
  await 민지.page.keyboard.press("Escape");
});

/** Pictures of a place, some frames apart, until one differs from the first or enough have been taken. */
async function moments(page, locator) {
  const taken = [await locator.screenshot()];
  while (taken.length < 40 && taken.at(-1).equals(taken[0])) {
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    taken.push(await locator.screenshot());
  }
  return taken;
}

test("an upload that was cut off is tried again, and one that is given up is gone", async () => {
  const { Ann, 민지 } = people;
  const { held, letGo } = await hold(Ann.page);
  await choose(Ann, file("again.png"));
  await until("the first", () => held.length === 1);
  await choose(Ann, file("never.png"));
  await until("both", () => held.length === 2);
  await held.shift().abort();
  await Ann.page.getByRole("button", { name: /Try again.*again\.png/ }).waitFor();
  await Ann.page.getByRole("button", { name: "Remove never.png" }).click();
  await letGo();
  await Ann.page.getByRole("button", { name: /Try again.*again\.png/ }).click();
  await ready(Ann, 1);
  await send(Ann);
  await drawn(민지, 1);
});

test("more pictures than a message has are refused", async () => {
  const { Ann } = people;
  await choose(Ann, ...Array.from({ length: 11 }, (_, n) => file(`p${n}.png`, png(8 + n, 8))));
  await ready(Ann, 10);
  assert.match(await tray(Ann).filter({ hasText: "p10.png" }).innerText(), /do not go into one message/);
  await Ann.page.getByRole("button", { name: "Remove p10.png" }).click();
  await send(Ann);
  await drawn(Ann, 10);
});

test("pictures go with their message, and nobody else sees them", async () => {
  const { Ann, 민지 } = people;
  await choose(Ann, file("secret.png"));
  await ready(Ann, 1);
  await send(Ann);
  await drawn(민지, 1);
  const [src] = await pictures(Ann).evaluateAll((all) => all.map(({ src }) => src));
  assert.equal((await fetch(src)).status === 200, false, "a stranger is shown nothing");
  await Ann.arrived();
  await Ann.page.locator("article").last().focus();
  await Ann.page.keyboard.press("Delete");
  await Ann.page.locator("#confirm-delete").click();
  await 민지.sees("삭제된 메시지입니다.");
  assert.equal(await pictures(민지).count(), 0);
  const status = () => 민지.page.evaluate(async (src) => (await fetch(src, { cache: "no-store" })).status, src);
  await until("it to be gone", async () => (await status()) === 404);
});

test("a reload ends uploads, and says so", async () => {
  const { Ann } = people;
  const { held, letGo } = await hold(Ann.page);
  await choose(Ann, file("lost.png"));
  await until("the upload", () => held.length === 1);
  Ann.page.once("dialog", (dialog) => void dialog.accept());
  await Ann.page.reload();
  await letGo();
  await Ann.entered();
  await Ann.page.getByText(/not sent: the page was loaded again/).waitFor();
  assert.equal(await tray(Ann).count(), 0);
});
