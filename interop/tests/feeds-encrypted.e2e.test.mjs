// A page in Chromium that listens to many feeds over one connection of HTTP/2, and comes back when it is lost.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { feedPath, Publisher } from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";
import { SteppingProxy } from "./support/steps.mjs";
import { until } from "./support/waiting.mjs";

/** Far more than the six connections that a browser makes to one host over HTTP/1.1. */
const FEEDS = 20;

let browser;
let server;
before(async () => {
  [server, browser] = await Promise.all([standIn("feeds", "--tls-self-signed", "--retry", "50"), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test(`${FEEDS} feeds in one page, each event once and in order, also when the connection is cut`, async (t) => {
  const proxy = await SteppingProxy.start(server.port);
  t.after(() => proxy.stop());
  const publisher = await Publisher.connect(server.url.replace("http:", "https:"));
  t.after(() => publisher.close());
  const page = await openPage(browser, { ignoreHTTPSErrors: true });
  t.after(() => page.context().close());
  await page.goto(proxy.url.replace("http:", "https:") + feedPath("/"));
  const protocol = () => page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol);
  assert.equal(await protocol(), "h2");
  await page.evaluate(({ paths }) => {
    window.seen = paths.map(() => []);
    window.opened = 0;
    paths.forEach((path, index) => {
      const source = new EventSource(path);
      source.onopen = () => (window.opened += 1);
      for (const type of ["tick", "gap"]) {
        source.addEventListener(type, ({ data }) => window.seen[index].push(JSON.parse(data)));
      }
    });
  }, { paths: Array.from({ length: FEEDS }, (_, index) => feedPath("/", `h2 ${index}`)) });
  await until("all to be open", () => page.evaluate((count) => window.opened >= count, FEEDS));
  const seen = () => page.evaluate(() => window.seen);
  const say = (number) => Promise.all(
    Array.from({ length: FEEDS }, (_, index) => publisher.publish(`h2 ${index}`, "tick", number)));
  const sees = (count) => until(`${count} events of each`, async () =>
    (await seen()).every((events) => events.length >= count));
  for (let round = 0; round < 4; round += 1) {
    await say(3 * round);
    await sees(3 * round + 1);
    proxy.cut();
    await say(3 * round + 1);
    await say(3 * round + 2);
    await sees(3 * round + 3);
  }
  const expected = Array.from({ length: 12 }, (_, number) => [number]);
  assert.deepEqual(await seen(), Array(FEEDS).fill(expected));
  // It makes one for each when they all come back at once, and keeps one.
  await until("them to share a connection", () => proxy.open <= 2);
});
