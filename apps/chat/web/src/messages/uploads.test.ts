import { beforeEach, expect, test, vi } from "vitest";

import type { Picture } from "../contract.ts";
import { PICTURE_BYTES_MAX, refusalOf } from "./picture-limits.ts";
import { type Held, Uploads } from "./uploads.svelte.ts";

const stored = new Map<string, string>();
beforeEach(() => {
  stored.clear();
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, value: string) => void stored.set(name, value),
    removeItem: (name: string) => void stored.delete(name),
  });
});

const file = (name: string, type = "image/png") => new File(["x"], name, { type });

/** A server that answers when it is told to. */
function setUp() {
  const asked: { name: string; signal: AbortSignal; progress: (share: number) => void; answer: () => Promise<void>; refuse: (code: string) => Promise<void> }[] = [];
  const delivered: { what: string; pictures: string[] }[] = [];
  const uploads = new Uploads<string>({
    deliver: ({ what }: Held<string>, pictures) => delivered.push({ what, pictures: pictures.map(({ id }) => id) }),
    prepare: (file) => file,
    send: (_room, file, signal, progress) =>
      new Promise<Picture>((resolve, reject) => {
        const { name } = file as File;
        const settled = () => new Promise<void>((done) => setTimeout(done));
        asked.push({
          name,
          signal,
          progress,
          answer: () => (resolve({ id: `id-${name}`, width: 1, height: 1, bytes: 1 }), settled()),
          refuse: (code) => (reject({ code }), settled()),
        });
      }),
  });
  return { uploads, asked, delivered, names: () => asked.map(({ name }) => name) };
}

test("two are on their way at once, in the order they were chosen", async () => {
  const { uploads, asked, names } = setUp();
  uploads.add("r", ["a", "b", "c"].map((name) => file(name)));
  expect(names()).toEqual(["a", "b"]);
  expect(uploads.of("r").map(({ state }) => state)).toEqual(["sending", "sending", "waiting"]);
  asked[0]!.progress(0.5);
  expect(uploads.of("r")[0]!.progress).toBe(0.5);
  await asked[0]!.answer();
  expect(names()).toEqual(["a", "b", "c"]);
  expect(uploads.of("r")[0]).toMatchObject({ state: "done", progress: 1, picture: { id: "id-a" } });
});

test("what cannot be sent is said before anything is sent", () => {
  const { uploads, names } = setUp();
  uploads.add("r", [file("a.pdf", "application/pdf"), file("b.svg", "image/svg+xml")]);
  expect(names()).toEqual([]);
  expect(uploads.of("r").map(({ problem, mayRetry }) => [problem?.code, mayRetry])).toEqual([["not_a_picture", false], ["not_a_picture", false]]);
  expect(refusalOf({ type: "image/gif", size: PICTURE_BYTES_MAX + 1 })).toBe("file_too_large");
  expect(refusalOf({ type: "image/gif", size: PICTURE_BYTES_MAX })).toBeUndefined();
  // Others are made smaller.
  expect(refusalOf({ type: "image/jpeg", size: PICTURE_BYTES_MAX + 1 })).toBeUndefined();
  expect(refusalOf({ type: "image/heic", size: 1 })).toBeUndefined();
  expect(refusalOf({ type: "image/jpeg", size: 256 * 1024 * 1024 + 1 })).toBe("file_too_large");
  expect(refusalOf({ type: "", size: 1 })).toBeUndefined();
  uploads.add("other", Array.from({ length: 12 }, (_, n) => file(String(n))));
  expect(uploads.of("other").map(({ problem }) => problem?.code).filter(Boolean)).toEqual(["too_many_pictures", "too_many_pictures"]);
});

test("a message waits for its pictures, and goes out with them in order", async () => {
  const { uploads, asked, delivered } = setUp();
  uploads.add("r", [file("a"), file("b")]);
  expect(uploads.hold("other", "nothing", true)).toBeUndefined();
  const held = uploads.hold("r", "hello", true)!;
  expect(held.pictures.map(({ upload }) => upload?.state)).toEqual(["sending", "sending"]);
  expect(uploads.of("r")).toEqual([]);
  expect(uploads.held("r")).toEqual([held]);
  await asked[1]!.answer();
  expect(delivered).toEqual([]);
  await asked[0]!.answer();
  expect(delivered).toEqual([{ what: "hello", pictures: ["id-a", "id-b"] }]);
  expect(uploads.held("r")).toEqual([]);
  expect(uploads.isBusy).toBe(false);
});

