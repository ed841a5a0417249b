import { indexedDbStore, memoryStore } from "sockeye-client/outbox";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { Row } from "../design/rows.ts";
import { countsOf, fakeConnection, messageIn, openedRoom, refused, roomOf, settled } from "../fake-connection.ts";
import type { TextStorage } from "../storage.ts";
import { Conversations, CONVERSATIONS_KEPT_MAX } from "./conversations.svelte.ts";
import { PENDING_MAX } from "./pending.ts";

vi.mock("sockeye-client/outbox", async (original) => ({
  ...(await original<typeof import("sockeye-client/outbox")>()),
  // None, as on pages without HTTPS, unless the test is about that.
  indexedDbStore: vi.fn(async () => undefined),
}));

let kept: Map<string, string>;
let storage: TextStorage;
let fake: ReturnType<typeof fakeConnection>;
let conversations: Conversations;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false, hasFocus: () => true });
  // A picture is drawn as soon as something has happened.
  vi.stubGlobal("requestAnimationFrame", (draw: () => void) => queueMicrotask(draw));
  kept = new Map();
  storage = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
    namesFrom: (prefix) => [...kept.keys()].filter((name) => name.startsWith(prefix)),
  };
  begin();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A page is opened. */
function begin() {
  fake = fakeConnection();
  conversations = new Conversations(fake.connection, () => ({ id: "me", name: "Me", colour: 1 }), storage);
  fake.connection.connect();
}

const brief = (row: Row) =>
  row.kind === "gap" ? "…" : row.kind === "unread" ? "new:" : row.kind === "fold" ? row.text : row.state === "stored" ? row.text : `${row.state}: ${row.text}`;
const shown = () => conversations.current!.rows.map(brief);

/** The server has let the page into a room. */
async function enter(room: string, messages = [] as ReturnType<typeof messageIn>[]) {
  conversations.show(room);
  await fake.chat.answer("open", openedRoom(room, messages));
}

test("a room is entered when it is shown, and what is said there is shown", async () => {
  await fake.chat.accept();
  conversations.show("r");
  expect(conversations.current!.phase).toBe("opening");
  expect(fake.chat.asked("open")).toEqual([{ room: "r", password: undefined }]);
  await fake.chat.answer("open", openedRoom("r", [messageIn("r", 1)]));
  expect(conversations.current!.phase).toBe("open");
  fake.chat.tell("message", messageIn("r", 2));
  fake.chat.tell("message", messageIn("elsewhere", 3));
  await settled();
  expect(shown()).toEqual(["m1", "m2"]);
});

test("who is here is known as long as the connection is there and the room is entered on it", async () => {
  const here = () => conversations.current!;
  await fake.chat.accept();
  conversations.show("r");
  expect(here().isKnown).toBe(false);
  const ada = { user: "a", since: 1, connections: [{ metadata: { person: { id: "a", name: "Ada", role: "member" as const, colour: 1 } } }] };
  await fake.chat.answer("open", openedRoom("r", [], { present: [ada] as never }));
  expect(here().isKnown).toBe(true);
  fake.chat.drop("transport close");
  await settled();
  expect(here()).toMatchObject({ phase: "open", isKnown: false });
  expect(here().people.map(({ name }) => name), "the last ones known").toEqual(["Ada"]);
  await fake.chat.accept();
  expect(here().isKnown, "not before the room is entered again").toBe(false);
  await fake.chat.answer("open", openedRoom("r"));
  expect(here()).toMatchObject({ isKnown: true, people: [] });
  fake.chat.tell("removed", { room: "r", reason: "deleted" } as never);
  expect(here().isKnown).toBe(false);
});

test("going back to a room takes no time and asks for nothing; what came meanwhile is there", async () => {
  await fake.chat.accept();
  await enter("a", [messageIn("a", 1)]);
  await enter("b");
  fake.chat.tell("message", messageIn("a", 2));
  await settled();
  conversations.show("a");
  expect(fake.chat.asked("open")).toEqual([]);
  expect(shown()).toEqual(["m1", "m2"]);
});

