import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { RefusedError } from "../refusal.ts";
import { READ_INTERVAL, ReadPointer } from "./pointer.ts";

let sent: number[];
let isLooking: boolean;
let refusal: RefusedError | undefined;
let pointer: ReadPointer;

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  isLooking = true;
  refusal = undefined;
  pointer = new ReadPointer({
    isLooking: () => isLooking,
    send: async (message) => {
      sent.push(message);
      if (refusal) throw refusal;
    },
  });
  pointer.entered(5);
});
afterEach(() => vi.useRealTimers());

test("what is seen is read, once, and never backwards", () => {
  pointer.see(5);
  pointer.see(3);
  expect(sent).toEqual([]);
  pointer.see(6);
  pointer.see(6);
  expect(sent).toEqual([6]);
  expect(pointer.read).toBe(6);
});

test("it is told at most once a second, and the last one is not lost", () => {
  for (let message = 6; message <= 20; message++) pointer.see(message);
  expect(sent).toEqual([6]);
  vi.advanceTimersByTime(READ_INTERVAL - 1);
  expect(sent).toEqual([6]);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual([6, 20]);
  vi.advanceTimersByTime(10 * READ_INTERVAL);
  expect(sent).toEqual([6, 20]);
});

test("what is in sight while nobody looks is read when somebody does", () => {
  isLooking = false;
  pointer.see(9);
  expect(sent).toEqual([]);
  isLooking = true;
  pointer.look();
  expect(sent).toEqual([9]);
});

test("what was read on another device is not told again", () => {
  pointer.counted(8);
  pointer.see(8);
  expect(sent).toEqual([]);
  pointer.see(9);
  expect(sent).toEqual([9]);
});

test("what did not arrive is told when the room is entered again", async () => {
  refusal = new RefusedError({ code: "offline" });
  pointer.see(9);
  await vi.advanceTimersByTimeAsync(10 * READ_INTERVAL);
  expect(sent).toEqual([9]);
  pointer.entered(5);
  expect(sent).toEqual([9, 9]);
  pointer.entered(9);
  await vi.advanceTimersByTimeAsync(10 * READ_INTERVAL);
  expect(sent).toEqual([9, 9]);
});

test("a server that cannot store it at the moment is told again, as late as it says", async () => {
  refusal = new RefusedError({ code: "too_fast", retry_after: 3 });
  pointer.see(9);
  await vi.advanceTimersByTimeAsync(0);
  refusal = undefined;
  await vi.advanceTimersByTimeAsync(2999);
  expect(sent).toEqual([9]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toEqual([9, 9]);
});

test("what is marked as unread stays so until the room is shown anew", () => {
  pointer.see(9);
  pointer.hold();
  pointer.counted(6);
  pointer.see(10);
  pointer.look();
  vi.advanceTimersByTime(10 * READ_INTERVAL);
  expect(sent).toEqual([9]);
  pointer.release();
  pointer.see(10);
  expect(sent).toEqual([9, 10]);
});

test("what is marked as unread on another device stays so here, until it is read there", () => {
  pointer.see(9);
  pointer.counted(9);
  pointer.counted(2);
  pointer.see(10);
  vi.advanceTimersByTime(10 * READ_INTERVAL);
  expect(sent).toEqual([9]);
  pointer.counted(10);
  pointer.see(11);
  expect(sent).toEqual([9, 11]);
});
