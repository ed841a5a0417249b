import { beforeEach, expect, test } from "vitest";

import type { TextStorage } from "../storage.ts";
import { Drafts } from "./drafts.svelte.ts";
import { forgetWritten, Unsent } from "./unsent.ts";

let kept: Map<string, string>;
let storage: TextStorage;

beforeEach(() => {
  kept = new Map();
  storage = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
    namesFrom: (prefix) => [...kept.keys()].filter((name) => name.startsWith(prefix)),
  };
});

const written = (key: string) => ({ key, text: `text of ${key}`, at: Date.now() });

test("what was not confirmed is there in another tab, by room", () => {
  const tab = new Unsent(storage, "me");
  tab.save("a", [written("1"), { ...written("2"), problem: { code: "storage" } }]);
  tab.save("b", [written("3")]);
  const next = new Unsent(storage, "me");
  expect(next.rooms.sort()).toEqual(["a", "b"]);
  expect(next.load("a")).toMatchObject([{ key: "1" }, { key: "2", problem: { code: "storage" } }]);
  expect(next.load("c")).toEqual([]);
  next.save("a", []);
  next.save("b", []);
  expect([...kept.keys()]).toEqual([]);
});

test("tabs do not write over each other's", () => {
  const [one, other] = [new Unsent(storage, "me"), new Unsent(storage, "me")];
  one.save("a", [written("1")]);
  other.save("a", [written("2")]);
  one.save("a", []);
  expect(new Unsent(storage, "me").load("a")).toMatchObject([{ key: "2" }]);
});

test("what cannot be read or is too old goes", () => {
  kept.set("sockeye.unsent me a 1", "{");
  kept.set("sockeye.unsent me a 2", JSON.stringify({ ...written("another key") }));
  kept.set("sockeye.unsent me a 3", JSON.stringify({ ...written("3"), at: Date.now() - 8 * 24 * 3_600_000 }));
  kept.set("sockeye.unsent me a 4", JSON.stringify(written("4")));
  expect(new Unsent(storage, "me").load("a").map(({ key }) => key)).toEqual(["4"]);
  expect(kept.size).toBe(1);
});

test("drafts are kept by room and person", () => {
  const drafts = new Drafts(storage, "me");
  drafts.write("a", "half a");
  drafts.write("b", "half b");
  drafts.write("b", "");
  expect([drafts.of("a"), drafts.of("b")]).toEqual(["half a", ""]);
  expect(new Drafts(storage, "me").of("a")).toBe("half a");
  expect(new Drafts(storage, "somebody else").of("a")).toBe("");
});

test("who logs out leaves nothing written", () => {
  new Drafts(storage, "me").write("a", "half");
  new Drafts(storage, "other").write("a", "theirs");
  new Unsent(storage, "me").save("a", [written("1")]);
  forgetWritten(storage, "me");
  expect([...kept.keys()]).toEqual(["sockeye.draft other a"]);
});
