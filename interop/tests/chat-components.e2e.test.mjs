// The components of the chat's page, as the gallery shows them: the windowed conversation, the keyboard,
// fingers, contrasts, axe. No server of ours takes part.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { serveGallery } from "../../apps/chat/web/gallery-server.mjs";
import { launch, openPage } from "./support/browser.mjs";
import { until } from "./support/waiting.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const source = new URL("../../apps/chat/web/src/design/gallery/scenes.ts", import.meta.url);
const scenes = [...(await readFile(source, "utf8")).matchAll(/^ {2}"([\w-]+)",$/gm)].map((match) => match[1]);

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const VARIANTS = {
  "light, desktop, English": {},
  "dark, phone, Korean": { ...PHONE, locale: "ko-KR", colorScheme: "dark" },
  "more contrast, phone, English": { ...PHONE, contrast: "more" },
  "more contrast, dark, desktop, Korean": { locale: "ko-KR", colorScheme: "dark", contrast: "more" },
};

let browser;
let gallery;
before(async () => {
  [browser, gallery] = await Promise.all([launch(), serveGallery()]);
});
after(async () => {
  await browser?.close();
  await gallery?.close();
});

/** A page of the gallery; the test fails if it had a problem. */
async function open(t, scene, options = {}, query = "") {
  const page = await openPage(browser, { reducedMotion: "reduce", ...options });
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.problems, []);
  });
  await show(page, scene, query);
  return page;
}

async function show(page, scene, query = "") {
  await page.goto(`${gallery.address}?scene=${scene}${query}`);
  await page.locator("#app > *").first().waitFor();
  await drawn(page);
}

/** Until whatever was to be drawn is. */
const drawn = (page) => page.evaluate(async () => {
  for (let n = 0; n < 4; n += 1) await new Promise(requestAnimationFrame);
});

/** What the conversation shows of its lines: where each begins, and where all of them end. */
const seen = (page) => page.evaluate(() => {
  const log = document.querySelector("#messages");
  const edge = log.getBoundingClientRect().top;
  const lines = [...log.querySelectorAll("[data-line]")].map((line) => {
    const { top, bottom } = line.getBoundingClientRect();
    return { key: line.dataset.line, top: top - edge, bottom: bottom - edge };
  });
  return { lines, height: log.clientHeight, distance: log.scrollHeight - log.scrollTop - log.clientHeight };
});

const focused = (page) => page.evaluate(() => {
  const { tagName, id, className, innerText, dataset } = document.activeElement;
  return { tagName, id, className: String(className), text: innerText?.trim(), line: dataset.line };
});