test("the rooms not shown for longest are closed, but not those with something to be sent", async () => {
  await fake.chat.accept();
  await enter("r0");
  conversations.current!.say("unsent");
  for (let n = 1; n <= CONVERSATIONS_KEPT_MAX; n++) await enter(`r${n}`);
  expect(fake.chat.asked("close")).toEqual([{ room: "r1" }]);
  await enter("one more");
  expect(fake.chat.asked("close")).toEqual([{ room: "r1" }, { room: "r2" }]);
  conversations.show("r1");
  expect(fake.chat.asked("open"), "it is entered anew").toHaveLength(1);
});

test("a title leads to the room that has it, and to the conversation that is there", async () => {
  await fake.chat.accept();
  await enter("r", [messageIn("r", 1)]);
  const known = conversations.current;
  conversations.show("the title");
  await fake.chat.answer("open", openedRoom("r", [messageIn("r", 1)]));
  expect(conversations.current).toBe(known);
  conversations.show("another title");
  await fake.chat.answer("open", openedRoom("s"));
  expect(conversations.current!.id).toBe("s");
  fake.chat.tell("message", messageIn("s", 7));
  await settled();
  expect(shown()).toEqual(["m7"]);
  conversations.show("another title");
  conversations.show("s");
  expect(fake.chat.asked("open")).toEqual([]);
});

test("an own message is shown at once, sent, and confirmed in place", async () => {
  await fake.chat.accept();
  await enter("r");
  expect(conversations.current!.say("hello")).toBe(true);
  expect(shown()).toEqual(["sent: hello"]);
  await settled();
  expect(fake.chat.asked("say")).toMatchObject([{ room: "r", text: "hello" }]);
  await fake.chat.answer("say", messageIn("r", 1, "hello", "me"));
  expect(shown()).toEqual(["hello"]);
  expect(kept.size).toBe(0);
});

test("what is said without a connection goes out once after the room was entered again", async () => {
  await fake.chat.accept();
  await enter("r");
  fake.chat.drop("transport close");
  expect(conversations.current!.say("hello")).toBe(true);
  expect(shown()).toEqual(["waiting: hello"]);
  expect(conversations.current!.waiting).toBe(1);
  await fake.chat.accept();
  expect(fake.chat.sent.map(({ event }) => event).slice(0, 2), "entered first").toEqual(["open", "say"]);
  await fake.chat.answer("open", openedRoom("r"));
  expect(fake.chat.asked("say")).toHaveLength(1);
  await fake.chat.answer("say", messageIn("r", 1, "hello", "me"));
  expect(shown()).toEqual(["hello"]);
});

test("all rooms are entered again after a lost connection, and what was missed is a gap", async () => {
  await fake.chat.accept();
  await enter("a", [messageIn("a", 1)]);
  await enter("b");
  fake.chat.drop("ping timeout");
  await fake.chat.accept();
  expect(fake.chat.asked("open").map(({ room }) => room)).toEqual(["a", "b"]);
  await fake.chat.answer("open", openedRoom("a", [messageIn("a", 8)], { has_before: true }));
  conversations.show("a");
  expect(shown()).toEqual(["m1", "…", "m8"]);
});

test("what was not sent outlives the tab, and goes out from any room", async () => {
  await fake.chat.accept();
  await enter("r");
  fake.chat.drop("transport close");
  conversations.current!.say("kept");
  begin();
  await fake.chat.accept();
  expect(fake.chat.asked("open").map(({ room }) => room), "without being shown").toEqual(["r"]);
  await fake.chat.answer("open", openedRoom("r"));
  expect(fake.chat.asked("say")).toMatchObject([{ room: "r", text: "kept" }]);
  await fake.chat.answer("say", messageIn("r", 1, "kept", "me"));
  conversations.show("r");
  expect(shown()).toEqual(["kept"]);
});

