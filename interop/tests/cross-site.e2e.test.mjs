// A page of another site in Chromium: what it loads from our server without saying who it is
// (`<script>`, `<img>`, a frame) brings it nothing, and what it asks for as itself is refused.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { standIn } from "./support/program.mjs";

// Two names of this machine that Chromium sends no Sec-Fetch-Site to over http.
const HOSTS = "--host-resolver-rules=MAP chat.test 127.0.0.1, MAP evil.test 127.0.0.1";

let browser;
let served; // with JSONP, for clients of every kind
let plain; // without
let evil;
before(async () => {
  browser = await launch([HOSTS]);
  served = await standIn("behaviour");
  plain = await standIn("socket-v5");
  evil = http.createServer((_, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end("<!doctype html><title>evil</title>");
  });
  evil.listen(0, "127.0.0.1");
  await once(evil, "listening");
});
after(async () => {
  await browser?.close();
  await served?.stop();
  await plain?.stop();
  evil?.close();
});

/** What a `<script>` brings a page: what it called with, or that it could not be loaded. */
async function loads(t, page, url) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const tab = await context.newPage();
  await tab.goto(page);
  return tab.evaluate((src) => new Promise((resolve) => {
    const called = [];
    window.___eio = [(payload) => called.push(payload)];
    const script = document.createElement("script");
    script.onload = () => resolve({ loaded: true, called });
    script.onerror = () => resolve({ loaded: false, called });
    script.src = src;
    document.head.append(script);
  }), url);
}

const NOTHING = { loaded: false, called: [] };
const query = "EIO=4&transport=polling&j=0";

describe("a script of another site", () => {
  for (const [name, own, foreign] of [
    ["on this machine, where browsers say what the site is", "localhost", "127.0.0.1"],
    ["anywhere without TLS, where they do not", "chat.test", "evil.test"],
  ]) {
    test(`${name}: nothing, whether JSONP is served or not`, async (t) => {
      for (const server of [served, plain]) {
        const url = `http://${own}:${server.port}/socket.io/?${query}`;
        assert.deepEqual(await loads(t, `http://${foreign}:${evil.address().port}/`, url), NOTHING);
      }
    });
  }

  test("another port of the same name is another origin", async (t) => {
    const url = `http://localhost:${served.port}/socket.io/?${query}`;
    assert.deepEqual(await loads(t, `http://localhost:${evil.address().port}/`, url), NOTHING);
  });

  test("the page's own is served, if JSONP is", async (t) => {
    const own = `http://localhost:${served.port}`;
    const { loaded, called } = await loads(t, `${own}/socket.io/socket.io.js`, `${own}/socket.io/?${query}`);
    assert.ok(loaded);
    assert.match(called[0], /^0\{"sid":/);
    const off = `http://localhost:${plain.port}`;
    assert.deepEqual(await loads(t, `${off}/socket.io/socket.io.js`, `${off}/socket.io/?${query}`), NOTHING);
  });

  test("the client's files are for every page", async (t) => {
    const url = `http://localhost:${plain.port}/socket.io/socket.io.js`;
    const { loaded } = await loads(t, `http://127.0.0.1:${evil.address().port}/`, url);
    assert.ok(loaded);
  });
});

test("requests that a page of another site makes as itself are refused", async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const tab = await context.newPage();
  await tab.goto(`http://127.0.0.1:${evil.address().port}/`);
  const polling = `http://localhost:${served.port}/socket.io/?EIO=4&transport=polling`;
  const failed = await tab.evaluate(async (url) => {
    const outcome = async (options) => fetch(url, options).then(({ type }) => type, () => "failed");
    return [await outcome({}), await outcome({ mode: "no-cors" }), await outcome({ credentials: "include" })];
  }, polling);
  assert.deepEqual(failed, ["failed", "failed", "failed"]);
  const opened = await tab.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
  }), `ws://localhost:${served.port}/socket.io/?EIO=4&transport=websocket`);
  assert.equal(opened, false);
});
