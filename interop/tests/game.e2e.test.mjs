// The example `game` in Chromium: two players, one of them 100 ms away each way.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { launch, openPage, picture } from "./support/browser.mjs";
import { DelayingProxy } from "./support/delaying.mjs";
import { Program } from "./support/program.mjs";
import { event, until } from "./support/waiting.mjs";

const DELAY_MS = 100;
/** Units in a millisecond: 13 in a step of 50 ms. */
const SPEED = 13 / 50;
/** A fish that swims is not seen to stand for longer. */
const STANDING_MS_MAX = 200;
/** So long between two states is the network's affair, and what is shown 100 ms late hides it. */
const SILENCE_MS_MAX = 120;

let browser;
let server;
before(async () => {
  browser = await launch();
  server = await Program.start(path.join("examples", "game"), ["0"]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function play(t, url, options) {
  const page = await openPage(browser, options);
  t.after(() => page.context().close());
  await page.goto(url);
  await page.waitForFunction(() => measure.me && measure.frames.at(-1)?.fish.some(({ id }) => id === measure.me));
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it fits");
  page.name = await page.evaluate(() => measure.me);
  return page;
}

const gaps = (times) => times.slice(1).map((at, index) => at - times[index]);
const longestGap = (times) => Math.max(...gaps(times));
/** How much of the time is silence beyond what the network may have. */
const lateness = (times) => gaps(times).reduce((sum, gap) => sum + Math.max(0, gap - SILENCE_MS_MAX), 0);
const place = (page, id) => page.evaluate((id) => measure.frames.at(-1).fish.find((fish) => fish.id === id), id);
const count = (page, fish) => page.waitForFunction((fish) => measure.newest?.fish.length === fish, fish);

describe("the game", () => {
  test("is smooth, and answers at once, at 100 ms of delay each way", async (t) => {
    const proxy = await DelayingProxy.start(server.port, DELAY_MS);
    t.after(() => proxy.stop());
    const near = await play(t, server.url);
    const far = await play(t, proxy.url);
    await count(near, 2);
    await count(far, 2);

    // One's own fish: within two frames of the key, though the server hears of it 100 ms later.
    const x = (await place(far, far.name)).x;
    const code = x < 500 ? "ArrowRight" : "ArrowLeft";
    const pressedAt = await far.evaluate((code) => {
      dispatchEvent(new KeyboardEvent("keydown", { code }));
      return measure.frame;
    }, code);
    await far.waitForFunction((frame) => measure.frame > frame + 3, pressedAt);
    const frames = await far.evaluate(() => measure.frames);
    const own = (number) => frames.find(({ frame }) => frame === number).fish.find(({ id }) => id === far.name);
    assert.notEqual(own(pressedAt + 2).x, own(pressedAt).x);
    await until("the other to see it", async () => Math.abs((await place(near, far.name)).x - x) > 100);
    await far.evaluate((code) => dispatchEvent(new KeyboardEvent("keyup", { code })), code);

    // Another's fish: there, through 400 units of the pond.
    const start = await place(far, near.name);
    const [key, goal] = start.x < 500 ? ["ArrowRight", start.x + 400] : ["ArrowLeft", start.x - 400];
    const from = await far.evaluate(() => measure.frame);
    await near.keyboard.down(key);
    const isThere = ([id, goal, sign]) => (measure.frames.at(-1).fish.find((fish) => fish.id === id).x - goal) * sign > 0;
    await far.waitForFunction(isThere, [near.name, goal, Math.sign(goal - start.x)]);
    const track = (await far.evaluate(() => measure.frames))
      .filter(({ frame }) => frame > from)
      .map(({ now, fish }) => ({ now, x: fish.find(({ id }) => id === near.name).x }));
    await near.keyboard.up(key);
    // A machine that stands still for a while is not the game's: what came late because of it is allowed for.
    const arrivals = (await far.evaluate(() => measure.arrivals)).filter((at) => at > track[0].now - 500);
    const silence = longestGap(arrivals);
    const presses = (await near.evaluate(() => measure.frames)).slice(-track.length).map(({ now }) => now);
    const unpressed = longestGap(presses);
    const late = lateness(arrivals) + lateness(presses);
    let moved = null;
    let standing = 0;
    let excess = 0;
    for (const [index, { now, x }] of track.entries()) {
      const before = track[index - 1];
      if (!before) continue;
      excess = Math.max(excess, Math.abs(x - before.x) - SPEED * (now - before.now));
      if (x === before.x) {
        if (moved !== null) standing = Math.max(standing, now - moved);
      } else moved = now;
    }
    t.diagnostic(
      `${track.length} frames; longest stand ${standing.toFixed(0)} ms; beyond its speed ${excess.toFixed(1)} units in a frame; ` +
        `longest silence of the server ${silence.toFixed(0)} ms, of the player ${unpressed.toFixed(0)} ms`,
    );
    assert.ok(moved !== null && standing <= STANDING_MS_MAX + late, `it stood for ${standing} ms`);
    assert.ok(excess <= 26 + SPEED * late, `it jumped ${excess} units beyond its speed`);

    // What both show comes to be the same, and the scores are the server's.
    await until("the same places and scores", async () => {
      const [a, b] = [await place(near, near.name), await place(far, near.name)];
      const scores = (page) => page.evaluate(() => JSON.stringify(measure.newest.fish.map(({ id, score }) => [id, score])));
      return Math.hypot(a.x - b.x, a.y - b.y) < 2 && (await scores(near)) === (await scores(far));
    });
    assert.equal(await near.locator("#scores li").count(), 2);
    await picture(near, "game");
    assert.deepEqual([near.problems, far.problems], [[], []]);
  });

  test("drops states for who does not take them, and goes on with the newest; who leaves is gone", async (t) => {
    const page = await play(t, server.url, { viewport: { width: 390, height: 844 }, colorScheme: "dark", locale: "ko-KR", hasTouch: true });
    const polling = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1));
    const session = `${polling}&sid=${sid}`;
    const poll = async () => (await (await fetch(session)).text()).split("\x1e");
    await (await fetch(session, { method: "POST", body: "40" })).text();
    const states = (packets) => packets.filter((packet) => packet.startsWith('42["state"')).map((packet) => JSON.parse(packet.slice(2))[1].tick);
    let tick;
    await until("a state", async () => (tick = states(await poll())[0]));
    // While it does not poll, the others get 40 states.
    await page.waitForFunction((tick) => measure.newest.tick > tick + 40, tick);
    const newest = await page.evaluate(() => measure.newest.tick);
    let received = [];
    await until("the next state", async () => (received = states(await poll())).length > 0);
    assert.equal(received.length, 1, "nothing was kept for it");
    assert.ok(received[0] >= newest, `${received[0]} is older than ${newest}`);

    await count(page, 2);
    await page.touchscreen.tap(200, 400);
    await picture(page, "game-phone-dark");
    await (await fetch(session, { method: "POST", body: "1" })).text();
    await count(page, 1);
    assert.match(await page.locator("#scores").textContent(), /나: \d/);
    assert.deepEqual(page.problems, []);
  });

  test("refuses what no page sends, and the ninth player", async (t) => {
    // A pond of its own: pages of the tests before may still be on their way out of the other.
    const pond = await Program.start(path.join("examples", "game"), ["0"]);
    t.after(() => pond.stop());
    const connect = () => io(pond.url, { forceNew: true, transports: ["websocket"], reconnection: false });
    const players = [connect()];
    t.after(() => players.forEach((player) => player.close()));
    const [first] = players;
    const [id] = await event(first, "you");
    // Flies are born anywhere, so that even a fish that stands may eat one: its score says nothing.
    const standing = async () => {
      const [{ fish }] = await event(first, "state");
      const { x, y, seen } = fish.find((fish) => fish.id === id);
      return { x, y, seen };
    };
    const before = await standing();
    for (const bad of [{ number: 1, x: null, y: 0 }, { number: 1, x: 1e300, y: 0 }, { number: 1, x: 2, y: 0 },
      { number: -1, x: 1, y: 0 }, { number: 1, x: 1, y: 0, score: 9 }, "up", null]) {
      const [answer] = await new Promise((resolve) => first.emit("input", bad, (...args) => resolve(args)));
      assert.match(JSON.stringify(answer), /code|error/, JSON.stringify(bad));
    }
    assert.deepEqual(await standing(), before);

    while (players.length < 8) {
      const player = connect();
      players.push(player);
      await event(player, "you");
    }
    const page = await openPage(browser);
    t.after(() => page.context().close());
    await page.goto(pond.url);
    await page.getByText("The pond is full. Try again later.").waitFor();

    // Too many messages end one session, and the others play on.
    const ended = event(players[7], "disconnect");
    for (let number = 0; number < 500; number += 1) players[7].emit("input", { number, x: 0, y: 0 });
    await ended;
    await until("seven of them", async () => (await event(first, "state"))[0].fish.length === 7);
  });
});
