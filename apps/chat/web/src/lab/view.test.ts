import { expect, test } from "vitest";

import { alone, axisOf, bridged, plotted, valueOf } from "./axis.ts";
import type { WireRecord } from "./contract.ts";
import { bitsOf, bytesOf, fieldAt } from "./dissect.ts";
import { linesOf } from "./header-names.ts";
import { positionOf, STEPS, typed, valueAt } from "./scale.ts";

test("a slider gives the bounds at its ends, and what it was given in between", () => {
  for (const scale of [{ min: 0.1, max: 100, isLogarithmic: true }, { min: 0, max: 5_000 }]) {
    expect([valueAt(0, scale), valueAt(STEPS, scale)]).toEqual([scale.min, scale.max]);
    for (const value of [1, 20, 100]) {
      const back = valueAt(positionOf(value, scale), scale);
      expect(Math.abs(back - value)).toBeLessThanOrEqual(value * 0.05 + (scale.isLogarithmic ? 0 : 5));
    }
    expect([positionOf(-7, scale), positionOf(1e9, scale)]).toEqual([0, STEPS]);
  }
});

test("an emptied or nonsensical field is no number, and one out of bounds is brought back", () => {
  const scale = { min: 64, max: 65_536 };
  expect(["", "  ", "x", "1e999", "-3", "99999", "126"].map((text) => typed(text, scale))).toEqual([null, null, null, null, 64, 65_536, 126]);
});

test("delays that differ by more than ten times are shown on powers of ten", () => {
  expect(axisOf([[1, 2, null], [15]], true)).toMatchObject({ isLogarithmic: false, to: 20 });
  const axis = axisOf([[1, 2, null], [800], [null]], true);
  expect(axis).toEqual({ isLogarithmic: true, from: 0, to: 3, splits: [0, 1, 2, 3] });
  expect([plotted(null, axis), plotted(100, axis), plotted(0, axis)]).toEqual([null, 2, -1]);
  expect(valueOf(2, axis)).toBe(100);
  expect(axisOf([[1, 2], [800]], false)).toEqual({ isLogarithmic: false, from: 0, to: 1_000, splits: [0, 500, 1_000] });
  expect(axisOf([[1, 2, 300], [800]], true).isLogarithmic, "a moment in which all were late").toBe(true);
  expect(axisOf([[null], []], true)).toMatchObject({ from: 0, to: 1 });
});

test("one second without a value is bridged, more are a gap", () => {
  expect(bridged([null, 1, null, 3, null, null, 5, null])).toEqual([null, 1, 2, 3, null, null, 5, null]);
});

test("a value without a neighbour is found, so that it can be drawn", () => {
  expect(alone([1, null, 2, 3, null, 4])).toEqual([0, 5]);
  expect([alone([null]), alone([7, undefined, 8, null])]).toEqual([[], [0, 2]]);
});

const at = { at: 0, connection: 1, packets: [] };
const frame: WireRecord = {
  ...at, direction: "up", kind: "frame", bytes: 11, hex: "8185010203046967", text: "he",
  fields: [
    { name: "fin", value: "1", from: 0, to: 1 }, { name: "opcode", value: "1 (text)", from: 0, to: 1 },
    { name: "mask", value: "1", from: 1, to: 2 }, { name: "length_form", value: "7", from: 1, to: 2 },
    { name: "masking_key", value: "01020304", from: 2, to: 6 }, { name: "payload", value: "he", from: 6, to: 11 },
  ],
};

test("a frame's first two bytes are drawn bit by bit, each with its field", () => {
  expect(bitsOf(frame).map(({ name, bits, field }) => [name, bits, field])).toEqual([
    ["FIN", "1", 0], ["RSV1", "0", -1], ["RSV2", "0", -1], ["RSV3", "0", -1], ["opcode", "0001", 1], ["MASK", "1", 2], ["length", "0000101", 3],
  ]);
  expect(bitsOf({ ...frame, kind: "body" })).toEqual([]);
  expect(bitsOf({ ...frame, hex: "81" })).toEqual([]);
});

test("bytes are those of the wire, of a head those of its text", () => {
  expect(bytesOf(frame).map(({ hex, text }) => hex + text)).toEqual(["81·", "85·", "01·", "02·", "03·", "04·", "69i", "67g"]);
  expect(bytesOf({ ...frame, kind: "request", hex: "47", text: "GET /\r" }).map(({ text }) => text).join("")).toBe("GET /·");
  expect([0, 3, 6, 10, 11].map((byte) => fieldAt(frame.fields, byte))).toEqual([0, 4, 5, 5, -1]);
});

test("each line of a handshake has a sentence, and those it needs are told apart", () => {
  const lines = linesOf("GET /ws HTTP/1.1\r\nHost: a:1\r\nUpgrade: websocket\r\nX-Other: 1: 2\r\n\r\n");
  expect(lines.map(({ name, value, isNeeded }) => [name, value, isNeeded])).toEqual([
    ["", "GET /ws HTTP/1.1", true], ["Host", "a:1", true], ["Upgrade", "websocket", true], ["X-Other", "1: 2", false],
  ]);
  expect(lines.every(({ about }) => about.endsWith("."))).toBe(true);
  expect(linesOf("HTTP/1.1 101 Switching Protocols\r\n\r\n")[0].about).toMatch(/101/);
});