test("what is said after a reload without a connection goes out, too, behind what was said before", async () => {
  const room = "AbC-_0123456789x";
  await fake.chat.accept();
  await enter(room);
  fake.chat.drop("transport close");
  conversations.current!.say("before");
  begin();
  conversations.show(room);
  expect(conversations.current!.phase).toBe("opening");
  expect(conversations.current!.say("after")).toBe(true);
  expect(shown()).toEqual(["waiting: before", "waiting: after"]);
  await fake.chat.accept();
  await fake.chat.answer("open", openedRoom(room));
  expect(fake.chat.asked("say").map(({ text }) => text)).toEqual(["before", "after"]);
});

test("what the outbox of the browser has kept is shown in its room and sent once", async () => {
  // The page before has looked for one, too.
  await settled();
  const said = { room: "r", text: "kept", key: "k" };
  const event = { number: 1, args: ["say", said] as [string, unknown], bytes: 10, time: Date.now() };
  vi.mocked(indexedDbStore).mockResolvedValueOnce({
    ...memoryStore(),
    isDurable: true,
    load: async () => ({ id: "of-the-browser-0123456789", next: 2, events: [event] }),
  });
  kept.set("sockeye.unsent me r k", JSON.stringify({ key: "k", text: "kept", at: Date.now() }));
  begin();
  await fake.chat.accept();
  await fake.chat.answer("open", openedRoom("r"));
  expect(fake.chat.asked("say")).toEqual([said]);
  conversations.show("r");
  expect(shown()).toEqual(["sent: kept"]);
});

test("a refused message says why, and can be sent again or given up", async () => {
  await fake.chat.accept();
  await enter("r");
  conversations.current!.say("hello");
  await settled();
  await fake.chat.answer("say", refused("quota_used", 60));
  expect(shown()).toEqual(["failed: hello"]);
  const row = conversations.current!.rows[0]!;
  conversations.current!.retry(row.key);
  await settled();
  expect(fake.chat.asked("say")).toHaveLength(1);
  await fake.chat.answer("say", refused("muted"));
  conversations.current!.discard(row.key);
  expect(shown()).toEqual([]);
  expect(kept.size).toBe(0);
});

test("what was too much at once waits as long as the server says", async () => {
  await fake.chat.accept();
  await enter("r");
  conversations.current!.say("hello");
  await settled();
  await fake.chat.answer("say", refused("too_fast", 3));
  expect(conversations.current!.slowed).toBe(3);
  expect(fake.chat.asked("say")).toEqual([]);
  vi.advanceTimersByTime(3000);
  await settled();
  expect(conversations.current!.slowed).toBeUndefined();
  expect(fake.chat.asked("say")).toHaveLength(1);
});

test("so many messages wait and no more", async () => {
  await fake.chat.accept();
  await enter("r");
  fake.chat.drop("transport close");
  for (let n = 0; n < PENDING_MAX; n++) expect(conversations.current!.say(`m${n}`)).toBe(true);
  expect(conversations.current!.say("one too many")).toBe(false);
  expect(conversations.current!.waiting).toBe(PENDING_MAX);
});

test("a room with a password asks for it, says when it is wrong, and enters by it again", async () => {
  await fake.chat.accept();
  conversations.show("r");
  await fake.chat.answer("open", refused("wrong_password"));
  expect(conversations.current).toMatchObject({ phase: "asking", problem: undefined });
  void conversations.enter(conversations.current!, "guess");
  await fake.chat.answer("open", refused("wrong_password"));
  expect(conversations.current).toMatchObject({ phase: "asking", problem: { code: "wrong_password" } });
  void conversations.enter(conversations.current!, "guess");
  await fake.chat.answer("open", refused("too_fast", 10));
  expect(conversations.current).toMatchObject({ phase: "asking", problem: { code: "too_fast", retry_after: 10 } });
  void conversations.enter(conversations.current!, "right");
  expect(fake.chat.asked("open")).toEqual([{ room: "r", password: "right" }]);
  await fake.chat.answer("open", openedRoom("r"));
  expect(conversations.current!.phase).toBe("open");
});

