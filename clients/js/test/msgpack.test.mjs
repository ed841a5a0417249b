// The MessagePack parser, by the examples of the MessagePack specification and over a connection.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { decode } from "../build/msgpack/decode.js";
import { encode } from "../build/msgpack/encode.js";
import { Decoder, Encoder } from "../build/msgpack/index.js";
import { createWorld, settle } from "./world.mjs";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const read = (text) => decode(Buffer.from(text, "hex"), (bytes) => new Uint8Array(bytes));

describe("MessagePack", () => {
  const vectors = [
    [null, "c0"],
    [false, "c2"],
    [true, "c3"],
    [0, "00"],
    [127, "7f"],
    [128, "cc80"],
    [256, "cd0100"],
    [65536, "ce00010000"],
    [2 ** 32, "cf0000000100000000"],
    [-1, "ff"],
    [-32, "e0"],
    [-33, "d0df"],
    [-129, "d1ff7f"],
    [-32769, "d2ffff7fff"],
    [-(2 ** 31) - 1, "d3ffffffff7fffffff"],
    [1.5, "cb3ff8000000000000"],
    ["", "a0"],
    ["가", "a3eab080"],
    ["a".repeat(32), "d920" + "61".repeat(32)],
    ["a".repeat(256), "da0100" + "61".repeat(256)],
    [[], "90"],
    [[1, [2]], "92019102"],
    [Array(16).fill(0), "dc0010" + "00".repeat(16)],
    [{}, "80"],
    [{ a: 1, b: null }, "82a16101a162c0"],
    [Uint8Array.of(1, 2), "c4020102"],
  ];
  for (const [value, text] of vectors) {
    it(`${text.slice(0, 24)} both ways`, () => {
      assert.equal(hex(encode(value)), text);
      assert.deepEqual(read(text), value);
    });
  }

  it("does with other values what JSON does", () => {
    assert.deepEqual(read(hex(encode({ a: undefined, f() {}, d: new Date(0) }))), {
      d: "1970-01-01T00:00:00.000Z",
    });
    assert.deepEqual(read(hex(encode([undefined, () => {}, 2n ** 40n]))), [null, null, 2 ** 40]);
    assert.throws(() => encode(Symbol("x")), TypeError);
    assert.throws(() => encode(2n ** 64n), RangeError);
    assert.throws(() => encode(new Blob([])), TypeError);
  });

  it("reads time stamps, and the official undefined", () => {
    assert.deepEqual(read("d6ff00000001"), new Date(1000));
    assert.deepEqual(read("d7ff0000000000000001"), new Date(1000));
    assert.deepEqual(read("c70cff000000000000000000000001"), new Date(1000));
    assert.equal(read("d40000"), undefined);
  });

  it("reads dates and binary data of the official server, in every form", () => {
    for (const time of [0, 1, Date.UTC(2026, 10, 29), -1, -(2 ** 40)]) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(BigInt(time));
      assert.deepEqual(read("d700" + hex(bytes)), new Date(time));
    }
    for (const [head, length] of [["c700", 0], ["c701", 1], ["c708", 8], ["c80100", 256], ["c900010000", 65536]]) {
      const data = read(head + "00" + "07".repeat(length));
      assert.ok(data instanceof ArrayBuffer, head);
      assert.deepEqual(new Uint8Array(data), new Uint8Array(length).fill(7), head);
    }
    // Which it never sends; npm's client makes the same of them.
    for (const [head, length] of [["d5", 2], ["d6", 4], ["d8", 16]]) {
      assert.deepEqual(read(head + "00" + "07".repeat(length)), [0, new Uint8Array(length).fill(7)]);
    }
    assert.deepEqual(read("93d7000000000000000001c701000701"), [new Date(1), Uint8Array.of(7).buffer, 1]);
  });

  it("refuses what is cut short, too long or unknown, without reserving what it announces", () => {
    for (const text of ["", "c1", "dd00", "ddffffffff", "dfffffffff", "dbffffffff61", "c6ffffffff"]) {
      assert.throws(() => read(text), text);
    }
    for (const text of ["0000", "d40100", "c7", "cb00", "d70000", "c70200ff", "c80001", "c9ffffffff00", "c70101ff"]) assert.throws(() => read(text), text);
  });

  it("keeps names of the peer away from prototypes", () => {
    const value = read(hex(encode(JSON.parse('{"__proto__":{"a":1}}'))));
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal(value.a, undefined);
  });
});

describe("msgpack parser", () => {
  const write = (packet) => encode(packet);

  it("makes one message of a packet", () => {
    const [message, ...others] = new Encoder().encode({ type: 2, nsp: "/", data: ["a"], id: 1 });
    assert.deepEqual(others, []);
    assert.deepEqual(read(hex(message)), { type: 2, data: ["a"], nsp: "/", id: 1 });
  });

  it("refuses what is no packet", () => {
    const bad = [
      null,
      [],
      {},
      { type: 5, nsp: "/", data: ["a"] },
      { type: -1, nsp: "/" },
      { type: "2", nsp: "/", data: ["a"] },
      { type: 2, nsp: 1, data: ["a"] },
      { type: 2, nsp: "/", data: {} },
      { type: 2, nsp: "/", data: ["connect"] },
      { type: 3, nsp: "/", data: ["a"], id: 1.5 },
    ];
    for (const packet of bad) {
      assert.throws(() => new Decoder().add(write(packet)), undefined, JSON.stringify(packet));
    }
    assert.throws(() => new Decoder().add("2[]"));
  });

  it("carries events of a connection", async () => {
    const world = createWorld({ parser: { Encoder, Decoder } });
    const socket = world.manager.socket("/");
    const seen = [];
    socket.on("x", (...args) => seen.push(args));
    await settle();
    const { transport } = world;
    transport.accept();
    await settle();
    const receive = (packet) => transport.onData(write(packet).buffer);
    receive({ type: 0, nsp: "/", data: { sid: "id" } });
    await settle();
    assert.equal(socket.id, "id");
    receive({ type: 2, nsp: "/", data: ["x", 1, Uint8Array.of(7)], unknown: true });
    await settle();
    assert.equal(seen[0][0], 1);
    assert.deepEqual(new Uint8Array(seen[0][1]), Uint8Array.of(7));
    world.manager._close();
  });
});
