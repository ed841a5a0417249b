// The page to try the publishing API, in Chromium: what is typed there is sent, and what comes back is shown.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { feedPath, Listener } from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";

let browser;
let server;
before(async () => {
  [server, browser] = await Promise.all([standIn("feeds"), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("an event is sent with a key, and refused without one", async (t) => {
  const page = await openPage(browser);
  t.after(() => page.context().close());
  page.on("console", (message) => {
    // What the server refuses is shown there as well, and is meant.
    const isMeant = /the server responded with a status of 4\d\d/.test(message.text());
    if (message.type() === "error" && !isMeant) page.problems.push(message.text());
  });
  const response = await page.goto(`${server.url}/api/v1/docs`);
  assert.equal(response.status(), 200);
  assert.match(response.headers()["content-security-policy"], /default-src 'none'|script-src 'self'/);
  await page.getByRole("radio").first().waitFor();
  const names = await page.getByRole("radiogroup").locator("label").allTextContents();
  assert.deepEqual(names.toSorted(), ["batch", "disconnect", "join", "leave", "publish", "rooms", "sockets"]);

  const body = page.getByLabel("Body", { exact: true });
  const send = page.getByRole("button", { name: "Send" });
  const status = page.getByRole("status");
  const listener = await Listener.open("EventSource", server.url + feedPath("/", "tried"));
  t.after(() => listener.close());
  await body.fill(JSON.stringify({ room: "tried", event: "tick", data: ["<b>ö</b>"] }));
  await send.click();
  await status.filter({ hasText: "401" }).waitFor();
  assert.match(await page.locator("#answer").textContent(), /"key_missing"/);

  await page.getByLabel("Key").fill("sk_test_stand_in");
  await send.click();
  await status.filter({ hasText: "200" }).waitFor();
  assert.deepEqual(JSON.parse(await page.locator("#answer").textContent()), { published: true });
  assert.deepEqual((await listener.next()).data, ["<b>ö</b>"]);
  assert.ok(!(await page.locator("#command").textContent()).includes("sk_test_stand_in"), "the key is not shown");

  await page.getByRole("radio", { name: "sockets" }).check();
  await send.click();
  await status.filter({ hasText: "200" }).waitFor();
  assert.deepEqual(JSON.parse(await page.locator("#answer").textContent()), { sockets: [], next: null });
  assert.deepEqual(page.problems, []);
});