describe("the conversation", () => {
  test("keeps up with a flood, and has few elements however long it is", async (t) => {
    const page = await open(t, "flood", {}, "&rate=200&seconds=4");
    const flooded = await until("the flood's end", () => page.evaluate(() => window.flooded));
    assert.equal(flooded.messages, 800);
    assert.ok(flooded.elements > 10 && flooded.elements < 150, `${flooded.elements} elements`);
    const { lines, distance } = await seen(page);
    assert.equal(lines.at(-1).key, "m800");
    assert.ok(distance < 1, `${distance} pixels from the end`);
  });

  test("does not move what somebody reads further up while a flood comes in", async (t) => {
    const page = await open(t, "flood", {}, "&rate=200&seconds=4&reading");
    const flooded = await until("the flood's end", () => page.evaluate(() => window.flooded));
    assert.ok(flooded.reads >= 30, `looked ${flooded.reads} times`);
    assert.ok(flooded.movedMax < 1, `moved by ${flooded.movedMax} pixels`);
    assert.ok((await seen(page)).distance > 1000);
    await page.getByRole("button", { name: /new messages/ }).click();
    await until("the end", async () => (await seen(page)).distance < 1);
    assert.equal((await seen(page)).lines.at(-1).key, `m${flooded.messages}`);
  });

  // Heights are guessed before a line is drawn: a wrong guess may move the scroll bar, but nothing in sight.
  test("moves as far as it is scrolled, to its beginning and back", async (t) => {
    const page = await open(t, "scrolled");
    await page.locator("#messages").focus();
    await page.keyboard.press("End");
    await until("the end", async () => (await seen(page)).distance < 1);
    await page.locator("#messages").hover();
    const met = new Set();
    for (const [step, isThere] of [
      [-300, ({ lines }) => lines[0].top >= 0],
      [300, ({ distance }) => distance < 1],
    ]) {
      let before = await seen(page);
      for (let n = 0; n < 200 && !isThere(before); n += 1) {
        await page.mouse.wheel(0, step);
        const now = await until("the scrolling", async () => {
          await drawn(page);
          const now = await seen(page);
          return JSON.stringify(now) === JSON.stringify(before) ? undefined : now;
        });
        const inSight = now.lines.filter(({ top, bottom }) => top < now.height && bottom > 0);
        assert.ok(inSight.length > 0, "something is in sight");
        assert.ok(inSight[0].top <= 16 || inSight[0].key === "m1" || now.lines[0].key === inSight[0].key);
        for (const { key, top } of inSight) {
          met.add(key);
          const was = before.lines.find((line) => line.key === key);
          const isAtBound = isThere(now);
          if (was && !isAtBound) assert.ok(Math.abs(top - was.top + step) < 1.5, `${key} moved by ${top - was.top} and not by ${-step}`);
        }
        before = now;
      }
      assert.ok(isThere(before), "the scrolling has an end");
    }
    assert.ok(met.size >= 400, `${met.size} lines were seen`);
  });

  test("Home and End lead to its beginning and its end", async (t) => {
    const page = await open(t, "scrolled");
    await page.locator("#messages").focus();
    await page.keyboard.press("Home");
    await until("the beginning", async () => {
      const { lines } = await seen(page);
      return lines[0].top >= 0 && (await page.locator("#messages").evaluate((log) => log.scrollTop)) === 0;
    });
    const first = (await seen(page)).lines[0].key;
    await page.keyboard.press("End");
    await until("the end", async () => (await seen(page)).distance < 1);
    assert.notEqual((await seen(page)).lines[0].key, first);
    assert.equal((await seen(page)).lines.at(-1).key, "new3");
  });

  test("counts what is new for somebody further up, and tells it once", async (t) => {
    const page = await open(t, "scrolled");
    const pill = page.getByRole("button", { name: "3 new messages" });
    await pill.waitFor();
    assert.equal(await page.locator("#messages").getAttribute("aria-live"), "off");
    await pill.click();
    await pill.waitFor({ state: "detached" });
    await until("the end", async () => (await seen(page)).distance < 1);
    await until("announcements", async () => (await page.locator("#messages").getAttribute("aria-live")) === "polite");
  });

  test("stays where it is read when its width changes, and at its end when its height does", async (t) => {
    const page = await open(t, "scrolled");
    await page.getByRole("button", { name: "3 new messages" }).waitFor();
    const before = await seen(page);
    const { key, top } = before.lines.find((line) => line.bottom > 0);
    await page.setViewportSize({ width: 700, height: 800 });
    await until("the narrow page", async () => {
      const line = (await seen(page)).lines.find((one) => one.key === key);
      return line && Math.abs(line.top - top) < 1.5;
    });
    await page.locator("#messages").focus();
    await page.keyboard.press("End");
    await until("the end", async () => (await seen(page)).distance < 1);
    for (const height of [500, 900]) {
      await page.setViewportSize({ width: 700, height });
      await until(`the end at ${height}`, async () => {
        const now = await seen(page);
        return now.height < height && now.height > height - 250 && now.distance < 1;
      });
    }
  });

  test("stays where it is read when history comes before it, and when what is read first goes", async (t) => {
    const page = await open(t, "scrolled");
    await page.getByRole("button", { name: "3 new messages" }).waitFor();
    const inSight = async () => (await seen(page)).lines.filter(({ bottom }) => bottom > 0);
    const [first, second] = await inSight();
    await page.evaluate(() => window.change((rows) => [
      ...Array.from({ length: 50 }, (_, n) => ({ ...rows[0], key: `h${n}`, text: "history ".repeat(n), at: rows[0].at - 1000 })),
      ...rows,
    ]));
    await drawn(page);
    assert.ok(Math.abs((await inSight())[0].top - first.top) < 1.5);
    await page.evaluate((key) => window.change((rows) => rows.filter((row) => row.key !== key)), first.key);
    await until("its going", async () => !(await seen(page)).lines.some(({ key }) => key === first.key));
    const stays = (await seen(page)).lines.find(({ key }) => key === second.key);
    // The one before it may show its name or its time now, and so may the second; where it ends is where it ended.
    assert.ok(Math.abs(stays.bottom - second.bottom) < 1.5, `${second.bottom} became ${stays.bottom}`);
  });

  test("reads aloud what is said, and not a history", async (t) => {
    const page = await open(t, "empty");
    const live = () => page.locator("#messages").getAttribute("aria-live");
    assert.equal(await live(), "polite");
    await page.evaluate(() => {
      window.lives = [];
      const log = document.querySelector("#messages");
      const observer = new MutationObserver((all) => {
        if (all.some(({ addedNodes }) => [...addedNodes].some((node) => node.nodeType === 1))) window.lives.push(log.ariaLive);
      });
      observer.observe(log, { subtree: true, childList: true });
    });
    const say = (from, to) => page.evaluate(([from, to]) => window.change((rows) => [
      ...rows,
      ...Array.from({ length: to - from }, (_, n) => ({
        kind: "message", key: `k${from + n}`, id: from + n, person: "a", name: "a", text: "hello", at: Date.now(), isOwn: false, state: "stored",
      })),
    ]), [from, to]);
    await say(1, 41);
    await page.locator("[data-line=k40]").waitFor();
    await until("announcements", async () => (await live()) === "polite");
    await say(41, 42);
    await page.locator("[data-line=k41]").waitFor();
    const lives = await page.evaluate(() => window.lives);
    assert.equal(lives[0], "off");
    assert.equal(lives.at(-1), "polite");
  });

  test("keeps the focus when what has it is not drawn any more", async (t) => {
    const page = await open(t, "flood", {}, "&rate=200&seconds=4");
    // In one go, because it is gone soon. A link that is scrolled to would be read further up.
    await until("a link's focus", () => page.evaluate(() => {
      const link = [...document.querySelectorAll("#messages a")].at(-1);
      link?.focus({ preventScroll: true });
      return link !== undefined && link === document.activeElement;
    }));
    await until("the flood's end", () => page.evaluate(() => window.flooded));
    assert.equal((await focused(page)).id, "messages");
  });

  test("breaks each language where it breaks, and addresses where they part", async (t) => {
    const page = await open(t, "room");
    const broken = (text) => page.locator("#messages .text").filter({ hasText: text }).evaluate((node) => getComputedStyle(node).wordBreak);
    assert.equal(await broken("English words and"), "keep-all");
    assert.equal(await broken("Then let us move"), "normal");
    await show(page, "room", "&lang=ko");
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).wordBreak), "keep-all");
    assert.equal(await broken("日本語の"), "normal");
    assert.equal(await broken("그럼 워크숍을"), "keep-all");
    const clipped = page.locator("#messages .text").filter({ hasText: "Donaudampf" });
    assert.equal(await clipped.evaluate((node) => getComputedStyle(node).overflowY), "clip");
    await page.locator("#messages").focus();
    await page.keyboard.press("Home");
    const links = page.locator("#messages a");
    await until("the links", async () => (await links.count()) >= 2);
    assert.ok((await links.first().locator("wbr").count()) > 5);
    assert.equal(await page.locator('#messages a[href="https://www.example.com/plan"]').innerText(), "www.example.com/plan");
  });
});

