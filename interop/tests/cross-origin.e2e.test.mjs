// A page from another port in Chromium, as the development server of a front end serves it, with the
// official client as it comes: it polls first, which its browser lets it read only where the server says so.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { Program } from "./support/program.mjs";

const client = fileURLToPath(new URL("../node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url));

let browser;
let front; // another port of this machine
let origin;
before(async () => {
  browser = await launch();
  const script = await readFile(client);
  front = http.createServer((request, response) => {
    const isScript = request.url === "/socket.io.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : "<!doctype html><title>front end</title><script src=/socket.io.js></script>");
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  origin = `http://localhost:${front.address().port}`;
});
after(async () => {
  await browser?.close();
  front?.close();
});

/** A server that is told these options, with its warnings in its log. */
async function serve(t, ...args) {
  const env = { ...process.env, RUST_LOG: "warn" };
  const server = await Program.start("stand-in", ["socket-v5", "--port", "0", ...args], { env });
  t.after(() => server.stop());
  return server;
}

/** A page of the front end, with a cookie for the server, and the transport and cookie of what it asks. */
async function frontPage(t, server) {
  const page = await openPage(browser);
  t.after(() => page.context().close());
  await page.context().addCookies([{ name: "session", value: "of-ada", url: server.url }]);
  const asked = [];
  page.on("request", (request) => {
    if (request.url().startsWith(`${server.url}/socket.io/`)) asked.push(request);
  });
  page.on("websocket", (socket) => asked.push(socket));
  await page.goto(origin);
  return { page, asked };
}

/** What becomes of a client with these options: connected, upgraded and answered, or an error. */
function outcome(page, url, options = {}) {
  return page.evaluate(({ url, options }) => new Promise((resolve) => {
    const socket = io(url, { reconnection: false, ...options });
    const end = (result) => {
      socket.disconnect();
      resolve(result);
    };
    socket.on("connect_error", (error) => end({ error: error.message }));
    socket.on("message-back", (text) => end({ text, transport: socket.io.engine.transport.name }));
    socket.on("connect", () => {
      const say = () => socket.emit("message", "hello");
      if (socket.io.engine.transport.name === "websocket" || options.upgrade === false) say();
      else socket.io.engine.once("upgrade", say);
    });
  }), { url, options });
}

const UPGRADED = { text: "hello", transport: "websocket" };
const REFUSED = { error: "xhr poll error" };

describe("a page of a listed origin", () => {
  test("polls, is upgraded, and its cookies stay at home", async (t) => {
    const server = await serve(t, "--allow-origin", origin);
    const { page, asked } = await frontPage(t, server);
    assert.deepEqual(await outcome(page, server.url), UPGRADED);
    assert.match(asked[0].url(), /transport=polling/);
    assert.ok(asked.some((one) => /^ws:.*transport=websocket/.test(one.url())));
    for (const request of asked.filter((request) => request.allHeaders)) {
      assert.equal((await request.allHeaders()).cookie, undefined);
    }
    const polling = { transports: ["polling"], upgrade: false };
    assert.deepEqual(await outcome(page, server.url, polling), { text: "hello", transport: "polling" });
    assert.deepEqual(await outcome(page, server.url, { transports: ["websocket"] }), UPGRADED);
    assert.equal(server.log.includes("WARN"), false, server.log);
  });

  test("a header of its own, which its browser asks about first", async (t) => {
    const server = await serve(t, "--allow-origin", origin);
    const { page, asked } = await frontPage(t, server);
    const options = { extraHeaders: { "x-token": "abc" } };
    assert.deepEqual(await outcome(page, server.url, options), UPGRADED);
    assert.equal((await asked[0].allHeaders())["x-token"], "abc");
  });

  test("with credentials, where they are allowed", async (t) => {
    const server = await serve(t, "--allow-origin", origin, "--allow-credentials");
    const { page, asked } = await frontPage(t, server);
    assert.deepEqual(await outcome(page, server.url, { withCredentials: true }), UPGRADED);
    assert.match(asked[0].url(), /transport=polling/);
    assert.equal((await asked[0].allHeaders()).cookie, "session=of-ada");
  });

  test("with credentials, where they are not: its browser gives it nothing", async (t) => {
    const server = await serve(t, "--allow-origin", origin);
    const { page } = await frontPage(t, server);
    assert.deepEqual(await outcome(page, server.url, { withCredentials: true }), REFUSED);
  });

  test("loads the server's own script as a module, which asks by CORS", async (t) => {
    const server = await serve(t, "--allow-origin", origin);
    const { page } = await frontPage(t, server);
    const url = `${server.url}/socket.io/socket.io.esm.min.js`;
    assert.equal(await page.evaluate((url) => import(url).then(({ io }) => typeof io), url), "function");
  });
});

describe("a page of any other origin", () => {
  for (const [name, options] of [
    ["by its poll", {}],
    ["by its preflight", { extraHeaders: { "x-token": "abc" } }],
    ["by its WebSocket", { transports: ["websocket"] }],
  ]) {
    test(`is refused ${name}, and the log says what lets it in`, async (t) => {
      const server = await serve(t, "--allow-origin", "http://localhost:1");
      const { page } = await frontPage(t, server);
      const { error, ...rest } = await outcome(page, server.url, options);
      assert.deepEqual(rest, {});
      assert.match(error, /^(xhr poll|websocket) error$/);
      // The name with its port, once, however often it asks.
      await outcome(page, server.url, options);
      assert.equal(server.log.split(`.allow_origin("${origin}")`).length, 2, server.log);
    });
  }
});