test.each(["gone", "full", "banned", "guests_off"])("a room that is refused with %s says so, and asks no more by itself", async (code) => {
  await fake.chat.accept();
  conversations.show("r");
  await fake.chat.answer("open", refused(code));
  expect(conversations.current).toMatchObject({ phase: "closed", problem: { code } });
  fake.chat.drop("transport close");
  await fake.chat.accept();
  vi.advanceTimersByTime(60_000);
  await settled();
  expect(fake.chat.asked("open")).toEqual([]);
  conversations.show("r");
  expect(fake.chat.asked("open"), "but on coming back").toHaveLength(1);
});

test("a server that cannot let anybody in at the moment is asked again", async () => {
  await fake.chat.accept();
  conversations.show("r");
  await fake.chat.answer("open", refused("storage"));
  expect(conversations.current).toMatchObject({ phase: "opening", problem: { code: "storage" } });
  vi.advanceTimersByTime(1000);
  expect(fake.chat.asked("open")).toHaveLength(1);
  await fake.chat.answer("open", openedRoom("r"));
  expect(conversations.current).toMatchObject({ phase: "open", problem: undefined });
});

test.each(["removed", "banned", "gone", "left"] as const)("who is not in a room any more (%s) is told, and nothing waits there", async (reason) => {
  await fake.chat.accept();
  await enter("r", [messageIn("r", 1)]);
  conversations.current!.say("hello");
  fake.chat.tell("removed", { room: "r", reason });
  await settled();
  expect(conversations.current).toMatchObject({ phase: "closed", problem: { code: `removed_${reason}` } });
  expect(shown()).toEqual(["m1", "failed: hello"]);
  expect(conversations.current!.say("more")).toBe(false);
  fake.chat.tell("message", messageIn("r", 2));
  await settled();
  expect(shown()).toHaveLength(2);
});

test("a message that came before the room was entered goes out again", async () => {
  await fake.chat.accept();
  await enter("r");
  conversations.current!.say("hello");
  await settled();
  await fake.chat.answer("say", refused("not_opened"));
  expect(shown()).toEqual(["waiting: hello"]);
  vi.advanceTimersByTime(1000);
  await fake.chat.answer("open", openedRoom("r"));
  expect(fake.chat.asked("say")).toHaveLength(1);
});

test("an answer of an earlier attempt to enter is not heeded", async () => {
  await fake.chat.accept();
  conversations.show("r");
  const late = fake.chat.sent.shift()!;
  fake.chat.drop("transport close");
  await fake.chat.accept();
  late.answer(refused("gone"));
  await settled();
  expect(conversations.current!.phase).toBe("opening");
  await fake.chat.answer("open", openedRoom("r"));
  expect(conversations.current!.phase).toBe("open");
});

test("however much comes at once, it is shown once", async () => {
  await fake.chat.accept();
  await enter("r");
  let draws = 0;
  vi.stubGlobal("requestAnimationFrame", (draw: () => void) => {
    draws++;
    queueMicrotask(draw);
  });
  for (let id = 1; id <= 500; id++) fake.chat.tell("message", messageIn("r", id));
  await settled();
  expect(draws).toBe(1);
  expect(conversations.current!.rows).toHaveLength(500);
});

test("typing is said every few seconds, and taken back", async () => {
  await fake.chat.accept();
  await enter("r");
  const conversation = conversations.current!;
  for (const text of ["h", "he", "hel"]) conversation.typed(text);
  expect(fake.chat.asked("typing")).toEqual([{ room: "r", is_typing: true }]);
  vi.advanceTimersByTime(3000);
  conversation.typed("hell");
  expect(fake.chat.asked("typing")).toHaveLength(2);
  conversation.typed("");
  conversation.typed("");
  expect(fake.chat.asked("typing").at(-1)).toEqual({ room: "r", is_typing: false });
  expect(fake.chat.asked("typing")).toHaveLength(3);
});

test("those who are blocked are not heard of in any room", async () => {
  await fake.chat.accept();
  await enter("r", [messageIn("r", 1, "x", "b"), messageIn("r", 2)]);
  conversations.block(["b"]);
  await settled();
  expect(shown()).toEqual(["m2"]);
  await enter("s", [messageIn("s", 3, "y", "b")]);
  expect(shown()).toEqual([]);
});

