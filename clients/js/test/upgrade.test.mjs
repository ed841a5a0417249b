import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { createWorld, record, settle } from "./world.mjs";

const NAMES = ["polling", "websocket"];

/** A connected socket on polling, with the WebSocket being probed. */
async function probing(options) {
  const world = createWorld(options, NAMES);
  const socket = world.manager.socket("/");
  await settle();
  const [polling] = world.transports;
  polling.accept({ upgrades: ["websocket"] }).enter();
  await settle();
  const [, websocket] = world.transports;
  const events = record(world.manager.engine, "upgrading", "upgrade", "upgradeError", "close");
  websocket.accept(null);
  await settle();
  assert.deepEqual(websocket.sent, ["ping probe"]);
  return { world, socket, polling, websocket, events, engine: world.manager.engine };
}

const names = (events) => events.map(([name]) => name);

describe("upgrade", () => {
  it("changes the transport between two packets", async () => {
    const { socket, polling, websocket, events, engine } = await probing();
    polling.idle = false;
    socket.emit("by polling");
    websocket.receive("3probe");
    socket.emit("held back", 1);
    socket.emit("held back", 2);
    await settle();
    assert.equal(engine.transport, polling);
    assert.deepEqual(polling.sent, ["message 0", 'message 2["by polling"]']);
    assert.deepEqual(websocket.sent, ["ping probe"]);
    // The last poll ends with a packet.
    const received = record(socket, "last");
    polling.receive('42["last"]', "6");
    polling.paused();
    await settle();
    assert.equal(engine.transport, websocket);
    assert.deepEqual(names(events), ["upgrading", "upgrade"]);
    assert.deepEqual(websocket.sent.slice(1), [
      "upgrade",
      'message 2["held back",1]',
      'message 2["held back",2]',
    ]);
    assert.deepEqual(received, [["last"]]);
    websocket.receive('42["last",2]');
    await settle();
    assert.deepEqual(received[1], ["last", 2]);
    socket.disconnect();
  });

  it("waits for the packets that are being sent", async () => {
    const { socket, polling, websocket, engine } = await probing();
    polling.drains = false;
    socket.emit("under way");
    websocket.receive("3probe");
    socket.emit("next");
    await settle();
    assert.equal(engine.transport, polling);
    polling.drain();
    await settle();
    assert.equal(engine.transport, websocket);
    assert.deepEqual(polling.sent, ["message 0", 'message 2["under way"]']);
    assert.deepEqual(websocket.sent.slice(1), ["upgrade", 'message 2["next"]']);
    socket.disconnect();
  });

  const failures = {
    "the probe is refused": (websocket) => websocket.fail(),
    "the probe is closed": (websocket) => websocket.lose(),
    "the answer is another": (websocket) => websocket.receive("3"),
    "the answer is no packet": (websocket) => websocket.receive("x"),
  };
  for (const [title, happens] of Object.entries(failures)) {
    it(`stays on polling when ${title}`, async () => {
      const { socket, polling, websocket, events, engine } = await probing();
      happens(websocket);
      socket.emit("x");
      await settle();
      assert.deepEqual(names(events), ["upgradeError"]);
      assert.equal(events[0][1].transport, "websocket");
      assert.equal(engine.transport, polling);
      assert.deepEqual(polling.sent, ["message 0", 'message 2["x"]']);
      assert.equal(socket.connected, true);
      socket.disconnect();
    });
  }

  it("goes back to polling when the probe is lost while polling ends", async () => {
    const { socket, polling, websocket, events, engine } = await probing();
    polling.idle = false;
    websocket.receive("3probe");
    socket.emit("x");
    websocket.lose();
    await settle();
    assert.deepEqual(names(events), ["upgrading", "upgradeError"]);
    assert.equal(polling.resumed, true);
    assert.deepEqual(polling.sent, ["message 0", 'message 2["x"]']);
    assert.equal(engine.upgrading, false);
    socket.disconnect();
  });

  it("ends with the session", async () => {
    const { polling, websocket, events, socket } = await probing({ reconnection: false });
    polling.lose();
    await settle();
    assert.deepEqual(names(events), ["close", "upgradeError"].sort().reverse());
    assert.equal(websocket.closed, true);
    assert.equal(socket.connected, false);
  });

  it("is finished before the session closes", async () => {
    const { polling, websocket, events, engine, socket } = await probing();
    polling.idle = false;
    websocket.receive("3probe");
    socket.emit("x");
    socket.disconnect();
    await settle();
    assert.equal(engine.readyState, "closing");
    polling.paused();
    await settle();
    assert.deepEqual(websocket.sent.slice(1), ["upgrade", 'message 2["x"]', "message 1"]);
    assert.deepEqual(names(events), ["upgrading", "upgrade", "close"]);
    assert.equal(websocket.closed, true);
  });

  it("is not tried when switched off, nor to transports that are not wanted", async () => {
    for (const [options, wanted] of [
      [{ upgrade: false }, NAMES],
      [{}, ["polling"]],
    ]) {
      const world = createWorld(options, wanted);
      await settle();
      world.transport.accept({ upgrades: ["websocket", "constructor", "polling"] });
      await settle();
      assert.equal(world.transports.length, 1);
      world.manager._close();
    }
  });

  it("is remembered if asked to", async () => {
    const { socket, websocket, world } = await probing({ rememberUpgrade: true });
    websocket.receive("3probe");
    await settle();
    websocket.lose();
    await settle();
    world.manager.open();
    await settle();
    assert.equal(world.transport.name, "websocket");
    world.transport.fail();
    world.manager.open();
    await settle();
    assert.equal(world.transport.name, "polling");
    socket.disconnect();
    world.manager._close();
  });
});
