// Axe on every state of messages, reading and pictures in Chromium.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { Chat, DESKTOP, PHONE } from "./support/chat.mjs";
import { fullDisk, messageStates, prepare } from "./support/message-states.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** The colours in all schemes; in the first one axe looks at everything. */
const SCHEMES = [
  { colorScheme: "light", contrast: "no-preference" },
  { colorScheme: "dark", contrast: "no-preference" },
  { colorScheme: "light", contrast: "more" },
  { colorScheme: "dark", contrast: "more" },
];

let browser;
let disk;
before(async () => {
  [browser, disk] = await Promise.all([launch(), fullDisk("Mina")]);
});
after(async () => {
  await browser?.close();
  await disk?.stop();
});

describe("axe finds nothing serious in any state of messages, reading and pictures", () => {
  for (const [name, options, language] of [
    ["phone, English", PHONE, "en"],
    ["desktop, Korean", { ...DESKTOP, locale: "ko-KR" }, "ko"],
  ]) {
    test(name, async (t) => {
      const chat = await Chat.start("--messages-per-second", "0");
      t.after(() => chat.stop());
      await chat.setUp("Mina");
      const people = [{ cookie: chat.owner, line: chat.ownerLine }];
      people[0].person = (await fetch(`${chat.url}/api/me`, { headers: { cookie: chat.owner } }).then((response) => response.json())).me.person;
      for (const other of ["Joon", "하늘"]) {
        const member = await chat.member(other);
        people.push({ ...member, line: await chat.line(member.cookie) });
      }
      const states = messageStates(chat, await prepare(chat, people, language));
      const open = async (server) => {
        const page = await server.page(browser, server.owner, { reducedMotion: "reduce", ...options });
        t.after(() => page.context().close());
        return page;
      };
      const pages = { disk: await open(disk), chat: await open(chat) };
      for (const [state, { who = "chat", go, after }] of Object.entries(states)) {
        const page = pages[who];
        await page.emulateMedia(SCHEMES[0]);
        await go(page, disk);
        for (const [n, scheme] of SCHEMES.entries()) {
          if (n > 0) await page.emulateMedia(scheme);
          await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
          if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
          const { violations, passes, incomplete } = await page.evaluate((isFirst) =>
            globalThis.axe.run(document, isFirst ? {} : { runOnly: ["color-contrast"] }), n === 0);
          // What lies on a picture it leaves to those who look.
          assert.ok(passes.length + incomplete.length >= 1, `axe has looked at ${state}`);
          const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
          assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html, any }) => [html.slice(0, 200), any[0]?.message])]), [],
            `${state}, ${JSON.stringify(scheme)}`);
        }
        await after?.(page);
        assert.deepEqual(page.problems, [], state);
      }
    });
  }
});