describe("the list of rooms", () => {
  for (const [device, options] of [["desktop", {}], ["phone", PHONE]]) {
    test(`has its times on one line with the titles, and room for what was said: ${device}`, async (t) => {
      const page = await open(t, "list", options);
      const rooms = await page.evaluate(() => [...document.querySelectorAll(".room")].map((room) => {
        const of = (part) => room.querySelector(part)?.getBoundingClientRect();
        const said = room.querySelector(".said");
        return {
          time: of("time") && of("time").bottom - of(".title").bottom,
          row: room.getBoundingClientRect().height,
          author: of(".author")?.width ?? 0,
          said: of(".said").width,
          line: of(".last").width,
          direction: getComputedStyle(said).direction,
          isArabic: /\p{Script=Arabic}/u.test(said.textContent),
        };
      }));
      assert.ok(rooms.length >= 8);
      assert.equal(new Set(rooms.map(({ row }) => row)).size, 1, "one height");
      const times = rooms.flatMap(({ time }) => (time === undefined ? [] : [Math.round(time)]));
      assert.ok(times.length >= 6);
      assert.equal(new Set(times).size, 1, `${times}`);
      for (const { author, said, line, direction, isArabic } of rooms) {
        assert.ok(author <= 0.4 * line + 1, `${author} of ${line}`);
        assert.ok(said > 0.4 * line || author + said < line - 8, `${said} of ${line}`);
        assert.equal(direction, isArabic ? "rtl" : "ltr");
      }
    });
  }
});

