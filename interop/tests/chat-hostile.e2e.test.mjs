// Hostile text in Chromium: as names, titles, descriptions, messages and pictures of people. None of it becomes markup, none
// of it runs, and it stays where it belongs. Violations of the content security policy, dialogs, errors and requests to
// elsewhere are watched.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { Chat, PASSWORD, Person, PHONE } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

/** Each of these would set `document.title`, open a dialog, or ask another host, if anything took it for more than text. */
const MARKUP = [
  "<script>document.title='broken'</script>",
  "<img src=x onerror=\"document.title='broken'\">",
  "<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x></svg>",
  "<iframe srcdoc='<script>parent.document.title=\"broken\"</script>'></iframe>",
  "<a href=\"javascript:alert(1)\">press me</a>",
  "\"><input autofocus onfocus=alert(1)>",
  "'-alert(1)-'",
  "</title><script>alert(1)</script>",
  "</script><script>alert(1)</script><!--",
  "<style>*{display:none!important}</style>",
  "<link rel=stylesheet href=//evil.example/x.css>",
  "<meta http-equiv=refresh content=0;url=//evil.example>",
  "<base href=//evil.example/>",
  "<form action=//evil.example><button>Log in</button></form>",
  "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
  "{{constructor.constructor('alert(1)')()}}",
  "${alert(1)}",
  "{@html '<img src=x onerror=alert(1)>'}",
  "{#if true}<b>x</b>{/if}",
  "<%= 7*7 %>",
  "javascript:alert(1)",
  "JaVaScRiPt:alert(document.cookie)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:msgbox(1)",
  "&lt;b&gt;&#60;script&#62;alert(1)&#60;/script&#62;",
  "<!--boot--><script>window.boot={}</script>",
  "__proto__",
  "constructor",
  "toString",
  "[object Object]",
  "$& $1 $` $'",
  "{name} {count}",
  "%s %d %n",
  "<b>bold</b> _and_ **so on**",
  "../../../../etc/passwd",
  "';drop table messages;--",
];
/** What deforms pages. */
const SHAPES = [
  "\u202Egnp.exe \u2066abc\u2069 \u200Fabc",
  "https://example.com/\u202Egnp.exe",
  "http://paypal.com@evil.example/ http://раураl.com/",
  `Z${"\u0336\u0353\u0489\u0300\u0301\u0302".repeat(12)}a${"\u0311\u0352\u035B".repeat(20)}lgo`,
  "W".repeat(600),
  "가".repeat(400),
  "\u0E47".repeat(60),
  `https://example.com/${"a".repeat(800)}`,
  `x${"\n".repeat(200)}y`,
  "مرحبا بالعالم, hello, שלום",
  "🏴‍☠️👨‍👩‍👧‍👦🧑🏽‍🚀".repeat(20),
  "\uFDFD".repeat(30),
  "\t\t\ttabs and     spaces",
];
const WAYS_OUT = /evil\.example|example\.com|paypal/;

let browser;
let chat;
before(async () => {
  browser = await launch();
  chat = await Chat.start("--messages-per-second", "0");
  await chat.setUp();
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});

/** A page that notes whatever hostile text could have brought about. */
async function watched(t, cookie, options = {}) {
  const page = await openPage(browser, options);
  const seen = [];
  t.after(async () => {
    await page.context().close();
    assert.deepEqual([...seen, ...page.problems], []);
  });
  page.on("dialog", (dialog) => {
    seen.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (/Content Security Policy|violates/i.test(message.text())) seen.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(chat.url) && !request.url().startsWith("data:")) seen.push(`request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      globalThis.violations.push(`${violatedDirective} ${blockedURI}`));
  });
  if (cookie) await chat.logIn(page, cookie);
  page.isUnharmed = async () => {
    assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
    assert.notEqual(await page.title(), "broken");
    const odd = await page.evaluate(() => {
      const elements = [...document.querySelectorAll("#app *")];
      const isOdd = (element) =>
        ["script", "style", "iframe", "object", "embed", "form[action]", "base", "meta", "link", "math", "b"].some((name) => element.matches(name))
        || [...element.attributes].some(({ name }) => name.startsWith("on"))
        || (element.matches("img") && !element.src.startsWith("data:image/svg+xml"))
        || (element.matches("a") && !/^(https?:|\/)/.test(element.getAttribute("href")));
      return elements.filter(isOdd).map(({ outerHTML }) => outerHTML.slice(0, 120));
    });
    assert.deepEqual(odd, []);
  };
  page.fits = async () => {
    const { width, wide } = await page.evaluate(() => ({
      width: innerWidth,
      // What is clipped where it stands is where it belongs.
      wide: document.documentElement.scrollWidth,
    }));
    assert.ok(wide <= width, `${wide} pixels wide on ${width}`);
  };
  return page;
}

/** A text without what Markdown may take for a mark. */
const plain = (text) => text.replace(/[*_~`]/g, "").trim();

/** As much of it as a name may have; without what no name may have. */
const short = (text, length) => [...text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "").trim()].slice(0, length).join("").trim();

