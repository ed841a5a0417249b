// Our JavaScript client in Chromium: the upgrade, sleep, loss of network, many tabs, and a reload
// with a full outbox.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { Server } from "socket.io";
import { makeReliable } from "../../clients/js/test/reliable-server.mjs";
import { launch } from "./support/browser.mjs";
import { clientPage, serveClient, show } from "./support/client-page.mjs";
import { NetworkLog } from "./support/network.mjs";
import { standIn } from "./support/program.mjs";
import { RecordingProxy } from "./support/recording.mjs";
import { PATIENCE, until, within } from "./support/waiting.mjs";

let browser;
/** Pings every half second. */
let quick;
/** Pings every two seconds, and waits for twenty more. */
let patient;
before(async () => {
  [browser, quick, patient] = await Promise.all([launch(), standIn("behaviour"), standIn("socket-io-client")]);
});
after(async () => {
  await browser?.close();
  await Promise.all([quick?.stop(), patient?.stop()]);
});

async function open(t, origin) {
  const page = await clientPage(browser, origin);
  t.after(() => page.context().close());
  return page;
}

test("polling, then the upgrade, in the page that the server's own file is loaded into", async (t) => {
  const page = await open(t, quick.url);
  const network = await NetworkLog.of(page);
  await page.addScriptTag({ url: "/socket.io/socket.io.min.js" });
  await page.evaluate(() => {
    window.socket = io();
    return new Promise((resolve) => socket.on("connect", resolve));
  });
  await until("the upgrade", () => page.evaluate(() => socket.emitWithAck("transport").then((name) => name === "websocket")));
  const [webSocket] = await until("the WebSocket", () => network.webSockets.length > 0 && network.webSockets);
  await until("the answer 101", () => webSocket.status === 101);
  await until("the frames of the upgrade", () => network.frames.length >= 3);
  const frames = network.frames.slice(0, 3).map(({ sent, data }) => `${sent ? "sent" : "received"} ${data}`);
  assert.deepEqual(frames, ["sent 2probe", "received 3probe", "sent 5"]);
  const polls = network.polling.length;
  const bytes = await page.evaluate(async () => {
    const sent = Uint8Array.from({ length: 1000 }, (_, index) => index);
    return new Uint8Array(await socket.emitWithAck("echo", sent)).join() === sent.join();
  });
  assert.ok(bytes, "binary data comes back");
  assert.equal(network.polling.length, polls);
  assert.deepEqual(page.problems, []);
});

test("a page that slept notices within seconds that its connection is gone", async (t) => {
  const proxy = await RecordingProxy.start(patient.port);
  t.after(() => proxy.stop());
  const page = await open(t, proxy.url);
  await page.evaluate(async () => {
    window.reasons = [];
    window.socket = io({ transports: ["websocket"], reconnectionDelay: 10, reconnectionDelayMax: 10 });
    socket.on("disconnect", (reason) => reasons.push(reason));
    await new Promise((resolve) => socket.on("connect", resolve));
  });
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  // The network forgets the connection without a word, as a router does.
  proxy.silence();
  await devtools.send("Page.setWebLifecycleState", { state: "active" });
  const slept = performance.now();
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange", { bubbles: true })));
  await until("the page to notice", () => page.evaluate(() => reasons.length > 0));
  assert.deepEqual(await page.evaluate(() => reasons), ["ping timeout"]);
  assert.ok(performance.now() - slept < 19_000, "before the heartbeat, whose pong may take 20 seconds");
  await until("the next connection", () => page.evaluate(() => socket.connected));
  assert.equal(await page.evaluate(() => socket.emitWithAck("echo", "awake")), "awake");
});

test("a page that wakes up with a good connection keeps it", async (t) => {
  const page = await open(t, patient.url);
  const network = await NetworkLog.of(page);
  await page.evaluate(async () => {
    window.socket = io({ transports: ["websocket"] });
    await new Promise((resolve) => socket.on("connect", resolve));
  });
  const id = await page.evaluate(() => socket.id);
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange", { bubbles: true })));
  await until("the probe and its answer", () =>
    network.frames.some(({ sent, data }) => sent && data.startsWith("40/?")) &&
    network.frames.some(({ sent, data }) => !sent && data.startsWith("44/?")));
  assert.equal(await page.evaluate(() => socket.emitWithAck("echo", 1)), 1);
  assert.equal(await page.evaluate(() => socket.id), id);
});

