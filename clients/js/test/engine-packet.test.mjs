import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { decodePacket, encodeAsText, encodePacket } from "../build/engine/packet.js";
import * as browser from "../build/platform.js";
import * as node from "../build/platform.node.js";

describe("Engine.IO packets", () => {
  // Engine.IO v4 "Protocol": type digit and data.
  const vectors = [
    ["0{}", { type: "open", data: "{}" }],
    ["1", { type: "close", data: "" }],
    ["2probe", { type: "ping", data: "probe" }],
    ["3", { type: "pong", data: "" }],
    ["4hello €", { type: "message", data: "hello €" }],
    ["4", { type: "message", data: "" }],
    ["5", { type: "upgrade", data: "" }],
    ["6", { type: "noop", data: "" }],
  ];
  for (const [text, packet] of vectors) {
    it(JSON.stringify(text), () => {
      assert.equal(encodePacket(packet), text);
      assert.deepEqual(decodePacket(text, "arraybuffer"), packet);
    });
  }

  it("is an error packet otherwise", () => {
    for (const text of ["", "7", "x", "abc", "é", "-", "length", "b!!!", "b*"]) {
      assert.deepEqual(decodePacket(text, "arraybuffer"), { type: "error", data: "parser error" });
    }
  });

  it("sends binary as it is, or as base64 text", async () => {
    const data = Uint8Array.of(1, 2, 3, 4);
    assert.equal(encodePacket({ type: "message", data }), data);
    assert.equal(await encodeAsText({ type: "message", data }), "bAQIDBA==");
    assert.equal(await encodeAsText({ type: "message", data: data.buffer }), "bAQIDBA==");
    assert.equal(await encodeAsText({ type: "message", data: data.subarray(1, 3) }), "bAgM=");
    assert.equal(await encodeAsText({ type: "message", data: new Uint16Array(0) }), "b");
    assert.equal(
      await encodeAsText({ type: "message", data: new DataView(data.buffer, 3) }),
      "bBA==",
    );
    assert.equal(await encodeAsText({ type: "message", data: new Blob([data]) }), "bAQIDBA==");
    assert.equal(await encodeAsText({ type: "message", data: "text" }), "4text");
    const { type, data: decoded } = decodePacket("bAQIDBA==", "arraybuffer");
    assert.equal(type, "message");
    assert.deepEqual(decoded, data.buffer);
  });

  it("gives binary in the form that was asked for", async () => {
    const { buffer } = Uint8Array.of(1, 2);
    assert.equal(decodePacket(buffer, "arraybuffer").data, buffer);
    const blob = decodePacket(buffer, "blob").data;
    assert.ok(blob instanceof Blob);
    assert.deepEqual(await blob.arrayBuffer(), buffer);
    const inNode = node.toBinaryType(buffer, "nodebuffer");
    assert.ok(Buffer.isBuffer(inNode));
    assert.equal(inNode.buffer, buffer);
    assert.equal(node.toBinaryType(buffer, "arraybuffer"), buffer);
  });

  it("has the same base64 in browsers and in Node", () => {
    for (let length = 0; length < 600; length += 7) {
      const data = Uint8Array.from({ length }, (_, index) => (index * 31) % 256);
      const text = Buffer.from(data).toString("base64");
      for (const platform of [browser, node]) {
        assert.equal(platform.encodeBase64(data), text);
        assert.equal(platform.encodeBase64(new Uint8Array([0, ...data]).subarray(1)), text);
        const decoded = platform.decodeBase64(text);
        assert.ok(decoded instanceof ArrayBuffer);
        assert.deepEqual(new Uint8Array(decoded), data);
      }
    }
  });
});