test("pictures that are there already are sent at once", async () => {
  const { uploads, asked, delivered } = setUp();
  uploads.add("r", [file("a")]);
  await asked[0]!.answer();
  uploads.hold("r", "hello", true);
  expect(delivered).toEqual([{ what: "hello", pictures: ["id-a"] }]);
});

test("what has failed is tried again, or given up", async () => {
  const { uploads, asked, delivered } = setUp();
  uploads.add("r", [file("a"), file("b")]);
  uploads.hold("r", "hello", false);
  await asked[0]!.refuse("offline");
  await asked[1]!.refuse("not_a_picture");
  const [a, b] = uploads.held("r")[0]!.uploads;
  expect([a!.problem?.code, a!.mayRetry, b!.mayRetry]).toEqual(["offline", true, false]);
  b!.cancel();
  a!.retry();
  expect(a).toMatchObject({ state: "sending", progress: 0, problem: undefined });
  await asked[2]!.answer();
  expect(delivered).toEqual([{ what: "hello", pictures: ["id-a"] }]);
});

test("a message without pictures and text is none, and one with text goes out", async () => {
  const { uploads, asked, delivered } = setUp();
  uploads.add("r", [file("a")]);
  uploads.hold("r", "", false);
  uploads.held("r")[0]!.uploads[0]!.cancel();
  expect(asked[0]!.signal.aborted).toBe(true);
  uploads.add("r", [file("b")]);
  uploads.hold("r", "text", true);
  uploads.held("r")[0]!.uploads[0]!.cancel();
  expect(delivered).toEqual([{ what: "text", pictures: [] }]);
  expect(uploads.isBusy).toBe(false);
});

test("what was given up is not said to have failed, and makes room for the next", async () => {
  const { uploads, asked, names } = setUp();
  uploads.add("r", ["a", "b", "c"].map((name) => file(name)));
  const [a] = uploads.of("r");
  a!.cancel();
  await asked[0]!.refuse("offline");
  expect(a!.state).toBe("sending");
  expect(names()).toEqual(["a", "b", "c"]);
  expect(uploads.of("r").map(({ name }) => name)).toEqual(["b", "c"]);
});

test("a reload ends them, and that is said once", () => {
  setUp().uploads.add("r", [file("a"), file("b")]);
  expect(setUp().uploads.lost).toBe(2);
  expect(setUp().uploads.lost).toBe(0);
});

test("what is made smaller is sent in place of the file, once", async () => {
  const sent: Blob[] = [];
  const small = new Blob(["s"]);
  let made = 0;
  let finish = () => {};
  const uploads = new Uploads<string>({
    deliver: () => {},
    prepare: (file, _max, _signal, starting) => {
      if (file.size === 1) return file;
      starting();
      made++;
      return new Promise((resolve) => (finish = () => resolve(small)));
    },
    send: (_room, file) => {
      sent.push(file);
      return Promise.reject({ code: "offline" });
    },
  });
  uploads.add("r", [new File(["large"], "a", { type: "image/jpeg" }), file("b")], 3);
  const [a] = uploads.of("r");
  expect(a!.state).toBe("preparing");
  expect(sent).toHaveLength(1);
  finish();
  await vi.waitFor(() => expect(a!.state).toBe("failed"));
  expect(sent[1]).toBe(small);
  a!.retry();
  await vi.waitFor(() => expect(sent).toHaveLength(3));
  expect([sent[2], made]).toEqual([small, 1]);
});

test("what stays too large is not sent, and what was given up meanwhile neither", async () => {
  const { uploads, names } = setUp();
  uploads.add("r", [new File(["large"], "a", { type: "image/jpeg" })], 3);
  await vi.waitFor(() => expect(uploads.of("r")[0]!.problem?.code).toBe("file_too_large"));
  let finish = () => {};
  const held = new Uploads<string>({
    deliver: () => {},
    prepare: (file) => new Promise((resolve) => (finish = () => resolve(file))),
    send: () => Promise.reject(new Error("it was given up")),
  });
  held.add("r", [file("b")]);
  const [b] = held.of("r");
  b!.cancel();
  finish();
  await Promise.resolve();
  expect([names(), b!.problem]).toEqual([[], undefined]);
});