describe("by keyboard", () => {
  test("a dialog keeps the focus, and gives it back", async (t) => {
    const page = await open(t, "room");
    const opener = page.getByRole("button", { name: "New room" });
    await opener.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "New room" });
    await dialog.waitFor();
    assert.equal((await focused(page)).text, "New room");
    for (let n = 0; n < 12; n += 1) {
      await page.keyboard.press("Tab");
      // After the last of them comes the browser itself, which is the body here.
      const isInside = await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("dialog") !== null);
      assert.ok(isInside, `outside after ${n + 1}: ${JSON.stringify(await focused(page))}`);
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    assert.ok(await opener.evaluate((node) => node === document.activeElement));
    // And once more: nothing of the first time is left over.
    await page.keyboard.press("Enter");
    await dialog.waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.waitFor({ state: "hidden" });
    assert.ok(await opener.evaluate((node) => node === document.activeElement));
  });

  test("a menu is walked through, and gives the focus back", async (t) => {
    const page = await open(t, "room");
    const button = page.locator("main").getByRole("button", { name: "More" });
    await button.focus();
    await page.keyboard.press("ArrowDown");
    const menu = page.getByRole("menu");
    await menu.waitFor();
    const at = async () => (await focused(page)).text;
    assert.equal(await at(), "Invite people");
    await page.keyboard.press("ArrowDown");
    assert.equal(await at(), "Pin");
    // What cannot be chosen is passed over, and the end leads to the beginning.
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    assert.equal(await at(), "Leave the room");
    await page.keyboard.press("ArrowDown");
    assert.equal(await at(), "Invite people");
    await page.keyboard.press("ArrowUp");
    assert.equal(await at(), "Leave the room");
    await page.keyboard.press("Home");
    assert.equal(await at(), "Invite people");
    await page.keyboard.press("End");
    assert.equal(await at(), "Leave the room");
    await page.keyboard.press("s");
    assert.equal(await at(), "Silence");
    await page.keyboard.press("Escape");
    await menu.waitFor({ state: "detached" });
    assert.ok(await button.evaluate((node) => node === document.activeElement));
    assert.equal(await page.getByRole("menuitemcheckbox").count(), 0);

    await button.click();
    await menu.waitFor();
    await page.mouse.click(600, 400);
    await menu.waitFor({ state: "detached" });

    // What an item opens gives the focus back to the menu's button.
    await button.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Invite people" }).waitFor();
    await page.keyboard.press("Escape");
    await until("the button's focus", () => button.evaluate((node) => node === document.activeElement));
  });

  test("a menu in a dialog is closed by itself, and the dialog stays", async (t) => {
    const page = await open(t, "people");
    const dialog = page.getByRole("dialog", { name: "In this room" });
    await dialog.getByRole("button", { name: "What to do with Minji Kim" }).click();
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "detached" });
    assert.ok(await dialog.isVisible());
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  });

  test("a ring shows where it is, and not around what was clicked into", async (t) => {
    const page = await open(t, "room");
    const field = page.getByRole("textbox", { name: "Message" });
    const ring = () => field.evaluate((node) => getComputedStyle(node).outlineStyle);
    // It has the focus from the beginning.
    await until("the focus", () => field.evaluate((node) => node === document.activeElement));
    assert.equal(await ring(), "none");
    await field.pressSequentially("Shall we?");
    assert.equal(await ring(), "none");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab");
    assert.equal(await ring(), "solid");
    await field.click();
    assert.equal(await ring(), "none");
  });

  test("the composer sends by Enter, and never while a syllable is composed", async (t) => {
    const page = await open(t, "empty");
    const field = page.getByRole("textbox", { name: "Message" });
    const send = page.getByRole("button", { name: "Send" });
    assert.equal(await send.count(), 0, "nothing to send, no button");
    await field.pressSequentially("안녕");
    await send.waitFor();
    for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
      const isTaken = await field.evaluate(
        (node, init) => !node.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init })),
        init,
      );
      assert.equal(isTaken, false, JSON.stringify(init));
    }
    assert.equal(await field.inputValue(), "안녕");
    await page.keyboard.press("Shift+Enter");
    await field.pressSequentially("하세요");
    await page.keyboard.press("Enter");
    await page.locator("#messages .text").filter({ hasText: "하세요" }).waitFor();
    assert.equal(await page.locator("#messages .text").innerText(), "안녕\n하세요");
    assert.equal(await field.inputValue(), "");
    assert.equal(await send.count(), 0);
    assert.ok(await field.evaluate((node) => node === document.activeElement));
  });
});

