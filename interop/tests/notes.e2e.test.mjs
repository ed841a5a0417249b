// The programs and pages of the notes (examples/notes*), in Chromium: with our script, with
// socket.io-client 4.8 and with 2.5, and the pages that only know 2.x.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { io as io4 } from "socket.io-client";
import io2 from "socket.io-client-2";
import { launch, openPage } from "./support/browser.mjs";
import { NetworkLog } from "./support/network.mjs";
import { Program } from "./support/program.mjs";
import { event, until } from "./support/waiting.mjs";

const { resolve } = createRequire(import.meta.url);
/** A file of a package, which may not export it. */
const file = (packed, name) => path.join(path.dirname(resolve(`${packed}/package.json`)), name);
const SCRIPTS = [
  ["ours", null],
  ["4.8", file("socket.io-client", "dist/socket.io.js")],
  ["2.5", file("socket.io-client-2", "dist/socket.io.js")],
];
const JQUERY = file("jquery", "dist/jquery.min.js");

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** One of the notes' programs, for the tests of one suite. */
function program(name) {
  const started = {};
  before(async () => {
    started.server = await Program.start(path.join("examples", name), ["0"]);
  });
  after(() => started.server?.stop());
  return started;
}

/** A page with this script in place of ours. Nothing comes from another host: the browser is cut off from them. */
async function open(t, url, script = null) {
  const page = await openPage(browser);
  t.after(() => page.context().close());
  const strangers = [];
  page.on("request", (request) => new URL(request.url()).origin !== new URL(url).origin && strangers.push(request.url()));
  t.after(() => assert.deepEqual(strangers, [], "the page needs no other host"));
  if (script) await page.route("**/socket.io/socket.io.js", (route) => route.fulfill({ path: script, contentType: "text/javascript" }));
  page.network = await NetworkLog.of(page);
  await page.goto(url);
  return page;
}

async function sees(page, text) {
  await page.getByText(text, { exact: true }).first().waitFor();
  assert.deepEqual(page.problems, []);
}

/** Enough for the revision of the protocol that a page speaks. */
async function speaks(page, revision) {
  const asked = await until("the first request", () => page.network.requests.find(({ url }) => url.searchParams.has("EIO")));
  assert.equal(asked.url.searchParams.get("EIO"), revision);
}

describe("the tutorial", () => {
  const running = program("notes_tutorial");
  for (const [name, script] of SCRIPTS) {
    test(`works with ${name}, and with everybody at once`, async (t) => {
      const { url } = running.server;
      const page = await open(t, url, script);
      await speaks(page, name === "2.5" ? "3" : "4");
      const others = await Promise.all(SCRIPTS.map(([, other]) => open(t, url, other)));
      // Whoever has upgraded has joined before.
      for (const other of others) {
        await until("the upgrade", () => other.network.frames.some(({ sent, data }) => sent && data === "5"));
      }
      await page.fill("#m", `안녕 from ${name}`);
      await page.click("button");
      for (const reader of [page, ...others]) {
        await sees(reader, `안녕 from ${name}`);
        assert.equal(await reader.locator("#messages li").count(), 1, "each once");
      }
      assert.equal(await page.inputValue("#m"), "");
    });
  }

  test("works in the page of the notes, which is written with jQuery", async (t) => {
    const page = await openPage(browser);
    t.after(() => page.context().close());
    await page.route(running.server.url + "/", (route) => route.fulfill({ contentType: "text/html", body: `<!doctype html>
      <ul id="messages"></ul><form><input id="m"><button>Send</button></form>
      <script src="/socket.io/socket.io.js"></script><script src="/jquery.js"></script>
      <script>$(function () {
        var socket = io();
        $("form").submit(function () { socket.emit("chat message", $("#m").val()); $("#m").val(""); return false; });
        socket.on("chat message", function (msg) { $("#messages").append($("<li>").text(msg)); });
      });</script>` }));
    await page.route("**/jquery.js", (route) => route.fulfill({ path: JQUERY, contentType: "text/javascript" }));
    await page.goto(running.server.url);
    await page.fill("#m", "안녕 jQuery");
    await page.click("button");
    await sees(page, "안녕 jQuery");
  });

  test("works with 2.5 over JSONP", async (t) => {
    const page = await open(t, running.server.url, SCRIPTS[2][1]);
    const told = await page.evaluate(() => new Promise((resolve) => {
      const socket = window.io(location.origin, { forceNew: true, transports: ["polling"], forceJSONP: true });
      const heard = [];
      socket.on("chat message", (text) => {
        heard.push(text);
        if (heard.length === 2) resolve(heard);
      });
      socket.on("connect", () => {
        socket.emit("chat message", "one \u2028 \"two\"\\n");
        socket.emit("chat message", "셋");
      });
    }));
    assert.deepEqual(told, ['one \u2028 "two"\\n', "셋"]);
    const scripts = page.network.polling.filter(({ url }) => url.searchParams.has("j"));
    assert.ok(scripts.some(({ method }) => method === "POST") && scripts.some(({ method }) => method === "GET"));
    assert.deepEqual(page.problems, []);
  });
});