test("of a room that was left nothing stays", async () => {
  await fake.chat.accept();
  await enter("r");
  conversations.current!.say("hello");
  conversations.drop("r");
  expect(conversations.current).toBeUndefined();
  expect(kept.size).toBe(0);
});

test("a room that changes is shown as it is now", async () => {
  await fake.chat.accept();
  await enter("r");
  fake.chat.tell("room", roomOf("r", { title: "renamed" }));
  expect(conversations.current!.room!.title).toBe("renamed");
});

const many = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => messageIn("r", from + n));
const page = (from: number, to: number, has_before = true, has_after = true) => ({ messages: many(from, to), has_before, has_after });
/** What is in sight, as the page says. */
const sees = (newest: number, first = 1) => conversations.current!.sees({ first, newest, isAtEnd: false });

test("a room is opened at the first message that was not read", async () => {
  await fake.chat.accept();
  conversations.show("r");
  const counts = countsOf("r", { read: 2, unread: 2 });
  await fake.chat.answer("open", openedRoom("r", many(1, 4), { counts, has_after: true }));
  expect(shown()).toEqual(["m1", "m2", "new:", "m3", "m4"]);
  expect(conversations.current!.way.target).toEqual({ key: "unread", place: "line" });
  expect(conversations.current!.hasAfter).toBe(true);
  fake.rooms.tell("counts", countsOf("r", { read: 4 }));
  await settled();
  expect(shown(), "the line stays while one reads").toContain("new:");
  conversations.hide();
  conversations.show("r");
  expect(shown(), "and goes when the room is shown anew").not.toContain("new:");
  expect(fake.chat.asked("history"), "the end is shown, which is not here").toEqual([{ room: "r" }]);
  await fake.chat.answer("history", page(8, 9, true, false));
  expect(shown()).toEqual(["m8", "m9"]);
  expect(conversations.current!.way.target).toBeUndefined();
});

test("a room that is shown again begins where it was not read, wherever that is", async () => {
  await fake.chat.accept();
  conversations.show("r");
  await fake.chat.answer("open", openedRoom("r", many(8, 9), { has_before: true }));
  await enter("s");
  for (const message of many(10, 12)) fake.chat.tell("message", message);
  fake.rooms.tell("counts", countsOf("r", { read: 9, unread: 3 }));
  conversations.show("r");
  expect(shown()).toEqual(["m8", "m9", "new:", "m10", "m11", "m12"]);
  expect(conversations.current!.way.target).toEqual({ key: "unread", place: "line" });
  // Marked as unread, on another device, before what is here.
  fake.rooms.tell("counts", countsOf("r", { read: 3, unread: 9 }));
  conversations.show("s");
  conversations.show("r");
  expect(fake.chat.asked("history")).toEqual([{ room: "r", around: 3 }]);
  sees(12);
  expect(fake.chat.asked("read"), "what is about to go is not read").toEqual([]);
  await fake.chat.answer("history", page(2, 5));
  expect(shown()).toEqual(["m2", "m3", "new:", "m4", "m5"]);
});

test("older and newer messages are loaded one page at a time, and after a failure on asking", async () => {
  await fake.chat.accept();
  conversations.show("r");
  const counts = countsOf("r", { read: 11, unread: 9 });
  await fake.chat.answer("open", openedRoom("r", many(11, 12), { counts, has_before: true, has_after: true }));
  const here = conversations.current!;
  void here.pages.loadOlder();
  void here.pages.loadOlder();
  void here.pages.loadNewer();
  expect(fake.chat.asked("history")).toEqual([{ room: "r", before: 11 }]);
  expect(here.pages.older).toBe("loading");
  await fake.chat.answer("history", refused("storage"));
  expect(here.pages.older).toBe("failed");
  void here.pages.loadOlder();
  expect(fake.chat.asked("history"), "not by itself").toEqual([]);
  void here.pages.loadOlder(true);
  await fake.chat.answer("history", page(9, 10, false));
  expect([here.pages.older, here.hasBefore]).toEqual(["waiting", false]);
  void here.pages.loadNewer();
  expect(fake.chat.asked("history")).toEqual([{ room: "r", after: 12 }]);
  await fake.chat.answer("history", page(13, 13, true, false));
  expect(shown()).toEqual(["m9", "m10", "m11", "new:", "m12", "m13"]);
  expect(here.hasAfter).toBe(false);
  void here.pages.loadNewer();
  expect(fake.chat.asked("history")).toEqual([]);
});