describe("on a phone", () => {
  test("one pane is shown, the other one is out of reach, and the focus goes along", async (t) => {
    // With the slide: what comes has to be there for the focus from its beginning on.
    const page = await open(t, "room", { ...PHONE, reducedMotion: "no-preference" });
    const back = page.getByRole("button", { name: "All rooms" });
    assert.equal(await page.getByRole("link", { name: /Lobby/ }).count(), 0);
    await back.tap();
    const current = page.getByRole("link", { name: /Autumn fair/ });
    await current.waitFor();
    assert.ok(await current.evaluate((node) => node === document.activeElement));
    await page.getByRole("textbox", { name: "Message" }).waitFor({ state: "hidden" });
    await current.tap();
    await until("the heading's focus", async () => (await focused(page)).text === "Autumn fair" && (await focused(page)).tagName === "H1");
  });

  test("the keyboard does not come up by itself", async (t) => {
    const page = await open(t, "room", PHONE);
    assert.notEqual((await focused(page)).tagName, "TEXTAREA");
    await page.getByRole("textbox", { name: "Message" }).tap();
    assert.equal((await focused(page)).tagName, "TEXTAREA");
  });

  test("whatever is to be hit is 44 pixels high and wide", async (t) => {
    const page = await open(t, "room", PHONE);
    for (const scene of scenes) {
      await show(page, scene);
      const small = await page.evaluate(() => {
        const targets = document.querySelectorAll("#app :is(button, a, input, textarea, [role=menuitem])");
        return [...targets].flatMap((target) => {
          // A link in a text is as high as the text; what lies in a label is hit by the label.
          if (target.matches(".text a, nav[aria-label=Scenes] a")) return [];
          const area = target.closest("label") ?? (target.matches("[role=switch]") ? target.parentElement : target);
          let { width, height } = area.getBoundingClientRect();
          // What is small to see has something around it that is hit.
          const around = getComputedStyle(target, "::after");
          if (around.content !== "none" && around.position === "absolute") {
            width = Math.max(width, parseFloat(around.width));
            height = Math.max(height, parseFloat(around.height));
          }
          if (!target.checkVisibility({ visibilityProperty: true }) || width === 0) return [];
          return width >= 44 && height >= 44 ? [] : [`${target.outerHTML.slice(0, 120)}: ${width} × ${height}`];
        });
      });
      assert.deepEqual(small, [], scene);
    }
  });
});

