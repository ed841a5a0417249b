// npm sockjs-client 1.6.1 in Chromium, on each of its transports, from a page of the server's own origin and from
// one of another.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { standIn } from "./support/program.mjs";
import { PATIENCE } from "./support/waiting.mjs";

const script = fileURLToPath(new URL("../node_modules/sockjs-client/dist/sockjs.min.js", import.meta.url));

const EVERYWHERE = [
  "websocket", "xhr-streaming", "eventsource", "xhr-polling",
  "iframe-eventsource", "iframe-htmlfile", "iframe-xhr-polling", "jsonp-polling",
];

const TEXTS = ["hello", "한국어 👩‍🚀", "100% %20 %zz", "\n\u0000\"\\</script>", "\u200b\u2028\ufeff\uffff", "x".repeat(10_000)];

let browser;
let server;
let front; // another port of this machine
let origin;
before(async () => {
  const client = await readFile(script);
  front = http.createServer(({ url }, response) => {
    const isScript = url === "/sockjs.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? client : "<!doctype html><title>front end</title><body>");
  });
  front.listen(0, "localhost");
  await once(front, "listening");
  origin = `http://localhost:${front.address().port}`;
  [browser, server] = await Promise.all([launch(), standIn("sockjs", "--client", script)]);
});
after(async () => {
  await browser?.close();
  front?.close();
  await server?.stop();
});

/**
 * Runs in the page: what comes back of the texts on one transport, and how the connection ended.
 * A transport is given the time that a busy machine needs; the client would take the next one.
 */
function exchange({ url, transports, texts, timeout }) {
  return new Promise((resolve) => {
    const socket = new window.SockJS(url, null, { transports, timeout });
    const seen = { transport: undefined, texts: [] };
    socket.onopen = () => {
      seen.transport = socket.transport;
      texts.forEach((text) => socket.send(text));
    };
    socket.onmessage = ({ data }) => {
      seen.texts.push(data);
      if (seen.texts.length === texts.length) socket.close(3_001, "done");
    };
    socket.onclose = ({ code, reason, wasClean }) => resolve({ ...seen, code, reason, wasClean });
  });
}

for (const [name, home, transports] of [
  ["a page of its own origin", () => `${server.url}/echo`, [...EVERYWHERE, "htmlfile"]],
  ["a page of another origin", () => origin, EVERYWHERE],
]) {
  describe(name, () => {
    for (const transport of transports) {
      test(`${transport}: every text, and both ways of closing`, async (t) => {
        const page = await openPage(browser);
        t.after(() => page.context().close());
        await page.goto(home());
        await page.addScriptTag({ url: "/sockjs.js" });
        const run = (path, texts) => page.evaluate(exchange, { url: server.url + path, transports: transport, texts, timeout: PATIENCE });
        assert.deepEqual(await run("/echo", TEXTS), {
          transport, texts: TEXTS, code: 3_001, reason: "done", wasClean: true,
        });
        assert.deepEqual(await run("/close", ["unread"]), {
          transport, texts: [], code: 3_000, reason: "Go away!", wasClean: true,
        });
        assert.deepEqual(page.problems, []);
      });
    }
  });
}

test("a page whose origin is not let in opens nothing, on no transport", async (t) => {
  const closed = await standIn("sockjs", "--client", script, "--same-origin");
  t.after(() => closed.stop());
  const page = await openPage(browser);
  t.after(() => page.context().close());
  await page.goto(origin);
  await page.addScriptTag({ url: "/sockjs.js" });
  for (const transports of ["websocket", "xhr-streaming", "eventsource", "xhr-polling"]) {
    const end = await page.evaluate(exchange, { url: `${closed.url}/echo`, transports, texts: ["never"], timeout: PATIENCE });
    assert.deepEqual([end.transport, end.texts, end.wasClean], [undefined, [], false], transports);
  }
});
