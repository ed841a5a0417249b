import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { NamedEmitter as Emitter } from "../build/named-emitter.js";

describe("Emitter", () => {
  it("calls listeners in order, with the emitter as this", () => {
    const emitter = new Emitter();
    const calls = [];
    emitter.on("x", function (...args) {
      calls.push([this === emitter, ...args]);
    });
    emitter.on("x", (value) => calls.push(value));
    assert.equal(emitter.emit("x", 1, 2), emitter);
    assert.deepEqual(calls, [[true, 1, 2], 1]);
  });

  it("calls a once listener once, even when it raises the event again", () => {
    const emitter = new Emitter();
    let calls = 0;
    emitter.once("x", () => {
      calls++;
      emitter.emit("x");
    });
    emitter.emit("x").emit("x");
    assert.equal(calls, 1);
    assert.equal(emitter.hasListeners("x"), false);
  });

  it("removes one listener, those of an event, or all", () => {
    const emitter = new Emitter();
    const calls = [];
    const listener = () => calls.push("x");
    emitter.on("x", listener).on("x", listener).once("x", listener).on("y", listener);
    emitter.off("x", listener).off("x", () => {});
    emitter.emit("x");
    assert.equal(calls.length, 2);
    emitter.off("x", listener).emit("x");
    assert.equal(calls.length, 2);
    emitter.on("x", listener).on("x", listener).off("x").emit("x");
    assert.equal(calls.length, 2);
    emitter.on("x", listener).off().emit("x").emit("y");
    assert.equal(calls.length, 2);
    assert.deepEqual(emitter.listeners("nothing"), []);
  });

  it("counts the arguments of off, as socket.io-client does", () => {
    for (const off of ["off", "removeListener", "removeEventListener", "removeAllListeners"]) {
      const emitter = new Emitter();
      const listener = () => {};
      emitter.on("a", listener).on("b", listener).on(undefined, listener);
      const left = () => Object.keys(emitter._callbacks).map((name) => name.slice(1)).join();
      emitter[off]("a", undefined)[off]("a", null)[off]("a", () => {})[off](undefined, () => {})[off](null);
      assert.equal(left(), "a,b,undefined", off);
      emitter[off](undefined, listener);
      assert.equal(left(), "a,b", off);
      emitter[off](undefined);
      assert.equal(left(), "a,b", off);
      emitter.once(undefined, listener).emit(undefined);
      assert.equal(left(), "a,b", off);
      emitter[off]("a");
      assert.equal(left(), "b", off);
      emitter[off]();
      assert.equal(left(), "", off);
    }
  });

  it("has the other names of on and off", () => {
    const emitter = new Emitter();
    for (const off of ["removeListener", "removeEventListener", "removeAllListeners"]) {
      const listener = () => assert.fail("removed");
      emitter.addEventListener("x", listener);
      emitter[off]("x", listener);
      emitter.emit("x");
    }
  });

  it("does not mind listeners that come and go while an event is raised", () => {
    const emitter = new Emitter();
    const calls = [];
    const second = () => calls.push("second");
    emitter.on("x", () => {
      calls.push("first");
      emitter.off("x", second).on("x", () => calls.push("late"));
    });
    emitter.on("x", second);
    emitter.emit("x");
    assert.deepEqual(calls, ["first", "second"]);
  });

  it("takes names from the peer that objects have by nature", () => {
    const emitter = new Emitter();
    for (const name of ["__proto__", "constructor", "hasOwnProperty"]) {
      assert.deepEqual(emitter.listeners(name), []);
      emitter.emit(name);
      let calls = 0;
      emitter.on(name, () => calls++).emit(name);
      assert.equal(calls, 1);
    }
  });

  it("reports what a listener throws, but goes on", async () => {
    const emitter = new Emitter();
    let called = false;
    emitter.on("x", () => {
      throw new Error("a listener's mistake");
    });
    emitter.on("x", () => (called = true));
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const uncaught = new Promise((resolve) => process.once("uncaughtException", resolve));
    emitter.emit("x");
    assert.equal(called, true);
    assert.equal((await uncaught).message, "a listener's mistake");
    for (const listener of listeners) process.on("uncaughtException", listener);
  });
});
