// The examples of feeds in Chromium: the ticker, which goes on after its server was away, and one board on
// four roads.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, openPage, picture } from "./support/browser.mjs";
import { Program } from "./support/program.mjs";
import { until } from "./support/waiting.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const start = (name, port = 0) => Program.start(path.join("examples", name), [String(port)]);
const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: "dark" };

/** A page of an example, which is no wider than its window. */
async function open(t, url, options) {
  const page = await openPage(browser, options);
  t.after(() => page.context().close());
  await page.goto(url);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it fits");
  return page;
}

describe("the ticker", () => {
  test("shows every share, and says what was lost when the server was away", async (t) => {
    let server = await start("ticker");
    t.after(() => server.stop());
    const page = await open(t, server.url);
    const phone = await open(t, server.url, PHONE);
    for (const shown of [page, phone]) {
      for (const symbol of ["TEA", "COFFEE", "MILK", "SUGAR", "CAKE"]) await shown.locator(`#${symbol}`).waitFor();
      assert.equal(await shown.locator("#state").textContent(), "live");
      assert.equal(await shown.locator("tbody tr").count(), 5);
    }
    await picture(page, "ticker");
    await picture(phone, "ticker-phone");
    const { port } = server;
    await server.stop();
    await page.getByText("coming back").waitFor();
    server = await start("ticker", port);
    await page.getByText("Some prices were missed: foreign").waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    assert.deepEqual([page.problems, phone.problems], [[], []]);
  });
});

describe("four roads", () => {
  test("bring the same lines, once and in order", async (t) => {
    const server = await start("four_roads");
    t.after(() => server.stop());
    const page = await open(t, server.url);
    const said = ["one", "둘", "<b>three</b>"];
    for (const text of said) {
      await page.fill("#input", text);
      await page.click("button");
      await page.locator("#sse li").getByText(text, { exact: true }).waitFor();
    }
    const phone = await open(t, server.url, PHONE);
    for (const shown of [page, phone]) {
      for (const road of ["polling", "long", "ndjson", "sse"]) {
        const lines = () => shown.locator(`#${road} li`).allTextContents();
        await until(`all of them on ${road}`, async () => (await lines()).length >= said.length);
        assert.deepEqual((await lines()).reverse(), said, road);
      }
      for (const road of ["ndjson", "sse"]) {
        assert.equal(await shown.locator(`#${road} small`).textContent(), "requests: 1");
      }
      assert.deepEqual(shown.problems, []);
    }
    await picture(page, "four-roads");
    await picture(phone, "four-roads-phone");
  });
});
