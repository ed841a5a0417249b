import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { countsOf, fakeConnection, placeIn, refused, roomOf, settled } from "../fake-connection.ts";
import { othersOf, RoomList, titleOf } from "./list.svelte.ts";

let fake: ReturnType<typeof fakeConnection>;
let list: RoomList;

beforeEach(() => {
  vi.useFakeTimers();
  fake = fakeConnection();
  list = new RoomList(fake.connection);
});
afterEach(() => vi.useRealTimers());

const shown = () => list.rooms.map(({ id }) => id);
const room = (id: string, active_at: number) => roomOf(id, { active_at });

async function load(rooms = [room("a", 1), room("b", 2)], next: string | null = null) {
  await fake.rooms.accept();
  await fake.rooms.answer("list", { rooms, memberships: [], counts: [], next });
}

test("pinned rooms come first, then those with the newest message", async () => {
  await load([room("a", 1), room("b", 2), room("c", 3)]);
  expect(shown()).toEqual(["c", "b", "a"]);
  fake.rooms.tell("membership", placeIn("a", { is_pinned: true }));
  expect(shown()).toEqual(["a", "c", "b"]);
  fake.rooms.tell("rooms", { changed: [room("b", 9)], removed: [] });
  expect(shown()).toEqual(["a", "b", "c"]);
});

test("changes come by themselves: new rooms, other rooms, rooms that are gone", async () => {
  await load();
  fake.rooms.tell("rooms", { changed: [room("c", 3), { ...room("a", 1), title: "renamed" }], removed: ["b"] });
  expect(shown()).toEqual(["c", "a"]);
  expect(list.room("a")?.title).toBe("renamed");
  expect(fake.rooms.asked("list"), "nobody is asked again").toEqual([]);
});

test("a room that changes before the list is there does not stand there alone", async () => {
  await fake.rooms.accept();
  fake.rooms.tell("rooms", { changed: [room("b", 9)], removed: [] });
  expect(shown()).toEqual([]);
  await fake.rooms.answer("list", { rooms: [room("a", 1), room("b", 9)], memberships: [placeIn("a", { is_pinned: true })], counts: [], next: null });
  expect(shown()).toEqual(["a", "b"]);
});

test("more rooms come on asking, and those further down do not stand in between before", async () => {
  await load([room("a", 10), room("b", 9)], "next");
  expect(list.hasMore).toBe(true);
  fake.rooms.tell("rooms", { changed: [room("old", 1)], removed: [] });
  expect(shown()).toEqual(["a", "b"]);
  const more = list.more();
  void list.more();
  expect(fake.rooms.asked("list"), "once").toEqual([{ limit: 50, after: "next" }]);
  await fake.rooms.answer("list", { rooms: [room("c", 8), room("old", 1)], memberships: [], counts: [], next: null });
  await more;
  expect(shown()).toEqual(["a", "b", "c", "old"]);
  expect(list.hasMore).toBe(false);
  fake.rooms.tell("rooms", { changed: [room("older", 0)], removed: [] });
  expect(shown()).toContain("older");
});

test("a search shows what was found, and its end all rooms again", async () => {
  await load();
  list.find("x");
  list.find("xy");
  vi.advanceTimersByTime(150);
  expect(fake.rooms.asked("list"), "one for both letters").toEqual([{ limit: 50, search: "xy" }]);
  await fake.rooms.answer("list", { rooms: [room("xyz", 5)], memberships: [], counts: [], next: null });
  expect(shown()).toEqual(["xyz"]);
  fake.rooms.tell("rooms", { changed: [room("other", 9), { ...room("xyz", 5), people: 7 }], removed: [] });
  expect(shown(), "what was not found stays out").toEqual(["xyz"]);
  expect(list.rooms[0]!.people).toBe(7);
  list.find("");
  vi.advanceTimersByTime(150);
  await fake.rooms.answer("list", { rooms: [room("a", 1)], memberships: [], counts: [], next: null });
  expect(shown()).toEqual(["a"]);
});

