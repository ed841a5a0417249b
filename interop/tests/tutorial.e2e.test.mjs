// The finished program and page of the tutorial (docs/tutorial), in Chromium, as its last step says to try them.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { launch, openPage, watch } from "./support/browser.mjs";
import { Program } from "./support/program.mjs";
import { event, until } from "./support/waiting.mjs";

let browser, port, server;
before(async () => {
  browser = await launch();
  port = await freePort();
  await start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A port that nobody has, and the server has again after a restart. */
async function freePort() {
  const probe = createServer().listen(0, "localhost");
  await event(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await event(probe, "close");
  return port;
}

async function start() {
  server = await Program.start("examples/tutorial", [`localhost:${port}`]);
}

/** A page of somebody, before entering. */
async function open(t) {
  const page = await openPage(browser);
  t.after(() => page.context().close());
  await page.goto(server.url);
  return page;
}

async function enter(page, name, room = "lobby") {
  await page.fill("#who", name);
  await page.fill("#where", room);
  await page.click("#enter button");
}

async function say(page, text) {
  await page.fill("#input", text);
  await page.click("#speak button");
}

/** In the page: whether the browser has written this text into any of its databases. */
async function isKept(text) {
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name));
    const stores = [...database.objectStoreNames];
    const contents = stores.map((store) => done(database.transaction(store).objectStore(store).getAll()));
    const kept = JSON.stringify(await Promise.all(contents)).includes(text);
    database.close();
    if (kept) return true;
  }
  return false;
}

const shows = (page, text) => until(`"${text}" on the page`, async () => (await page.innerText("body")).includes(text));
const lines = (page, text) => page.locator("#messages p", { hasText: text }).count();

test("names and rooms: who may not enter is told, and a room hears its own", async (t) => {
  const [ann, bob, cleo] = [await open(t), await open(t), await open(t)];
  await enter(ann, " ");
  await shows(ann, "a name has 1 to 20 letters");
  await enter(ann, "ann");
  await shows(ann, "in lobby: ann");
  await enter(ann, "ann", " ");
  await shows(ann, "a room has a name");
  await enter(bob, "bob");
  await shows(bob, "in lobby: ann, bob");
  await shows(ann, "bob came in");
  await enter(cleo, "cleo", "kitchen");
  await shows(cleo, "in kitchen: cleo");
  await say(bob, "hello");
  await shows(ann, "bob: hello");
  await say(cleo, "is it tea time?");
  await shows(cleo, "cleo: is it tea time?");
  assert.equal(await lines(cleo, "hello"), 0);
  assert.equal(await lines(ann, "tea"), 0);
  assert.deepEqual([ann, bob, cleo].flatMap((page) => page.problems), []);
});

test("a line that breaks loses nothing in either direction", async (t) => {
  const [dan, eve] = [await open(t), await open(t)];
  await enter(dan, "dan", "tunnel");
  await shows(dan, "in tunnel: dan");
  await enter(eve, "eve", "tunnel");
  await shows(eve, "in tunnel: dan, eve");
  await dan.context().setOffline(true);
  await shows(dan, "away:");
  await shows(eve, "dan went out");
  await say(eve, "are you there?");
  await shows(eve, "eve: are you there?");
  await say(dan, "I am in a tunnel");
  await dan.context().setOffline(false);
  await shows(dan, "here again, and nothing was missed");
  await shows(dan, "eve: are you there?");
  await shows(eve, "dan: I am in a tunnel");
  await shows(eve, "dan came in");
  assert.equal(await lines(eve, "I am in a tunnel"), 1);
});

test("what is written while the server restarts, or before the page is closed, is said once", async (t) => {
  const fay = await open(t);
  await enter(fay, "fay", "attic");
  await shows(fay, "in attic: fay");
  await server.stop();
  await shows(fay, "away:");
  await say(fay, "after the restart");
  await start();
  await shows(fay, "fay: after the restart");
  assert.equal(await lines(fay, "after the restart"), 1);

  const gus = await open(t);
  await enter(gus, "gus", "attic");
  await shows(gus, "in attic");
  const context = fay.context();
  await context.setOffline(true);
  await shows(fay, "away:");
  await say(fay, "from the page before");
  await until("the message in IndexedDB", () => fay.evaluate(isKept, "from the page before"));
  await fay.close();
  await context.setOffline(false);
  const again = watch(await context.newPage());
  await again.goto(server.url);
  await enter(again, "fay", "attic");
  await shows(gus, "fay: from the page before");
  assert.equal(await lines(gus, "from the page before"), 1);
});