test("offline it says so at once, and online it is back at once", async (t) => {
  const page = await open(t, quick.url);
  await page.evaluate(async () => {
    window.reasons = [];
    // Without the event it would be a minute before the first attempt.
    window.socket = io({ reconnectionDelay: 60_000, reconnectionDelayMax: 60_000, randomizationFactor: 0 });
    socket.on("disconnect", (reason, details) => reasons.push([reason, details?.description]));
    await new Promise((resolve) => socket.on("connect", resolve));
  });
  // A poll could fail before the page is told.
  await until("the upgrade", () => page.evaluate(() => socket.emitWithAck("transport").then((name) => name === "websocket")));
  await page.context().setOffline(true);
  await until("the loss", () => page.evaluate(() => reasons.length > 0));
  assert.deepEqual(await page.evaluate(() => reasons), [["transport close", "network connection lost"]]);
  await page.evaluate(() => {
    window.answer = socket.emitWithAck("echo", "kept");
  });
  await page.context().setOffline(false);
  await until("the connection", () => page.evaluate(() => socket.connected));
  assert.equal(await page.evaluate(() => answer), "kept");
});

test("an outbox goes on when the browser closes its database", async (t) => {
  const page = await open(t, quick.url);
  await page.evaluate(async () => {
    const { outbox } = await import("/client/outbox.mjs");
    window.lost = [];
    window.socket = io();
    window.box = outbox(socket, { onStoreLost: (error) => lost.push(String(error)) });
    await box.ready;
  });
  assert.equal(await page.evaluate(() => box.emit("echo", 1)), 1);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Storage.clearDataForOrigin", { origin: quick.url, storageTypes: "indexeddb" });
  assert.equal(await page.evaluate(() => box.emit("echo", 2)), 2);
  assert.deepEqual(await page.evaluate(() => [box.isDurable, lost]), [true, []]);
});

test("ten tabs have one connection, and pass it on", async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  await serveClient(context, quick.url);
  const pages = [];
  const logs = [];
  for (let index = 0; index < 10; index += 1) {
    const page = await clientPage(browser, quick.url, context);
    logs.push(await NetworkLog.of(page));
    await page.evaluate(async () => {
      const { shared } = await import("/client/shared.mjs");
      window.seen = [];
      window.socket = shared(() => io({ transports: ["websocket"] }));
      socket.on("all", (value) => seen.push(value));
    });
    pages.push(page);
  }
  const eachIs = (what, probe) =>
    until(what, async () => (await Promise.all(pages.map((page) => page.evaluate(probe)))).every(Boolean));
  const webSockets = () => logs.flatMap((log) => log.webSockets);
  await eachIs("all tabs to be connected", () => socket.connected);
  await until("the WebSocket", () => webSockets().length > 0);
  assert.equal(webSockets().length, 1);
  const answers = await Promise.all(pages.map((page, index) =>
    page.evaluate((value) => socket.emitWithAck("echo", value), index)));
  assert.deepEqual(answers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await pages[7].evaluate(() => void socket.emit("all", "hello"));
  await eachIs("the event in all tabs", () => seen.join() === "hello");

  const leaders = await Promise.all(pages.map((page) => page.evaluate(() => socket.isLeader)));
  const [leader] = pages.splice(leaders.indexOf(true), 1);
  await leader.close();
  await eachIs("the next connection", () => socket.connected);
  await until("the second WebSocket", () => webSockets().length === 2);
  assert.equal(await pages[8].evaluate(() => socket.emitWithAck("echo", "still here")), "still here");
  await pages[0].evaluate(() => void socket.emit("all", "again"));
  await eachIs("the event in the nine", () => seen.join() === "hello,again");
  assert.equal(webSockets().length, 2);
});

