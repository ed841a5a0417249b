import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Decoder, Encoder } from "../build/parser/packet.js";

const encode = (packet) => new Encoder().encode(packet);

function decode(...messages) {
  const decoder = new Decoder();
  const packets = [];
  decoder.on("decoded", (packet) => packets.push(packet));
  for (const message of messages) decoder.add(message);
  return packets;
}

describe("Socket.IO packets", () => {
  // Socket.IO v5 "Packet encoding".
  const vectors = [
    ["0", { type: 0, nsp: "/", data: undefined }],
    ['0{"token":"123"}', { type: 0, nsp: "/", data: { token: "123" } }],
    ["0/admin,", { type: 0, nsp: "/admin", data: undefined }],
    [
      '0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}',
      { type: 0, nsp: "/admin", data: { sid: "oSO0OpakMV_3jnilAAAA" } },
    ],
    ['4{"message":"Not authorized"}', { type: 4, nsp: "/", data: { message: "Not authorized" } }],
    ['4/a,{"message":"no","data":[1]}', { type: 4, nsp: "/a", data: { message: "no", data: [1] } }],
    ["1", { type: 1, nsp: "/", data: undefined }],
    ["1/admin,", { type: 1, nsp: "/admin", data: undefined }],
    ['2["foo"]', { type: 2, nsp: "/", data: ["foo"] }],
    ['2/admin,["bar",1,null]', { type: 2, nsp: "/admin", data: ["bar", 1, null] }],
    ['212["foo"]', { type: 2, nsp: "/", id: 12, data: ["foo"] }],
    ['2/방 이름,0[","]', { type: 2, nsp: "/방 이름", id: 0, data: [","] }],
    ["3/admin,13[]", { type: 3, nsp: "/admin", id: 13, data: [] }],
    ['2[5,"numbers are names, too"]', { type: 2, nsp: "/", data: [5, "numbers are names, too"] }],
  ];
  for (const [text, packet] of vectors) {
    it(text, () => {
      assert.deepEqual(encode(packet), [text]);
      assert.deepEqual(decode(text), [packet]);
    });
  }

  it("needs no comma behind a namespace without payload", () => {
    assert.deepEqual(decode("0/admin"), [{ type: 0, nsp: "/admin", data: undefined }]);
  });

  it("sends binary as attachments", () => {
    const one = Uint8Array.of(1);
    const two = Uint8Array.of(2).buffer;
    const event = { type: 2, nsp: "/", data: ["baz", one, { deep: [two] }] };
    const header =
      '52-["baz",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]}]';
    assert.deepEqual(encode(event), [header, one, two]);
    assert.deepEqual(decode(header, one, two), [event]);

    const ack = { type: 3, nsp: "/admin", id: 456, data: [one] };
    const ackHeader = '61-/admin,456[{"_placeholder":true,"num":0}]';
    assert.deepEqual(encode(ack), [ackHeader, one]);
    assert.deepEqual(decode(ackHeader, one), [ack]);
  });

  it("finds binary behind toJSON, and leaves the arguments alone", () => {
    const buffer = Buffer.from("b");
    const args = ["x", { toJSON: () => ({ inner: buffer }) }, new Date(0), buffer, undefined];
    const [header, ...attachments] = encode({ type: 2, nsp: "/", data: args });
    assert.equal(
      header,
      '52-["x",{"inner":{"_placeholder":true,"num":0}},"1970-01-01T00:00:00.000Z",{"_placeholder":true,"num":1},null]',
    );
    assert.deepEqual(attachments, [buffer, buffer]);
    assert.equal(args[3], buffer);
  });

  it("has no attachments in CONNECT", () => {
    const [text, ...rest] = encode({ type: 0, nsp: "/", data: { view: Uint8Array.of(1) } });
    assert.equal(text, '0{"view":{"0":1}}');
    assert.deepEqual(rest, []);
  });

  it("takes placeholders for data where no attachments are", () => {
    const text = '2["x",{"_placeholder":true,"num":0}]';
    assert.deepEqual(decode(text)[0].data, ["x", { _placeholder: true, num: 0 }]);
  });

  it("uses an attachment twice if asked to, and drops those that nobody uses", () => {
    const one = Uint8Array.of(1);
    const twice = decode(
      '51-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
      one,
    );
    assert.deepEqual(twice[0].data, ["x", one, one]);
    assert.deepEqual(decode('52-["x"]', one, one)[0].data, ["x"]);
  });

  it("goes on after a packet with attachments, and after destroy()", () => {
    const one = Uint8Array.of(1);
    const header = '51-["x",{"_placeholder":true,"num":0}]';
    assert.equal(decode(header, one, '2["y"]', header, one).length, 3);

    const decoder = new Decoder();
    const packets = [];
    decoder.on("decoded", (packet) => packets.push(packet));
    decoder.add(header);
    decoder.destroy();
    decoder.add('2["y"]');
    assert.deepEqual(
      packets.map(({ data }) => data),
      [["y"]],
    );
  });

  const refused = [
    ["", "7", "9[]", "x", "[]", '"2"', "-1", ' 2["x"]'],
    ["2", "2{}", '2"x"', "2[]", "2[null]", "2[true]", "2[{}]", "2[[]]", '2["x"', "2x"],
    ['2["connect"]', '2["connect_error"]', '2["disconnect"]', '2["disconnecting"]'],
    ['2["newListener"]', '2["removeListener"]', '51-["connect"]'],
    ["3", "31", "31{}", '3"x"', "61-{}"],
    ["5", '5["x"]', '5-["x"]', '51["x"]', '5-1-["x"]', '51.5-["x"]', '5x-["x"]'],
    ['50-["x"]', "60-[]", '511-["x"]', '599999999999999999999-["x"]'],
  ];
  for (const text of refused.flat()) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => decode(text), Error);
    });
  }

  it("refuses messages out of turn", () => {
    const one = Uint8Array.of(1);
    const header = '52-["x",{"_placeholder":true,"num":0}]';
    assert.throws(() => decode(one), /invalid packet/);
    assert.throws(() => decode(header, one, '2["y"]'), /invalid packet/);
    assert.throws(() => decode(header, one, one, one), /invalid packet/);
    assert.throws(() => decode(undefined), Error);
    assert.throws(() => decode(5), Error);
  });

  for (const num of ["-1", "1", "0.5", "1e9", '"0"', '"length"', "null", "{}", "[0]"]) {
    it(`refuses the placeholder number ${num}`, () => {
      const header = `51-["x",{"_placeholder":true,"num":${num}}]`;
      assert.throws(() => decode(header, Uint8Array.of(1)), /invalid packet/);
    });
  }

  it("takes as many attachments as the limit says and no more", () => {
    const decoder = new Decoder({ maxAttachments: 2 });
    decoder.add('52-["x"]');
    decoder.destroy();
    assert.throws(() => decoder.add('53-["x"]'), /invalid packet/);
    const parts = Array.from({ length: 10 }, () => Uint8Array.of(1));
    assert.equal(decode('510-["x"]', ...parts).length, 1);
  });

  it("does not let data reach the prototype of objects", () => {
    const one = Uint8Array.of(1);
    const header = '51-["x",{"__proto__":{"polluted":true},"b":{"_placeholder":true,"num":0}}]';
    const [{ data }] = decode(header, one);
    assert.equal({}.polluted, undefined);
    assert.equal(Object.getPrototypeOf(data[1]), Object.prototype);
    assert.equal(data[1].b, one);
  });

  it("survives deep nesting", () => {
    const depth = 200_000;
    const deep = '51-["x",' + "[".repeat(depth) + "]".repeat(depth) + "]";
    try {
      decode(deep, Uint8Array.of(1));
    } catch (error) {
      assert.ok(error instanceof RangeError || error instanceof SyntaxError, String(error));
    }
  });

  it("reads large packets in linear time", () => {
    const text = '2["x","' + "1-/,".repeat(2_000_000) + '"]';
    const start = performance.now();
    assert.equal(decode(text)[0].data[1].length, 8_000_000);
    assert.ok(performance.now() - start < 30_000);
  });
});