describe("the chat of the notes", () => {
  const running = program("notes_chat");
  for (const [name, script] of SCRIPTS) {
    test(`works with ${name}: who comes, what is said, who goes`, async (t) => {
      const { url } = running.server;
      const ours = await open(t, `${url}/room?name=하나 ${name}`);
      await sees(ours, `하나 ${name} 님이 입장하셨습니다.`);
      const page = await open(t, `${url}/room?name=둘 ${name}`, script);
      await sees(page, `둘 ${name} 님이 입장하셨습니다.`);
      await sees(ours, `둘 ${name} 님이 입장하셨습니다.`);
      await page.fill("#input", "밥 먹자");
      await page.getByText("Send").click();
      await sees(ours, `둘 ${name} : 밥 먹자`);
      await sees(page, `둘 ${name} : 밥 먹자`);
      await page.click("#out");
      await sees(ours, `둘 ${name} 님이 퇴장하셨습니다.`);
      await until("the end of the WebSocket", () => page.network.webSockets.every(({ finished }) => finished));
    });
  }
});

describe("the GIF chat of the notes", () => {
  const running = program("notes_gif");
  for (const [name, script] of [SCRIPTS[0], SCRIPTS[2]]) {
    const revision = name === "2.5" ? "3" : "4";

  test(`the list of rooms is live with ${name}, and starts with polling`, async (t) => {
    const { url } = running.server;
    const [first, second] = [await open(t, url, script), await open(t, url, script)];
    await speaks(first, revision);
    for (const page of [first, second]) await until("the upgrade", () => page.network.frames.some(({ data }) => data === "5"));
    await first.fill("#title", `고양이 ${name}`);
    await first.click("button");
    await second.getByRole("link", { name: `고양이 ${name}` }).waitFor();
  });

  test(`io.connect(url, { path, transports }) of ${name} is a WebSocket from the start`, async (t) => {
    const { url } = running.server;
    const first = await open(t, `${url}/room/cats ${name}`, script);
    await sees(first, "system님이 입장하셨습니다.");
    const second = await open(t, `${url}/room/cats ${name}`, script);
    await sees(second, "system님이 입장하셨습니다.");
    const elsewhere = await open(t, `${url}/room/dogs ${name}`, script);
    await sees(elsewhere, "system님이 입장하셨습니다.");
    await speaks(first, revision);
    assert.equal(first.network.polling.length, 0, "no request of long polling");
    await first.fill("#chat", "야옹");
    await first.click("button");
    const line = second.getByText(": 야옹");
    await line.waitFor();
    const id = name === "2.5" ? /^\/chat#[\w-]{20}: 야옹$/ : /^[\w-]{20}: 야옹$/;
    assert.match(await line.textContent(), id, "in 2.x the id has the namespace before it");
    await second.close();
    await sees(first, "system님이 퇴장하셨습니다.");
    assert.equal(await elsewhere.locator("p").count(), 1, "another room hears nothing");
  });
  }
});

describe("the greeting of the notes", () => {
  const running = program("notes_hello");
  for (const [name, connect] of [["2.5", io2.connect], ["4.8", io4.connect ?? io4]]) {
    test(`reaches a program with ${name}`, async (t) => {
      const socket = connect(running.server.url, { forceNew: true });
      t.after(() => socket.close());
      const [[text]] = await Promise.all([event(socket, "message-sent"), event(socket, "connect")]);
      assert.equal(text, "hello, world!");
      const line = (what) => `${what} [id=${socket.id}]`;
      const connected = line("Client connected");
      const gone = line("Client gone");
      await until("the line on the console", () => running.server.log.includes(connected));
      socket.close();
      await until("the last line on the console", () => running.server.log.includes(gone));
    });
  }
});
