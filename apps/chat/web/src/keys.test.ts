import { expect, test } from "vitest";

import { type Key, sendsOn } from "./keys.ts";

const press = (change: Partial<Key>): boolean =>
  sendsOn({
    key: "Enter",
    keyCode: 13,
    shiftKey: false,
    ctrlKey: false,
    altKey: false,
    metaKey: false,
    isComposing: false,
    ...change,
  });

test("Enter sends, with Shift it is a new line", () => {
  expect(press({})).toBe(true);
  expect(press({ shiftKey: true })).toBe(false);
  expect(press({ key: "a" })).toBe(false);
});

test("Enter that ends the composition of a syllable does not send", () => {
  expect(press({ isComposing: true })).toBe(false);
  expect(press({ keyCode: 229 })).toBe(false);
});