describe("to be seen", () => {
  for (const [variant, options] of Object.entries(VARIANTS)) {
    test(`axe finds nothing serious: ${variant}`, async (t) => {
      const page = await open(t, "components", options);
      for (const scene of scenes) {
        await show(page, scene);
        await page.evaluate(axe);
        const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
        assert.ok(passes.length > 10, "axe has looked");
        const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
        assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [], scene);
      }
    });

    // WCAG 1.4.11, which axe does not look at.
    test(`borders of fields stand out by 3 to 1: ${variant}`, async (t) => {
      const page = await open(t, "components", options);
      const ratios = await page.evaluate(() => {
        const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
        const luminance = (colour) => {
          canvas.clearRect(0, 0, 1, 1);
          canvas.fillStyle = colour;
          canvas.fillRect(0, 0, 1, 1);
          const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const contrast = (one, other) => {
          const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
          return (light + 0.05) / (dark + 0.05);
        };
        const behind = (node) => {
          for (let at = node.parentElement; at; at = at.parentElement) {
            const { backgroundColor } = getComputedStyle(at);
            if (!/^rgba\(.*, 0\)$/.test(backgroundColor)) return backgroundColor;
          }
          throw new Error("the page has no colour");
        };
        return [...document.querySelectorAll("input:not([type=radio]), textarea, label:has([type=radio])")].flatMap((field) => {
          const { borderTopColor, backgroundColor } = getComputedStyle(field);
          const inside = /^rgba\(.*, 0\)$/.test(backgroundColor) ? behind(field) : backgroundColor;
          // What is on or chosen shows it by its whole area.
          const ratio = Math.max(contrast(borderTopColor, behind(field)), contrast(inside, behind(field)));
          return [{ field: field.outerHTML.slice(0, 80), ratio }];
        });
      });
      assert.ok(ratios.length >= 12, `${ratios.length} fields`);
      assert.deepEqual(ratios.filter(({ ratio }) => ratio < 3), []);
    });
  }

  test("whose words are whose is seen where the system has its own colours", async (t) => {
    const page = await open(t, "room", { forcedColors: "active" });
    const borders = await page.evaluate(() => ["own", "message:not(.own)"].map((kind) => {
      const { borderTopWidth, borderTopColor, borderTopStyle } = getComputedStyle(document.querySelector(`.${kind}:not(.bare) .text`));
      return `${borderTopWidth} ${borderTopStyle} ${borderTopColor}`;
    }));
    assert.equal(new Set(borders).size, 2, borders.join(" = "));
    for (const border of borders) assert.match(border, /solid/);
  });

  test("the gallery can show each theme by itself", async (t) => {
    const page = await open(t, "room", { colorScheme: "light" }, "&theme=dark");
    const colour = () => page.evaluate(() => getComputedStyle(document.querySelector("header")).backgroundColor);
    const dark = await colour();
    await show(page, "room", "&theme=light");
    const light = await colour();
    assert.notEqual(dark, light);
    const emulated = await open(t, "room", { colorScheme: "dark" });
    assert.equal(await emulated.evaluate(() => getComputedStyle(document.querySelector("header")).backgroundColor), dark);
    await show(page, "room", "&theme=contrast");
    const line = await page.evaluate(() => getComputedStyle(document.querySelector("header")).borderBottomColor);
    const contrast = await open(t, "room", { contrast: "more" });
    assert.equal(await contrast.evaluate(() => getComputedStyle(document.querySelector("header")).borderBottomColor), line);
  });
});