test("a reload with a full outbox loses nothing and doubles nothing", async (t) => {
  const server = http.createServer();
  const sio = new Server(server, { pingInterval: 500 });
  makeReliable(sio.of("/"), { window: 10 });
  const handled = [];
  let mayAnswer = false;
  sio.on("connection", (socket) =>
    socket.on("store", (number, answer) => {
      handled.push(number);
      // Handled, but the page that sent it is gone before the answer.
      if (mayAnswer || number < 5) answer(number);
      else waiting.push(() => answer(number));
    }));
  const waiting = [];
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const origin = `http://localhost:${server.address().port}`;
  t.after(() => new Promise((resolve) => sio.close(resolve)));
  const page = await open(t, origin);
  const start = () =>
    page.evaluate(async () => {
      const { outbox } = await import("/client/outbox.mjs");
      window.answered = [];
      window.refused = [];
      window.lost = [];
      window.socket = io({ reconnectionDelay: 10, reconnectionDelayMax: 10 });
      window.box = outbox(socket, {
        countMax: 50,
        onAnswer: (_event, args) => answered.push(args[0]),
        onLost: (_event, args, error) => lost.push([args[0], error.reason]),
      });
      await box.ready;
      return [box.isDurable, box.size];
    });
  assert.deepEqual(await start(), [true, 0]);
  await page.evaluate(() => {
    for (let number = 0; number < 55; number += 1) {
      box.emit("store", number).catch((error) => refused.push([number, error.reason]));
    }
  });
  // The first five answers make room once they are noted in the store.
  await until("the window to be full", () => handled.length === 15);
  await page.evaluate(() => box.saved());
  const refused = await page.evaluate(() => refused);
  assert.deepEqual(refused, [50, 51, 52, 53, 54].map((number) => [number, "full"]));

  // Reloads in the middle of it.
  await show(page, origin);
  assert.deepEqual(await start(), [true, 45]);
  mayAnswer = true;
  for (const answer of waiting.splice(0)) answer();
  await until("half of it", () => handled.length > 25);
  assert.deepEqual(await page.evaluate(() => lost), []);
  await show(page, origin);
  await start();
  await page.evaluate(() => {
    for (let number = 50; number < 60; number += 1) box.emit("store", number);
  });
  await until("an empty outbox", () => page.evaluate(() => box.size === 0));
  assert.deepEqual(await page.evaluate(() => lost), []);
  assert.deepEqual(handled, Array.from({ length: 60 }, (_, number) => number));
});

test("two tabs with an outbox do not touch each other's events", async (t) => {
  const server = http.createServer();
  const sio = new Server(server);
  makeReliable(sio.of("/"));
  const handled = [];
  sio.on("connection", (socket) => socket.on("store", (value, answer) => answer(handled.push(value))));
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const origin = `http://localhost:${server.address().port}`;
  t.after(() => new Promise((resolve) => sio.close(resolve)));
  const context = await browser.newContext();
  t.after(() => context.close());
  await serveClient(context, origin);
  const openTab = async (connect) => {
    const page = await clientPage(browser, origin, context);
    await page.evaluate(async (connect) => {
      const { outbox } = await import("/client/outbox.mjs");
      window.socket = io({ autoConnect: connect });
      window.box = outbox(socket);
      await box.ready;
    }, connect);
    return page;
  };
  const offline = await openTab(false);
  await offline.evaluate(() => {
    box.emit("store", "kept").catch(() => {});
    return box.saved();
  });
  const online = await openTab(true);
  assert.equal(await online.evaluate(() => box.size), 0);
  await within(PATIENCE, "the answer", online.evaluate(() => box.emit("store", "mine")));
  assert.deepEqual(handled, ["mine"]);
  // The tab is closed without ever connecting: the next one sends what it left.
  await offline.close();
  await until("its outbox to be free", () => online.evaluate(async () => {
    const { held } = await navigator.locks.query();
    return held.filter(({ name }) => name.startsWith("sockeye-outbox ")).length === 1;
  }));
  const heir = await openTab(true);
  await until("what was left", () => handled.length === 2);
  assert.deepEqual(handled, ["mine", "kept"]);
  await until("an empty outbox", () => heir.evaluate(() => box.size === 0));
});