test("an answer that comes too late is not shown", async () => {
  await load();
  list.find("x");
  vi.advanceTimersByTime(150);
  const late = fake.rooms.sent.shift()!;
  list.find("y");
  vi.advanceTimersByTime(150);
  await fake.rooms.answer("list", { rooms: [room("y", 5)], memberships: [], counts: [], next: null });
  late.answer({ rooms: [room("x", 5)], memberships: [], counts: [], next: null });
  await settled();
  expect(shown()).toEqual(["y"]);
});

test("after a lost connection the list is asked for again, and shown meanwhile", async () => {
  await load();
  fake.rooms.drop("transport close");
  expect(shown()).toEqual(["b", "a"]);
  await load([room("c", 1)]);
  expect(shown()).toEqual(["c"]);
});

test("a refusal is told, and gone with the next answer", async () => {
  await fake.rooms.accept();
  await fake.rooms.answer("list", refused("storage"));
  expect(list.problem?.code).toBe("storage");
  expect(list.isLoaded).toBe(false);
  void list.load();
  await fake.rooms.answer("list", { rooms: [], memberships: [], counts: [], next: null });
  expect(list.problem).toBeUndefined();
  expect(list.isLoaded).toBe(true);
});

test("direct messages are called by the others, and go with their names", async () => {
  const person = (id: string, name = id) => ({ id, name, role: "member" as const, colour: 0 });
  const direct = roomOf("d", { kind: "direct", title: "", with: [person("me"), person("a"), person("b")] });
  expect(titleOf(direct, "me")).toBe("a, b");
  expect(titleOf(roomOf("x", { title: "lobby" }), "me")).toBe("Lobby");
  expect(othersOf(direct, "me").map(({ id }) => id)).toEqual(["a", "b"]);
  await load([direct]);
  list.person(person("a", "Ada"));
  expect(titleOf(list.rooms[0]!, "me")).toBe("Ada, b");
});

test("rooms with something to be read come behind the pinned ones and before the others", async () => {
  await fake.rooms.accept();
  const rooms = [room("pinned", 1), room("a", 2), room("b", 3), room("c", 4), room("quiet", 5)];
  const memberships = [placeIn("pinned", { is_pinned: true }), placeIn("quiet", { is_silenced: true })];
  const counts = [countsOf("a", { unread: 2 }), countsOf("quiet", { unread: 7 })];
  await fake.rooms.answer("list", { rooms, memberships, counts, next: null });
  expect(shown()).toEqual(["pinned", "a", "quiet", "c", "b"]);
  expect(list.unread, "what is silenced is no news").toBe(2);
  fake.rooms.tell("counts", countsOf("b", { unread: 1 }));
  expect(shown()).toEqual(["pinned", "b", "a", "quiet", "c"]);
  fake.rooms.tell("counts", countsOf("quiet", { unread: 8, mentions: 1 }));
  expect(shown()).toEqual(["pinned", "quiet", "b", "a", "c"]);
  expect(list.unread).toBe(4);
  fake.rooms.tell("counts", countsOf("a"));
  expect(list.counts("a")).toBeUndefined();
  expect(shown()).toEqual(["pinned", "quiet", "b", "c", "a"]);
  fake.rooms.tell("membership", placeIn("b", { role: null }));
  fake.rooms.tell("rooms", { changed: [], removed: ["quiet"] });
  expect(list.unread, "of what one has left nothing counts").toBe(0);
});

test("after a lost connection what was read meanwhile is read", async () => {
  await load();
  fake.rooms.tell("counts", countsOf("a", { unread: 3 }));
  fake.rooms.drop("transport close");
  await load();
  expect(list.unread).toBe(0);
});

test("rooms stay where they are while somebody is about to press one", async () => {
  await load([room("a", 1), room("b", 2), room("c", 3)]);
  list.hold(true);
  fake.rooms.tell("rooms", { changed: [room("a", 9), room("d", 10)], removed: ["b"] });
  expect(shown()).toEqual(["c", "a", "d"]);
  list.hold(true);
  list.hold(false);
  expect(shown()).toEqual(["d", "a", "c"]);
});