test("what was being loaded when the connection was lost is loaded again", async () => {
  await fake.chat.accept();
  conversations.show("r");
  await fake.chat.answer("open", openedRoom("r", many(11, 12), { has_before: true }));
  const here = conversations.current!;
  void here.pages.loadOlder();
  const [late] = fake.chat.sent;
  fake.chat.drop("transport close");
  expect(here.pages.older).toBe("waiting");
  void here.pages.loadOlder();
  expect(here.pages.older, "nobody can be asked").toBe("waiting");
  await fake.chat.accept();
  expect(fake.chat.asked("open")).toEqual([{ room: "r", known: { newest: 12, change: 0 } }]);
  await fake.chat.answer("open", openedRoom("r", many(11, 12), { has_before: true }));
  late!.answer(page(1, 2));
  await settled();
  expect(shown(), "an answer of before is not heeded").toEqual(["m11", "m12"]);
  void here.pages.loadOlder();
  expect(fake.chat.asked("history")).toHaveLength(1);
});

test("messages that are missing in between come by a press, until none is missing", async () => {
  await fake.chat.accept();
  await enter("r", many(1, 2));
  fake.chat.drop("ping timeout");
  await fake.chat.accept();
  await fake.chat.answer("open", openedRoom("r", many(8, 9), { has_before: true }));
  const here = conversations.current!;
  const { key } = here.rows[2]!;
  void here.pages.loadGap(key);
  expect(fake.chat.asked("history")).toEqual([{ room: "r", after: 2 }]);
  await fake.chat.answer("history", page(3, 5));
  expect(shown()).toEqual(["m1", "m2", "m3", "m4", "m5", "…", "m8", "m9"]);
  expect(fake.chat.asked("history")).toEqual([{ room: "r", after: 5 }]);
  await fake.chat.answer("history", refused("storage"));
  expect(here.rows[5]).toMatchObject({ kind: "gap", state: "failed" });
  void here.pages.loadGap(key);
  await fake.chat.answer("history", page(6, 8));
  expect(shown()).toEqual(many(1, 9).map(({ text }) => text));
});

test("an address of a message opens the room there", async () => {
  await fake.chat.accept();
  conversations.show("r", 50);
  expect(fake.chat.asked("open")).toEqual([{ room: "r", around: 50 }]);
  const counts = countsOf("r", { read: 60, unread: 3 });
  await fake.chat.answer("open", openedRoom("r", many(49, 51), { counts, has_before: true, has_after: true }));
  expect(conversations.current!.way.target).toEqual({ key: "m50", isMarked: true, place: "middle" });
  expect(fake.chat.asked("history")).toEqual([]);
});

test("a message that is gone is said to be, and what was said around it is shown", async () => {
  await fake.chat.accept();
  await enter("r", many(1, 3));
  conversations.show("r", 50);
  expect(fake.chat.asked("history")).toEqual([{ room: "r", around: 50 }]);
  await fake.chat.answer("history", { messages: [messageIn("r", 49), messageIn("r", 52)], has_before: true, has_after: true });
  expect(conversations.current!.way.notice).toEqual({ code: "gone" });
  expect(conversations.current!.way.target).toEqual({ key: "m52", isMarked: false, place: "middle" });
});

test("whoever follows a quote comes back to where that was", async () => {
  await fake.chat.accept();
  await enter("r", many(60, 70));
  sees(69, 65);
  conversations.show("r", 62);
  expect(conversations.current!.way.target).toEqual({ key: "m62", isMarked: true, place: "middle" });
  sees(64, 61);
  conversations.show("r", 5);
  await fake.chat.answer("history", page(4, 6));
  expect(shown()).toEqual(["m4", "m5", "m6"]);
  conversations.show("r");
  await fake.chat.answer("history", page(60, 70));
  expect(conversations.current!.way.target).toMatchObject({ key: "m61", place: "top", isMarked: false });
  conversations.show("r");
  expect(conversations.current!.way.target).toMatchObject({ key: "m65", place: "top" });
});

