import { beforeEach, expect, test } from "vitest";

import type { Message } from "../contract.ts";
import type { Row } from "../design/rows.ts";
import { countsOf, openedRoom } from "../fake-connection.ts";
import { PENDING_MAX } from "./pending.ts";
import { FOLD_PEOPLE_MAX, FOLDS_KEPT_MAX, MESSAGES_KEPT_MAX, MESSAGES_READ_MAX, Timeline } from "./timeline.ts";

const me = { id: "me", name: "Me", colour: 1 };
let timeline: Timeline;

beforeEach(() => {
  timeline = new Timeline(() => me);
  // The room is entered, and nothing was said in it.
  timeline.open(openedRoom("r"));
});

/** The room is entered again, and these are the newest messages. */
const merge = (messages: Message[], more = {}) =>
  timeline.resume(openedRoom("r", messages, { has_before: (messages[0]?.id ?? 0) > 1, ...more }));

const stored = (id: number, text = `m${id}`, person = "a"): Message => {
  return { id, room: "r", by: { id: person, name: person, colour: 0 }, text, at: id };
};

const pageOf = (ids: number[], has_before: boolean, has_after: boolean) => ({
  messages: ids.map((id) => stored(id)),
  has_before,
  has_after,
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

const write = (key: string, text = key) => timeline.write({ key, text, at: 0 });

const post = () => timeline.pending.takeUnposted().map((written) => written.key);

const came = (id: string) => timeline.passed("came", { id, name: id }, 0);
const went = (id: string) => timeline.passed("went", { id, name: id }, 0);

const brief = (row: Row) =>
  row.kind === "gap" ? "…" : row.kind === "unread" ? "new:" : row.kind === "fold" ? row.text : row.state === "stored" ? row.text : `${row.state}: ${row.text}`;

const shown = () => {
  const rows = timeline.rows();
  expect(new Set(rows.map((row) => row.key)).size, "keys are unique").toBe(rows.length);
  return rows.map(brief);
};

test("messages stand in stored order, each once, however they come", () => {
  timeline.receive(stored(3));
  merge([stored(1), stored(2), stored(3)]);
  expect(timeline.receive(stored(5))).toBe(true);
  expect(timeline.receive(stored(4))).toBe(true);
  expect(timeline.receive(stored(4))).toBe(false);
  expect(shown()).toEqual(["m1", "m2", "m3", "m4", "m5"]);
});

test("what does not change stays the same object", () => {
  merge([stored(1)]);
  write("k1");
  came("x");
  const before = timeline.rows();
  timeline.receive(stored(2));
  const after = timeline.rows();
  for (const row of before) expect(after).toContain(row);
});

test("a message is one's own by who wrote it, and not by a name", () => {
  merge([stored(1, "mine", "me"), { ...stored(2, "hers"), by: { id: "she", name: "Me", colour: 1 } }]);
  expect(timeline.rows().map((row) => row.kind === "message" && row.isOwn)).toEqual([true, false]);
});

test("those who come in a row are one line, where it happened", () => {
  merge([stored(1), stored(2)]);
  came("x");
  came("y");
  timeline.receive(stored(3));
  came("z");
  expect(shown()).toEqual(["m1", "m2", "x and y have joined", "m3", "z has joined"]);
});

test("somebody who comes and goes is in one line, however often and whatever is said meanwhile", () => {
  merge([stored(1)]);
  for (let round = 0; round < 3; round++) {
    came("x");
    went("x");
  }
  expect(shown()).toEqual(["m1", "x was here"]);
  came("y");
  timeline.receive(stored(2));
  went("x");
  expect(shown()).toEqual(["m1", "y has joined", "m2", "x has left"]);
  came("y");
  expect(shown(), "an empty line goes").toEqual(["m1", "m2", "y has joined · x has left"]);
});

test("an own message is shown at once, then confirmed in place under the same key", () => {
  merge([stored(1)]);
  write("k1");
  write("k2");
  expect(shown()).toEqual(["m1", "waiting: k1", "waiting: k2"]);
  expect(post()).toEqual(["k1", "k2"]);
  expect(post()).toEqual([]);
  timeline.confirm("k1", stored(2, "k1", "me"));
  expect(timeline.receive(stored(2, "k1", "me")), "the broadcast after the answer").toBe(false);
  timeline.receive(stored(3));
  expect(shown()).toEqual(["m1", "k1", "m3", "sent: k2"]);
  timeline.confirm("k2", stored(4, "k2", "me"));
  expect(timeline.rows().map((row) => row.key)).toEqual(["m1", "pk1", "m3", "pk2"]);
});

test("while the connection is lost everything unanswered waits, posted or not", () => {
  write("k1");
  write("k2");
  post();
  timeline.confirm("k1", stored(1, "k1", "me"));
  timeline.disconnected();
  write("k3");
  expect(shown()).toEqual(["k1", "waiting: k2", "waiting: k3"]);
  expect(timeline.waiting).toBe(2);
  expect(post(), "the outbox has the others").toEqual(["k3"]);
  expect(shown()).toEqual(["k1", "waiting: k2", "waiting: k3"]);
  merge([stored(1, "k1", "me")]);
  expect(shown()).toEqual(["k1", "sent: k2", "sent: k3"]);
  expect(timeline.waiting).toBe(0);
});

test("what an earlier page wrote is taken up once, in the order of writing", () => {
  const written = (key: string, at: number) => ({ key, text: key, at });
  timeline.pending.restore([written("k1", 1), written("k2", 2), written("k3", 3)], false);
  timeline.pending.restore([written("k1", 1), written("k4", 4)], true);
  expect(shown()).toEqual(["sent: k1", "waiting: k2", "waiting: k3", "sent: k4"]);
  expect(post()).toEqual(["k2", "k3"]);
});

test("a message whose answer got lost is not shown twice", () => {
  write("k1", "hello");
  post();
  timeline.disconnected();
  merge([stored(1, "hello", "somebody else"), stored(2, "hello", "me")]);
  expect(shown()).toEqual(["hello", "hello"]);
  post();
  timeline.confirm("k1", stored(2, "hello", "me"));
  expect(shown()).toEqual(["hello", "hello"]);
});

test("a wrong guess comes right with the answer", () => {
  write("k1", "hello");
  post();
  timeline.disconnected();
  // Said on another device: it is not the message that was sent.
  merge([stored(1, "hello", "me")]);
  expect(shown()).toEqual(["hello"]);
  post();
  timeline.confirm("k1", stored(2, "hello", "me"));
  expect(shown()).toEqual(["hello", "hello"]);
  expect(timeline.pending.all).toEqual([]);
});

test("a message that was not the guessed one, and is refused, is shown", () => {
  write("k1", "hello");
  post();
  timeline.disconnected();
  merge([stored(1, "hello", "me")]);
  timeline.refuse("k1", { code: "quota_used" });
  expect(shown()).toEqual(["hello", "failed: hello"]);
});

test("two equal messages under way are two", () => {
  write("k1", "!");
  write("k2", "!");
  post();
  timeline.disconnected();
  merge([stored(1, "!", "me")]);
  expect(shown()).toEqual(["!", "sent: !"]);
});

test("catching up adds what was missed and marks a gap", () => {
  merge([stored(1), stored(2)]);
  went("x");
  merge([stored(2), stored(3)]);
  expect(shown()).toEqual(["m1", "m2", "x has left", "m3"]);
  merge([stored(8), stored(9)]);
  expect(shown()).toEqual(["m1", "m2", "x has left", "m3", "…", "m8", "m9"]);
  merge([stored(9)]);
  merge([stored(8), stored(9)]);
  expect(shown().filter((row) => row === "…")).toHaveLength(1);
});

test("a gap is marked also when the newest messages come before the history", () => {
  timeline.receive(stored(1));
  write("k1");
  post();
  timeline.disconnected();
  timeline.receive(stored(9));
  timeline.confirm("k1", stored(8, "k1", "me"));
  expect(shown(), "not yet").toEqual(["m1", "m9", "waiting: k1"]);
  merge([stored(7), stored(8, "k1", "me"), stored(9)]);
  expect(shown()).toEqual(["m1", "…", "m7", "k1", "m9"]);
  expect(timeline.pending.all).toEqual([]);
});

test("a refused message stays, and can be sent again or given up", () => {
  write("k1");
  write("k2");
  post();
  timeline.refuse("k1", { code: "storage" });
  timeline.refuse("k2", { code: "not_opened" });
  expect(shown()).toEqual(["failed: k1", "waiting: k2"]);
  timeline.pending.discard("k2");
  timeline.pending.retry("k1");
  expect(post()).toEqual(["k1", "k2"]);
  timeline.refuse("k1", { code: "storage" });
  timeline.pending.discard("k1");
  expect(shown()).toEqual(["sent: k2"]);
});

test("what was too much at once waits", () => {
  write("k1");
  post();
  timeline.refuse("k1", { code: "too_fast" });
  expect(shown()).toEqual(["waiting: k1"]);
});

test("where nothing can be said any more, nothing looks as if it waited", () => {
  write("k1");
  timeline.pending.refuseAll({ code: "not_member" });
  expect(shown()).toEqual(["failed: k1"]);
  expect(post()).toEqual([]);
});

test("those who are blocked are not heard, and are again afterwards", () => {
  merge([stored(1), stored(2, "m2", "b")]);
  timeline.blocked = new Set(["b"]);
  expect(shown()).toEqual(["m1"]);
  timeline.blocked = new Set();
  expect(shown()).toEqual(["m1", "m2"]);
});

test("bounded: what waits and what is kept", () => {
  for (let n = 0; n < PENDING_MAX; n++) expect(write(`k${n}`)).toBe(true);
  expect(write("one too many")).toBe(false);
  timeline = new Timeline(() => me);
  timeline.open(openedRoom("r"));
  for (let id = 1; id <= MESSAGES_KEPT_MAX; id++) timeline.receive(stored(id));
  expect(brief(timeline.rows()[0]!)).toBe("m1");
  timeline.receive(stored(MESSAGES_KEPT_MAX + 1));
  expect(timeline.rows()).toHaveLength(MESSAGES_KEPT_MAX);
  expect(brief(timeline.rows()[0]!)).toBe("m2");
});

test("while somebody reads further up nothing goes away there, up to a bound", () => {
  timeline.isAtEnd = false;
  for (let id = 1; id <= MESSAGES_READ_MAX; id++) timeline.receive(stored(id));
  expect(timeline.receive(stored(MESSAGES_READ_MAX + 1)), "it is news all the same").toBe(true);
  expect(timeline.rows()).toHaveLength(MESSAGES_READ_MAX);
  expect(brief(timeline.rows()[0]!), "what is read stays").toBe("m1");
  expect(timeline.hasAfter).toBe(true);
  timeline.newer(pageOf([MESSAGES_READ_MAX + 1], true, false), timeline.end);
  expect(timeline.hasAfter).toBe(false);
  timeline.isAtEnd = true;
  timeline.receive(stored(MESSAGES_READ_MAX + 2));
  expect(timeline.rows()).toHaveLength(MESSAGES_KEPT_MAX);
  expect(brief(timeline.rows().at(-1)!)).toBe(`m${MESSAGES_READ_MAX + 2}`);
});

test("bounded: those who come and go, without a message being lost to them", () => {
  let id = 0;
  for (let n = 0; n <= FOLDS_KEPT_MAX; n++) {
    timeline.receive(stored(++id));
    came(`x${n}`);
  }
  expect(shown().filter((row) => row.startsWith("x"))).toHaveLength(FOLDS_KEPT_MAX);
  expect(shown().filter((row) => row.startsWith("m"))).toHaveLength(id);
  expect(shown().slice(0, 3)).toEqual(["m1", "m2", "x1 has joined"]);
  // Messages that are dropped take the lines between them along.
  for (let n = 0; n <= MESSAGES_KEPT_MAX; n++) timeline.receive(stored(++id));
  expect(timeline.rows()).toHaveLength(MESSAGES_KEPT_MAX);
  for (let n = 0; n < FOLD_PEOPLE_MAX + 1; n++) came(`y${n}`);
  expect(shown().slice(-2)).toEqual([`y0 and ${FOLD_PEOPLE_MAX - 1} others have joined`, `y${FOLD_PEOPLE_MAX} has joined`]);
});

/** Opens the room at messages in the middle. */
const openAt = (from: number, to: number, more = {}) =>
  timeline.open(openedRoom("r", range(from, to).map((id) => stored(id)), { has_before: true, has_after: true, ...more }));

test("pages before and behind what is here are taken in where they belong, and once", () => {
  openAt(11, 12);
  expect([timeline.hasBefore, timeline.hasAfter]).toEqual([true, true]);
  timeline.older(pageOf([9, 10], true, true), 11);
  timeline.older(pageOf([9, 10], true, true), 11);
  timeline.newer(pageOf([13, 14], true, false), timeline.end);
  expect(shown()).toEqual(range(9, 14).map((id) => `m${id}`));
  expect([timeline.hasBefore, timeline.hasAfter]).toEqual([true, false]);
  timeline.older(pageOf([], false, true), 9);
  expect(timeline.hasBefore).toBe(false);
});

test("what is said while the end is not here is not taken in, and comes with the page there", () => {
  openAt(1, 2);
  expect(timeline.receive(stored(9))).toBe(true);
  expect(timeline.receive(stored(9)), "told of twice, it is no news").toBe(false);
  went("x");
  write("k1");
  expect(shown(), "what is written stands at the end, too").toEqual(["m1", "m2"]);
  const { end } = timeline;
  // While the page is on its way, another one is said, which it may not have.
  timeline.receive(stored(10));
  timeline.newer(pageOf(range(3, 9), true, false), end);
  expect(timeline.hasAfter).toBe(true);
  timeline.newer(pageOf([10], true, false), timeline.end);
  expect(shown()).toEqual([...range(1, 10).map((id) => `m${id}`), "waiting: k1"]);
});

test("the line above what is new stays where it is, and is shown only where that is known", () => {
  openAt(5, 8, { counts: countsOf("r", { read: 6, unread: 2 }) });
  expect(shown()).toEqual(["m5", "m6", "new:", "m7", "m8"]);
  timeline.unreadAfter = 3;
  expect(shown()).not.toContain("new:");
  timeline.older(pageOf([3, 4], true, true), 5);
  expect(shown().slice(0, 3)).toEqual(["m3", "new:", "m4"]);
  timeline.replace({ messages: [stored(7, "m7", "me"), stored(8)], has_before: false, has_after: false });
  expect(shown(), "one's own is not new").toEqual(["m7", "new:", "m8"]);
});

test("what is missing in between is loaded until nothing is", () => {
  merge([stored(1), stored(2)]);
  merge(range(7, 9).map((id) => stored(id)));
  const key = timeline.rows()[2]!.key;
  expect(timeline.gap(key)).toBe(2);
  timeline.gapIs(key, "loading");
  expect(timeline.rows()[2]).toMatchObject({ kind: "gap", state: "loading" });
  expect(timeline.fill(key, pageOf([3, 4], true, true))).toBe(false);
  expect(shown()).toEqual(["m1", "m2", "m3", "m4", "…", "m7", "m8", "m9"]);
  expect(timeline.gap(key)).toBe(4);
  expect(timeline.fill(key, pageOf([5, 6, 7], true, true))).toBe(true);
  expect(shown()).toEqual(range(1, 9).map((id) => `m${id}`));
});

test("a place where nothing turns out to be missing closes", () => {
  merge([stored(1)]);
  merge([stored(7)]);
  expect(timeline.fill("g1", pageOf([7], true, false))).toBe(true);
  expect(shown()).toEqual(["m1", "m7"]);
});

test("bounded: whoever pages far loses the other end, which can be loaded again", () => {
  timeline.isAtEnd = false;
  openAt(10_001, 10_100, { has_after: false });
  for (let from = 9_901; from > 10_000 - MESSAGES_READ_MAX; from -= 100) timeline.older(pageOf(range(from, from + 99), true, true), from + 100);
  expect(timeline.rows()).toHaveLength(MESSAGES_READ_MAX);
  expect([timeline.oldest, timeline.newest, timeline.hasAfter]).toEqual([10_001 - MESSAGES_READ_MAX, 10_000, true]);
  timeline.newer(pageOf(range(10_001, 10_100), true, false), timeline.end);
  expect([timeline.oldest, timeline.newest]).toEqual([10_101 - MESSAGES_READ_MAX, 10_100]);
  expect([timeline.hasBefore, timeline.hasAfter]).toEqual([true, false]);
});

const edit = (message: number, text: string | null, change: number) =>
  timeline.edited({ room: "r", message, text: text ?? "", edited_at: text === null ? null : 99, change });
const react = (message: number, emoji: string, count: number, change: number, person = "a", is_on = true) =>
  timeline.reacted({ room: "r", message, emoji, count, person, is_on, change });
const row = (id: number) => timeline.rows().find((one) => one.kind === "message" && one.id === id);

test("messages are edited and deleted in their places, and wherever they are quoted", () => {
  const reply = { id: 1, person: "a", name: "a", text: "m1" };
  merge([stored(1), { ...stored(2), reply }]);
  timeline.write({ key: "k", text: "k", at: 0, reply });
  edit(1, "better", 1);
  expect(row(1)).toMatchObject({ text: "better", editedAt: 99 });
  expect(row(2)).toMatchObject({ reply: { text: "better" } });
  expect(timeline.rows().at(-1)).toMatchObject({ reply: { text: "better" } });
  edit(1, "older", 1);
  expect(row(1), "what is known already").toMatchObject({ text: "better" });
  react(1, "👍", 1, 2);
  edit(1, null, 3);
  expect(row(1)).toMatchObject({ text: "", isDeleted: true, reactions: undefined });
  expect(row(2)).toMatchObject({ reply: { text: "", isDeleted: true } });
  expect(timeline.change).toBe(3);
});

test("reactions are counted, and one's own are one's own", () => {
  merge([stored(1)]);
  react(1, "👍", 1, 1);
  react(1, "🎉", 1, 2, "me");
  react(1, "👍", 2, 3, "me");
  react(1, "👍", 2, 3, "me");
  expect(row(1)).toMatchObject({
    reactions: [
      { emoji: "👍", count: 2, isMine: true },
      { emoji: "🎉", count: 1, isMine: true },
    ],
  });
  react(1, "👍", 1, 4, "a", false);
  react(1, "🎉", 0, 5, "me", false);
  expect(row(1)).toMatchObject({ reactions: [{ emoji: "👍", count: 1, isMine: true }] });
});

test("a page that was read before a change, and comes after it, is as the change says", () => {
  openAt(5, 6);
  edit(4, "better", 1);
  react(4, "👍", 1, 2);
  timeline.older({ messages: [{ ...stored(3), reply: { id: 4, person: "a", name: "a", text: "m4" } }, stored(4)], has_before: false, has_after: true }, 5);
  expect(row(4)).toMatchObject({ text: "better", reactions: [{ emoji: "👍" }] });
  expect(row(3)).toMatchObject({ reply: { text: "better" } });
});

test("what has changed while one was away is as it is now, and too much of it is all anew", () => {
  merge([stored(1), { ...stored(2), reply: { id: 1, person: "a", name: "a", text: "m1" } }]);
  timeline.disconnected();
  merge([stored(2), stored(3)], { changed: [{ ...stored(1, "better"), edited_at: 9, change: 7 }], change: 8 });
  expect(row(1)).toMatchObject({ text: "better" });
  expect(row(2)).toMatchObject({ reply: { text: "better" } });
  expect(timeline.change).toBe(8);
  timeline.disconnected();
  merge([stored(8), stored(9)], { changed: null, change: 900 });
  expect(shown()).toEqual(["m8", "m9"]);
  expect([timeline.hasBefore, timeline.change]).toEqual([true, 900]);
});

test("whoever reads further up stays there after a lost connection", () => {
  openAt(1, 3);
  timeline.disconnected();
  merge([stored(8), stored(9)]);
  expect(shown()).toEqual(["m1", "m2", "m3"]);
  expect(timeline.hasAfter).toBe(true);
  timeline.disconnected();
  merge(range(2, 9).map((id) => stored(id)));
  expect(shown()).toEqual(range(1, 9).map((id) => `m${id}`));
  expect(timeline.hasAfter).toBe(false);
});

test("what the room does not keep any more is gone, also where it is quoted", () => {
  merge([stored(1), stored(2), { ...stored(3), reply: { id: 2, person: "a", name: "a", text: "m2" } }]);
  merge([stored(8)]);
  timeline.pruned({ to: 2 });
  expect(shown()).toEqual(["m3", "…", "m8"]);
  expect(row(3)).toMatchObject({ reply: { person: "", text: "", isDeleted: true } });
  expect(timeline.hasBefore).toBe(false);
  timeline.pruned({ to: 5 });
  expect(shown()).toEqual(["m8"]);
  expect(timeline.hasBefore, "between that and what is here").toBe(true);
});

// Whatever happens, what is here is a part of what the room has, without a hole that is not marked as one.
test("random histories: what is here is what the room has there", () => {
  for (let seed = 1; seed <= 300; seed++) {
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (state >>> 8) % below;
    };
    let room = range(1, random(60)).map((id) => stored(id));
    let next = 61;
    let change = 0;
    let isOnline = true;
    let pruned = 0;
    const PAGE = 7;
    const page = (place: { before?: number; after?: number; around?: number }) => {
      const { before, after, around } = place;
      const at = room.findIndex(({ id }) => id >= (before ?? around ?? Infinity));
      const end = at < 0 ? room.length : at;
      let [from, to] = [Math.max(end - PAGE, 0), end];
      if (around !== undefined) [from, to] = [Math.max(end - 3, 0), Math.min(end + 4, room.length)];
      if (after !== undefined) {
        from = room.findIndex(({ id }) => id > after);
        if (from < 0) from = room.length;
        to = Math.min(from + PAGE, room.length);
      }
      return { messages: room.slice(from, to), has_before: from > 0, has_after: to < room.length };
    };
    const answer = (place: object, isAgain: boolean) => ({
      ...openedRoom("r"),
      ...page(place),
      change,
      pruned,
      changed: isAgain ? room.filter((one) => (one.change ?? 0) > timeline.change && one.id <= timeline.newest) : [],
    });
    timeline = new Timeline(() => me);
    timeline.open(answer({ around: random(60) }, false));
    for (let step = 0; step < 80; step++) {
      const message = room[random(Math.max(room.length, 1))];
      const gap = timeline.rows().find(({ kind }) => kind === "gap");
      switch (random(11)) {
        case 0:
        case 1:
        case 2: {
          const said = stored(next++);
          if (message && random(3) === 0) said.reply = { id: message.id, person: "a", name: "a", text: message.text, is_deleted: message.is_deleted };
          room = [...room, said];
          if (isOnline) timeline.receive(said);
          break;
        }
        case 3:
          if (isOnline) timeline.older(page({ before: timeline.oldest }), timeline.oldest);
          break;
        case 4:
          if (isOnline) timeline.newer(page({ after: timeline.newest }), timeline.end);
          break;
        case 5:
          if (isOnline && gap) timeline.fill(gap.key, page({ after: timeline.gap(gap.key) }));
          break;
        case 6:
          isOnline = false;
          timeline.disconnected();
          break;
        case 7:
          if (isOnline) break;
          isOnline = true;
          timeline.resume(answer({}, true));
          break;
        case 8: {
          if (!message || message.is_deleted) break;
          change++;
          const text = random(3) === 0 ? null : `edited ${change}`;
          const now = { ...message, text: text ?? "", edited_at: text === null ? undefined : 9, is_deleted: text === null, change, ...(text === null && { reactions: undefined }) };
          room = room.map((one) => {
            if (one.id === message.id) return now;
            return one.reply?.id === message.id ? { ...one, reply: { ...one.reply, text: now.text, is_deleted: now.is_deleted } } : one;
          });
          if (isOnline) edit(message.id, text, change);
          break;
        }
        case 9: {
          if (!message || message.is_deleted) break;
          const count = random(4);
          change++;
          const now = { ...message, change, reactions: count > 0 ? [{ emoji: "👍", count }] : [] };
          room = room.map((one) => (one.id === message.id ? now : one));
          if (isOnline) react(message.id, "👍", count, change);
          break;
        }
        case 10:
          if (random(4) !== 0) {
            if (isOnline) timeline.replace(page({ around: random(next) }));
            break;
          }
          pruned = Math.max(pruned, room[random(5)]?.id ?? 0);
          room = room.filter(({ id }) => id > pruned).map((one) => {
            return one.reply && one.reply.id <= pruned ? { ...one, reply: { id: one.reply.id, person: "", name: "", text: "", is_deleted: true } } : one;
          });
          if (isOnline) timeline.pruned({ to: pruned });
          break;
      }
      if (!isOnline) continue;
      const where = `seed ${seed}, step ${step}`;
      const places = new Map(room.map(({ id }, place) => [id, place]));
      const given: unknown[] = [];
      const wanted: unknown[] = [];
      let at = -1;
      let isHole = timeline.hasBefore;
      for (const one of timeline.rows()) {
        if (one.kind !== "message") {
          isHole = true;
          continue;
        }
        const found = places.get(one.id!) ?? -1;
        if (isHole ? found <= at : found !== at + 1) expect.fail(`${where}: ${one.id} is out of place`);
        [at, isHole] = [found, false];
        const { text, is_deleted = false, reply, reactions = [] } = room[found]!;
        given.push([one.text, one.isDeleted ?? false, one.reactions?.map(({ count }) => count) ?? [], one.reply?.text, one.reply?.isDeleted]);
        wanted.push([text, is_deleted, reactions.map(({ count }) => count), reply?.text, reply && (reply.is_deleted ?? false)]);
      }
      expect(given, where).toEqual(wanted);
      if (!timeline.hasAfter) expect(at, where).toBe(room.length - 1);
    }
  }
});