describe("hostile text", () => {
  for (const [where, options] of [["desktop", {}], ["phone", { ...PHONE, locale: "ko-KR", colorScheme: "dark" }]]) {
    test(`is text in messages, and stays in its bubble, on a ${where}`, async (t) => {
      const room = await chat.makeRoom(`messages ${where}`);
      await chat.ownerLine.ask("open", { room: room.id });
      const reader = new Person(await watched(t, (await chat.guest(`Reader ${where}`)).cookie, options));
      await reader.enter(chat.room(room.id));
      for (const text of [...MARKUP, ...SHAPES]) {
        await chat.ownerLine.say(room.id, text);
        const last = reader.page.locator("#messages .message").last();
        // As it was said: nothing was left out but marks of Markdown, nothing taken for markup.
        await until(JSON.stringify(text.slice(0, 60)), async () =>
          plain(await last.locator(".text").evaluate((element) => element.textContent)) === plain(text));
        const { over, links } = await last.evaluate((message) => {
          const log = document.querySelector("#messages").getBoundingClientRect();
          const bubble = message.querySelector(".text").getBoundingClientRect();
          return {
            over: Math.max(0, bubble.right - log.right, log.left - bubble.left),
            links: [...message.querySelectorAll("a")].map(({ href, rel, target }) => ({ href, rel, target })),
          };
        });
        assert.equal(over, 0, `${JSON.stringify(text.slice(0, 60))} leaves the conversation`);
        for (const { href, rel, target } of links) {
          assert.match(href, /^https?:\/\//);
          assert.match(rel, /noopener/);
          assert.equal(target, "_blank");
          assert.ok(!/\u202E|@evil|xn--|раураl/.test(decodeURI(href)), `${href} is not what it seems`);
        }
      }
      await reader.page.isUnharmed();
      await reader.page.fits();
      // The same once more, all at once from the history; and in the list.
      await reader.page.reload();
      await reader.entered();
      await reader.page.isUnharmed();
      await reader.page.goto(chat.url);
      await reader.page.locator("#rooms a").first().waitFor();
      await reader.page.isUnharmed();
      await reader.page.fits();
    });
  }

  test("is text in titles and descriptions of rooms, and in the page's title", async (t) => {
    const page = await watched(t, (await chat.member("Visitor")).cookie);
    const phone = await watched(t, (await chat.guest("Phone")).cookie, PHONE);
    let made = 0;
    for (const text of [...MARKUP, ...SHAPES]) {
      const title = short(text, 44);
      const room = await chat.makeRoom(`${title} ${made}`.trim(), { description: text.replaceAll("\n", " ").slice(0, 200) })
        .catch((error) => (/^(room|name|description)_/.test(error.code) ? undefined : Promise.reject(error)));
      if (!room) continue;
      made += 1;
      // Every fifth of them is entered, the others are seen in the list.
      if (made % 5 !== 0) continue;
      await page.goto(chat.room(room.id));
      await page.locator("#message").waitFor();
      assert.equal(await page.locator("main h1").innerText(), room.title);
      assert.ok((await page.title()).startsWith(room.title));
      await page.isUnharmed();
      await page.fits();
    }
    assert.ok(made > 35, `${made} of them are titles`);
    for (const one of [page, phone]) {
      await one.goto(chat.url);
      await until("the list", async () => (await one.locator("#rooms li").count()) > 30);
      await one.isUnharmed();
      await one.fits();
    }
  });

  test("is text as people's names: in bubbles, the list of people, lines of coming, invitations, administration", async (t) => {
    const room = await chat.makeRoom("names");
    const page = await watched(t, chat.owner);
    const phone = await watched(t, (await chat.guest("Watching")).cookie, { ...PHONE, locale: "ko-KR" });
    await page.goto(chat.room(room.id));
    await page.locator("#message").waitFor();
    await phone.goto(chat.room(room.id));
    await phone.locator("#message").waitFor();
    const names = [];
    for (const text of [...MARKUP, ...SHAPES]) {
      const name = short(text, 32);
      const guest = await chat.guest(name).catch((error) => (/name_/.test(error.message) ? undefined : Promise.reject(error)));
      if (!guest) continue;
      names.push(guest.person.name);
      const line = await chat.line(guest.cookie);
      await line.ask("open", { room: room.id });
      await line.say(room.id, `I am number ${names.length}`);
      line.leave();
    }
    assert.ok(names.length > 30, `${names.length} of them are names`);
    for (const one of [page, phone]) {
      await until("all of them", async () => (await one.locator("#messages").innerText()).includes(`I am number ${names.length}`));
      await one.isUnharmed();
      await one.fits();
    }
    await page.locator("#people").click();
    await until("people", async () => (await page.locator("#members li").count()) >= 2);
    await page.isUnharmed();
    await page.goto(`${chat.url}/admin#people`);
    await until("the table", async () => (await page.locator("#panel").innerText()).includes(names[0]));
    await page.isUnharmed();
    await page.fits();

    // Whoever invites has such a name, and so has the room; the audit log has it, too.
    const evil = await chat.member("<img src=x onerror=alert(9)>", "moderator");
    const trap = await chat.makeRoom("<svg onload=alert(8)>", { kind: "invited" }, await chat.line(evil.cookie));
    const { code } = (await chat.post("/api/invitations", { role: "member", room: trap.id }, evil.cookie)).body;
    const stranger = await watched(t, undefined, PHONE);
    await stranger.goto(`${chat.url}/invite#${code}`);
    await stranger.locator("#sign-up").waitFor();
    assert.match(await stranger.locator("#door").innerText(), /<img src=x onerror=alert\(9\)> invites you into the room “<svg onload=alert\(8\)>”/);
    await stranger.isUnharmed();
    await stranger.locator("#name").fill("<script>alert(7)</script>");
    await stranger.locator("#password").fill(PASSWORD);
    await stranger.locator("#sign-up").click();
    await stranger.locator("#message").waitFor();
    await stranger.isUnharmed();
    for (const area of ["invitations", "rooms", "audit"]) {
      await page.goto(`${chat.url}/admin#${area}`);
      await page.locator("#panel td, #panel p").first().waitFor();
      await page.isUnharmed();
      await page.fits();
    }
  });

  test("is refused as a picture, and in addresses leads nowhere", async (t) => {
    const { cookie } = await chat.member("Painter");
    for (const picture of ["<b>", "javascript:", "😀<i>", "\u202E", "a", "😀😀"]) {
      const response = await fetch(`${chat.url}/api/profile`, {
        method: "PUT", headers: { cookie, "content-type": "application/json" }, body: JSON.stringify({ picture }),
      });
      assert.ok(response.status >= 400 && response.status < 500, `${picture}: ${response.status}`);
    }
    const page = await watched(t, cookie);
    for (const text of MARKUP.slice(0, 8)) {
      for (const address of [`/room/${encodeURIComponent(text)}`, `/invite#${encodeURIComponent(text)}`, `/reset#${text}`]) {
        await page.goto(chat.url + address);
        await page.locator("h1, h2").first().waitFor();
        await page.isUnharmed();
      }
    }
    assert.ok(!WAYS_OUT.test(page.url()));
  });
});