test("whoever follows a quote from the end comes back to the end", async () => {
  await fake.chat.accept();
  await enter("r", many(60, 70));
  conversations.current!.sees({ first: 65, newest: 70, isAtEnd: true });
  conversations.show("r", 5);
  await fake.chat.answer("history", page(4, 6));
  conversations.show("r");
  expect(fake.chat.asked("history")).toEqual([{ room: "r" }]);
  await fake.chat.answer("history", page(60, 70, true, false));
  expect(conversations.current!.way.target).toEqual({ place: "top" });
});

test("what is seen is read, while somebody looks", async () => {
  await fake.chat.accept();
  conversations.show("r");
  await fake.chat.answer("open", openedRoom("r", many(1, 4), { counts: countsOf("r", { read: 2, unread: 2 }) }));
  sees(3);
  expect(fake.chat.asked("read")).toEqual([{ room: "r", message: 3 }]);
  vi.stubGlobal("document", { hidden: false, hasFocus: () => false });
  sees(4);
  vi.advanceTimersByTime(5000);
  expect(fake.chat.asked("read")).toHaveLength(1);
  vi.stubGlobal("document", { hidden: false, hasFocus: () => true });
  conversations.current!.look();
  expect(fake.chat.asked("read").at(-1)).toEqual({ room: "r", message: 4 });
});

test("what comes while nobody looks stands below a line", async () => {
  await fake.chat.accept();
  await enter("r", many(1, 2));
  vi.stubGlobal("document", { hidden: true, hasFocus: () => false });
  fake.chat.tell("message", messageIn("r", 3));
  fake.chat.tell("message", messageIn("r", 4));
  await settled();
  expect(shown()).toEqual(["m1", "m2", "new:", "m3", "m4"]);
});

test("what is marked as unread is not read again by being in sight", async () => {
  await fake.chat.accept();
  await enter("r", many(1, 4));
  const marked = conversations.current!.markUnread(3);
  expect(fake.chat.asked("unread")).toEqual([{ room: "r", message: 3 }]);
  await fake.chat.answer("unread", null);
  await marked;
  expect(shown()).toEqual(["m1", "m2", "new:", "m3", "m4"]);
  fake.rooms.tell("counts", countsOf("r", { read: 2, unread: 2 }));
  sees(4);
  vi.advanceTimersByTime(5000);
  expect(fake.chat.asked("read")).toEqual([]);
  conversations.hide();
  conversations.show("r");
  sees(4);
  expect(fake.chat.asked("read")).toEqual([{ room: "r", message: 4 }]);
});

test("how many have not read a message is known, and falls", async () => {
  await fake.chat.accept();
  conversations.show("r");
  fake.chat.tell("reading", { room: "r", turn: 8, moved: [[1, -1], [2, 1]], behind: [] });
  await fake.chat.answer("open", openedRoom("r", many(1, 2), { reading: { turn: 7, pointers: [[1, 3]], behind: [] } }));
  const unread = () => conversations.current!.rows.map((row) => row.kind === "message" && conversations.current!.unreadBy!(row));
  expect(unread()).toEqual([0, 2]);
  fake.chat.tell("reading", { room: "r", turn: 9, moved: [[1, -2], [2, 2]], behind: [] });
  await settled();
  expect(unread()).toEqual([0, 0]);
  conversations.current!.say("mine");
  expect(unread(), "of what is on its way nothing is known").toEqual([0, 0, 0]);
});

