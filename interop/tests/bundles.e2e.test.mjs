// Pages built from our package notice in Chromium at once that the network is gone: the scripts that
// bundlers make of it, and the chat's page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BUNDLERS, createProject } from "../../clients/js/test/project.mjs";
import { launch, openPage } from "./support/browser.mjs";
import { Chat, Person } from "./support/chat.mjs";
import { standIn } from "./support/program.mjs";
import { until } from "./support/waiting.mjs";

/** Most milliseconds from the browser's event until the page has noticed. */
const NOTICED_MS_MAX = 1000;

let browser;
let project;
let server;
before(async () => {
  [browser, project, server] = await Promise.all([launch(), createProject(), standIn("behaviour")]);
});
after(async () => {
  project?.remove();
  await browser?.close();
  await server?.stop();
});

/** Makes the page note when the browser told it that it is offline. */
function watchOffline(page) {
  return page.addInitScript(() => addEventListener("offline", () => (window.offlineAt = performance.now())));
}

/** The browser loses its network; asserts that the page sets `noticedAt` soon enough. */
async function assertNoticed(page) {
  await page.context().setOffline(true);
  const ms = await until("the page to notice", () =>
    page.evaluate(() => window.noticedAt && window.noticedAt - window.offlineAt),
  );
  assert.ok(ms < NOTICED_MS_MAX, `noticed after ${ms} ms`);
}

const PAGE = `
  import { io } from "sockeye-client";
  globalThis.socket = io();
  socket.on("disconnect", (reason, details) => {
    window.noticed = [reason, details?.description];
    window.noticedAt = performance.now();
  });
`;

const cases = [
  ...Object.keys(BUNDLERS).map((name) => [name, {}, "the installed package"]),
  ...["Vite", "esbuild"].map((name) => [name, { fromSource: true }, "the source"]),
];
for (const [name, options, what] of cases) {
  test(`a page that ${name} builds from ${what} notices that it is offline`, async (t) => {
    const code = await BUNDLERS[name](project, project.write(`${name}.js`, PAGE), options);
    const page = await openPage(browser);
    t.after(() => page.context().close());
    await watchOffline(page);
    await page.goto(`${server.url}/socket.io/socket.io.js`);
    await page.addScriptTag({ content: code });
    await until("the connection", () => page.evaluate(() => socket.connected));
    // A poll could fail before the page is told.
    await until("the upgrade", () => page.evaluate(() => socket.emitWithAck("transport").then((used) => used === "websocket")));
    await assertNoticed(page);
    assert.deepEqual(await page.evaluate(() => noticed), ["transport close", "network connection lost"]);
    assert.deepEqual(page.problems, []);
  });
}

test("the chat's page notices that it is offline", async (t) => {
  const chat = await Chat.start();
  t.after(() => chat.stop());
  const page = await openPage(browser);
  t.after(() => page.context().close());
  await watchOffline(page);
  await new Person(page).enter(`${chat.url}/room`, "Mina");
  await page.evaluate(() => {
    const look = () => {
      if (!document.querySelector("#reconnecting")) return;
      observer.disconnect();
      window.noticedAt = performance.now();
    };
    const observer = new MutationObserver(look);
    observer.observe(document.body, { childList: true, subtree: true });
  });
  assert.equal(await page.locator("#reconnecting").count(), 0);
  await assertNoticed(page);
  await page.context().setOffline(false);
  await until("the connection", async () => (await page.locator("#reconnecting").count()) === 0);
});
