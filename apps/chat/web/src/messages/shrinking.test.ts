import { afterEach, expect, test, vi } from "vitest";

import { type Asked, fitted } from "./fitting.ts";
import { isTooLarge, kindOf, prepare } from "./shrinking.ts";

const blob = (...parts: (string | number[])[]) =>
  new Blob(parts.map((part) => (typeof part === "string" ? new Uint8Array([...part].map((one) => one.charCodeAt(0))) : new Uint8Array(part))));
const u16 = (value: number) => [value >> 8, value & 255];

/** A JPEG as far as its frame's header: 9 bytes of a part that cameras write, and padding, before it. */
const jpeg = (width: number, height: number, frame = 0xc0) =>
  blob([0xff, 0xd8, 0xff, 0xe1, ...u16(9)], "Exif...", [0xff, 0xff, 0xff, 0xc4, ...u16(3), 0], [0xff, frame, ...u16(17), 8, ...u16(height), ...u16(width), 3], "rest");
const png = (width: number, height: number) =>
  blob([0x89], "PNG\r\n\x1a\n", [0, 0, 0, 13], "IHDR", [0, 0, ...u16(width), 0, 0, ...u16(height)], "rest of it");
const little = (value: number, bytes: number) => Array.from({ length: bytes }, (_, n) => (value >> (8 * n)) & 255);
const webp = (part: string, ...rest: number[][]) => blob("RIFF", [0, 0, 0, 0], "WEBP", part, [0, 0, 0, 0], ...rest, "0123456789");

test("the first bytes tell what it is and how large", async () => {
  expect(await kindOf(jpeg(8000, 6000))).toEqual({ type: "image/jpeg", width: 8000, height: 6000, pixelsMax: 22e6 });
  expect(await kindOf(jpeg(30, 20, 0xc2))).toMatchObject({ width: 30, height: 20, pixelsMax: 7e6 });
  expect(await kindOf(png(4000, 3000))).toMatchObject({ type: "image/png", width: 4000, height: 3000 });
  expect(await kindOf(webp("VP8 ", [0, 0, 0, 0x9d, 1, 0x2a], little(5000, 2), little(4000, 2)))).toMatchObject({ type: "image/webp", width: 5000, height: 4000 });
  expect(await kindOf(webp("VP8L", [0x2f], little(4999 | (3999 << 14), 4)))).toMatchObject({ width: 5000, height: 4000 });
  const extended = (flags: number) => webp("VP8X", [flags, 0, 0, 0], little(4999, 3), little(70_000, 3));
  expect(await kindOf(extended(16))).toMatchObject({ width: 5000, height: 70_001 });
  expect(await kindOf(blob([0, 0, 0, 24], "ftypheic", [0, 0, 0, 0]))).toEqual({ type: "image/jpeg", pixelsMax: 7e6 });
});

test("what moves, and what is none, stays as it is", async () => {
  expect(await kindOf(webp("VP8X", [2, 0, 0, 0], little(9_999, 3), little(9_999, 3)))).toBeUndefined();
  for (const other of ["", "GIF89a", "%PDF-1.7", "<svg onload=alert(1)>", "RIFF....WAVE", "\xff\xd8\xff\xda", "\xff\xd8nonsense"]) {
    expect(await kindOf(blob(other)), other).toBeUndefined();
  }
  // Parts that lead nowhere come to an end.
  const endless = new Blob([new Uint8Array([0xff, 0xd8]), ...Array.from({ length: 500 }, () => new Uint8Array([0xff, 0xe1, 0, 2]))]);
  expect(await kindOf(endless)).toBeUndefined();
});

test("pixels, sides and bytes have their limits", () => {
  const photo = (width: number, height: number) => ({ type: "image/jpeg" as const, width, height, pixelsMax: 22e6 });
  expect(isTooLarge(photo(5500, 4000), 1, 1)).toBe(false);
  expect(isTooLarge(photo(5501, 4000), 1, 1)).toBe(true);
  expect(isTooLarge(photo(1, 1), 2, 1)).toBe(true);
  expect(isTooLarge(photo(16_384, 1), 1, 1)).toBe(false);
  expect(isTooLarge(photo(16_385, 1), 1, 1)).toBe(true);
  expect(isTooLarge({ type: "image/jpeg", pixelsMax: 1 }, 1, 1)).toBe(true);
});

test("it keeps its shape, and does not grow", () => {
  const limits = { sideMax: 2_560, pixelsMax: 6e6 };
  expect(fitted(8000, 6000, limits)).toEqual([2560, 1920]);
  expect(fitted(3000, 3000, limits)).toEqual([2449, 2449]);
  expect(fitted(30_000, 3, limits)).toEqual([2560, 1]);
  expect(fitted(640, 480, limits)).toEqual([640, 480]);
});

/** Threads that answer when they are told to. */
class FakeWorker {
  static all: FakeWorker[] = [];
  asked?: Asked;
  isEnded = false;
  onmessage?: (event: { data?: Blob }) => void;
  onerror?: () => void;
  constructor() {
    FakeWorker.all.push(this);
  }
  postMessage(asked: Asked): void {
    this.asked = asked;
  }
  terminate(): void {
    this.isEnded = true;
  }
}
afterEach(() => vi.unstubAllGlobals());

test("one is drawn after the other, and the thread ends", async () => {
  vi.stubGlobal("Worker", FakeWorker);
  const told: string[] = [];
  const start = (name: string, signal = new AbortController().signal) => prepare(jpeg(8000, 6000), 1_000, signal, () => told.push(name));
  const small = jpeg(80, 60);
  expect(await prepare(small, 1_000, new AbortController().signal, () => told.push("small"))).toBe(small);
  const giving = new AbortController();
  const made = [start("a"), start("b"), start("c", giving.signal), start("d")];
  const workers = (count: number) => vi.waitFor(() => expect(FakeWorker.all).toHaveLength(count));
  await workers(1);
  expect(FakeWorker.all[0]!.asked).toMatchObject({ type: "image/jpeg", sideMax: 2_560, pixelsMax: 22e6, bytesMax: 1_000 });
  const answer = new Blob(["smaller"]);
  FakeWorker.all[0]!.onmessage!({ data: answer });
  expect(await made[0]).toBe(answer);
  expect(FakeWorker.all[0]!.isEnded).toBe(true);
  await workers(2);
  // What cannot be drawn stays as it is.
  FakeWorker.all[1]!.onerror!();
  expect((await made[1])!.size).toBe(jpeg(8000, 6000).size);
  await workers(3);
  giving.abort();
  await workers(4);
  expect(FakeWorker.all[2]!.isEnded).toBe(true);
  FakeWorker.all[3]!.onmessage!({});
  await made[3];
  expect(told.sort()).toEqual(["a", "b", "c", "d"]);
});