test("changes of messages are shown, and asked for after a lost connection", async () => {
  await fake.chat.accept();
  await enter("r", many(1, 2));
  fake.chat.tell("edited", { room: "r", message: 1, text: "better", edited_at: 5, change: 3 });
  fake.chat.tell("reacted", { room: "r", message: 2, emoji: "👍", count: 1, person: "me", is_on: true, change: 4 });
  fake.chat.tell("edited", { room: "elsewhere", message: 2, text: "other", edited_at: 5, change: 9 });
  await settled();
  expect(shown()).toEqual(["better", "m2"]);
  expect(conversations.current!.rows[1]).toMatchObject({ reactions: [{ emoji: "👍", count: 1, isMine: true }] });
  fake.chat.drop("transport close");
  await fake.chat.accept();
  expect(fake.chat.asked("open")).toEqual([{ room: "r", known: { newest: 2, change: 4 } }]);
  const changed = [{ ...messageIn("r", 2, ""), is_deleted: true, change: 5 }];
  await fake.chat.answer("open", openedRoom("r", many(1, 2), { changed, change: 5 }));
  expect(conversations.current!.rows[1]).toMatchObject({ text: "", isDeleted: true });
  fake.chat.tell("pruned", { room: "r", to: 1 });
  await settled();
  expect(shown()).toEqual([""]);
});

test("what a message has beside its text is sent, shown meanwhile, and outlives the tab", async () => {
  await fake.chat.accept();
  await enter("r", many(1, 2));
  fake.chat.drop("transport close");
  const reply = { id: 1, person: "a", name: "a", text: "m1" };
  const picture = { id: "p1", width: 4, height: 3, bytes: 9 };
  conversations.current!.say("kept", { reply, mentions: [{ id: "a", name: "a" }], pictures: [picture] });
  const drawn = { reply: { ...reply, pictures: 0, isDeleted: false }, pictures: [{ id: "p1", thumbnail: "/api/rooms/r/pictures/p1/thumbnail" }] };
  expect(conversations.current!.rows.at(-1)).toMatchObject(drawn);
  begin();
  await fake.chat.accept();
  await fake.chat.answer("open", openedRoom("r", many(1, 2)));
  conversations.show("r");
  expect(conversations.current!.rows.at(-1)).toMatchObject(drawn);
  expect(fake.chat.asked("say")).toMatchObject([{ text: "kept", reply_to: 1, mentions: ["a"], pictures: ["p1"] }]);
});

test("a refusal because too much waits is not true any more when less does", async () => {
  await fake.chat.accept();
  await enter("r");
  for (let n = 0; n < PENDING_MAX; n++) conversations.current!.say(`m${n}`);
  await settled();
  expect(conversations.current!).toMatchObject({ waiting: 0, unconfirmed: PENDING_MAX });
  expect(conversations.current!.say("one too many")).toBe(false);
  await fake.chat.answer("say", messageIn("r", 1, "m0", "me"));
  expect(conversations.current!.unconfirmed).toBe(PENDING_MAX - 1);
  expect(conversations.current!.say("now")).toBe(true);
});

test("a message whose pictures come too late is shown as one that was not sent", async () => {
  vi.stubGlobal("URL", { createObjectURL: () => "blob:", revokeObjectURL: () => {} });
  const requests: { response: unknown; onload: () => void }[] = [];
  vi.stubGlobal(
    "XMLHttpRequest",
    class {
      status = 200;
      response: unknown;
      upload = {};
      onload = () => {};
      open() {}
      setRequestHeader() {}
      abort() {}
      send() {
        requests.push(this);
      }
    },
  );
  await fake.chat.accept();
  await enter("r");
  conversations.uploads.add("r", [{ name: "a.png", type: "image/png", size: 9 } as File]);
  conversations.uploads.hold("r", { key: "k", text: "with a picture", at: 5 }, true);
  fake.chat.tell("removed", { room: "r", reason: "removed" });
  await vi.waitFor(() => expect(requests).toHaveLength(1));
  requests[0]!.response = { id: "p1", width: 4, height: 3, bytes: 9 };
  requests[0]!.onload();
  await settled();
  expect(conversations.current!.rows).toMatchObject([{ state: "failed", text: "with a picture", problem: { code: "removed_removed" }, pictures: [{ id: "p1" }] }]);
});
