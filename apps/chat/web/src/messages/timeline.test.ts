import { beforeEach, expect, test } from "vitest";

import type { Message } from "../contract.ts";
import type { Row } from "../design/rows.ts";
import {
  FOLD_PEOPLE_MAX,
  FOLDS_KEPT_MAX,
  MESSAGES_KEPT_MAX,
  MESSAGES_READ_MAX,
  PENDING_MAX,
  Timeline,
} from "./timeline.ts";

const me = { id: "me", name: "Me", colour: 1 };
let timeline: Timeline;

beforeEach(() => {
  timeline = new Timeline(() => me);
  // The room is entered, and nothing was said in it.
  timeline.merge([]);
});

const stored = (id: number, text = `m${id}`, person = "a"): Message => {
  return { id, room: "r", by: { id: person, name: person, colour: 0 }, text, at: id };
};

const write = (key: string, text = key) => timeline.write({ key, text, at: 0 });

const post = () => timeline.takeUnposted().map((written) => written.key);

const came = (id: string) => timeline.passed("came", { id, name: id }, 0);
const went = (id: string) => timeline.passed("went", { id, name: id }, 0);

const brief = (row: Row) =>
  row.kind === "gap" ? "…" : row.kind === "fold" ? row.text : row.state === "stored" ? row.text : `${row.state}: ${row.text}`;

const shown = () => {
  const rows = timeline.rows();
  expect(new Set(rows.map((row) => row.key)).size, "keys are unique").toBe(rows.length);
  return rows.map(brief);
};

test("messages stand in stored order, each once, however they come", () => {
  timeline.add(stored(3));
  timeline.merge([stored(1), stored(2), stored(3)]);
  expect(timeline.add(stored(5))).toBe(true);
  expect(timeline.add(stored(4))).toBe(true);
  expect(timeline.add(stored(4))).toBe(false);
  expect(shown()).toEqual(["m1", "m2", "m3", "m4", "m5"]);
});

test("what does not change stays the same object", () => {
  timeline.merge([stored(1)]);
  write("k1");
  came("x");
  const before = timeline.rows();
  timeline.add(stored(2));
  const after = timeline.rows();
  for (const row of before) expect(after).toContain(row);
});

test("a message is one's own by who wrote it, and not by a name", () => {
  timeline.merge([stored(1, "mine", "me"), { ...stored(2, "hers"), by: { id: "she", name: "Me", colour: 1 } }]);
  expect(timeline.rows().map((row) => row.kind === "message" && row.isOwn)).toEqual([true, false]);
});

test("those who come in a row are one line, where it happened", () => {
  timeline.merge([stored(1), stored(2)]);
  came("x");
  came("y");
  timeline.add(stored(3));
  came("z");
  expect(shown()).toEqual(["m1", "m2", "x and y have joined", "m3", "z has joined"]);
});

test("somebody who comes and goes is in one line, however often and whatever is said meanwhile", () => {
  timeline.merge([stored(1)]);
  for (let round = 0; round < 3; round++) {
    came("x");
    went("x");
  }
  expect(shown()).toEqual(["m1", "x was here"]);
  came("y");
  timeline.add(stored(2));
  went("x");
  expect(shown()).toEqual(["m1", "y has joined", "m2", "x has left"]);
  came("y");
  expect(shown(), "an empty line goes").toEqual(["m1", "m2", "y has joined · x has left"]);
});

test("an own message is shown at once, then confirmed in place under the same key", () => {
  timeline.merge([stored(1)]);
  write("k1");
  write("k2");
  expect(shown()).toEqual(["m1", "waiting: k1", "waiting: k2"]);
  expect(post()).toEqual(["k1", "k2"]);
  expect(post()).toEqual([]);
  timeline.confirm("k1", stored(2, "k1", "me"));
  expect(timeline.add(stored(2, "k1", "me")), "the broadcast after the answer").toBe(false);
  timeline.add(stored(3));
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
  timeline.merge([stored(1, "k1", "me")]);
  expect(shown()).toEqual(["k1", "sent: k2", "sent: k3"]);
  expect(timeline.waiting).toBe(0);
});

test("what an earlier page wrote is taken up once, in the order of writing", () => {
  const written = (key: string, at: number) => ({ key, text: key, at });
  timeline.restore([written("k1", 1), written("k2", 2), written("k3", 3)], false);
  timeline.restore([written("k1", 1), written("k4", 4)], true);
  expect(shown()).toEqual(["sent: k1", "waiting: k2", "waiting: k3", "sent: k4"]);
  expect(post()).toEqual(["k2", "k3"]);
});

test("a message whose answer got lost is not shown twice", () => {
  write("k1", "hello");
  post();
  timeline.disconnected();
  timeline.merge([stored(1, "hello", "somebody else"), stored(2, "hello", "me")]);
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
  timeline.merge([stored(1, "hello", "me")]);
  expect(shown()).toEqual(["hello"]);
  post();
  timeline.confirm("k1", stored(2, "hello", "me"));
  expect(shown()).toEqual(["hello", "hello"]);
  expect(timeline.unconfirmed()).toEqual([]);
});

test("a message that was not the guessed one, and is refused, is shown", () => {
  write("k1", "hello");
  post();
  timeline.disconnected();
  timeline.merge([stored(1, "hello", "me")]);
  timeline.refuse("k1", { code: "quota_used" });
  expect(shown()).toEqual(["hello", "failed: hello"]);
});

test("two equal messages under way are two", () => {
  write("k1", "!");
  write("k2", "!");
  post();
  timeline.disconnected();
  timeline.merge([stored(1, "!", "me")]);
  expect(shown()).toEqual(["!", "sent: !"]);
});

test("catching up adds what was missed and marks a gap", () => {
  timeline.merge([stored(1), stored(2)]);
  went("x");
  timeline.merge([stored(2), stored(3)]);
  expect(shown()).toEqual(["m1", "m2", "x has left", "m3"]);
  timeline.merge([stored(8), stored(9)]);
  expect(shown()).toEqual(["m1", "m2", "x has left", "m3", "…", "m8", "m9"]);
  timeline.merge([stored(9)]);
  timeline.merge([]);
  expect(shown().filter((row) => row === "…")).toHaveLength(1);
});

test("a gap is marked also when the newest messages come before the history", () => {
  timeline.add(stored(1));
  write("k1");
  post();
  timeline.disconnected();
  timeline.add(stored(9));
  timeline.confirm("k1", stored(8, "k1", "me"));
  expect(shown(), "not yet").toEqual(["m1", "m9", "waiting: k1"]);
  timeline.merge([stored(7), stored(8, "k1", "me"), stored(9)]);
  expect(shown()).toEqual(["m1", "…", "m7", "k1", "m9"]);
  expect(timeline.unconfirmed()).toEqual([]);
});

test("a refused message stays, and can be sent again or given up", () => {
  write("k1");
  write("k2");
  post();
  timeline.refuse("k1", { code: "storage" });
  timeline.refuse("k2", { code: "not_opened" });
  expect(shown()).toEqual(["failed: k1", "waiting: k2"]);
  timeline.discard("k2");
  timeline.retry("k1");
  expect(post()).toEqual(["k1", "k2"]);
  timeline.refuse("k1", { code: "storage" });
  timeline.discard("k1");
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
  timeline.refuseAll({ code: "not_member" });
  expect(shown()).toEqual(["failed: k1"]);
  expect(post()).toEqual([]);
});

test("those who are blocked are not heard, and are again afterwards", () => {
  timeline.merge([stored(1), stored(2, "m2", "b")]);
  timeline.blocked = new Set(["b"]);
  expect(shown()).toEqual(["m1"]);
  timeline.blocked = new Set();
  expect(shown()).toEqual(["m1", "m2"]);
});

test("bounded: what waits and what is kept", () => {
  for (let n = 0; n < PENDING_MAX; n++) expect(write(`k${n}`)).toBe(true);
  expect(write("one too many")).toBe(false);
  timeline = new Timeline(() => me);
  for (let id = 1; id <= MESSAGES_KEPT_MAX; id++) timeline.add(stored(id));
  expect(brief(timeline.rows()[0]!)).toBe("m1");
  timeline.add(stored(MESSAGES_KEPT_MAX + 1));
  expect(timeline.rows()).toHaveLength(MESSAGES_KEPT_MAX);
  expect(brief(timeline.rows()[0]!)).toBe("m2");
});

test("while somebody reads further up nothing goes away there, up to a bound", () => {
  timeline.isAtEnd = false;
  for (let id = 1; id <= MESSAGES_READ_MAX + 1; id++) timeline.add(stored(id));
  expect(timeline.rows()).toHaveLength(MESSAGES_READ_MAX);
  timeline.isAtEnd = true;
  timeline.add(stored(MESSAGES_READ_MAX + 2));
  expect(timeline.rows()).toHaveLength(MESSAGES_KEPT_MAX);
  expect(brief(timeline.rows().at(-1)!)).toBe(`m${MESSAGES_READ_MAX + 2}`);
});

test("bounded: those who come and go, without a message being lost to them", () => {
  let id = 0;
  for (let n = 0; n <= FOLDS_KEPT_MAX; n++) {
    timeline.add(stored(++id));
    came(`x${n}`);
  }
  expect(shown().filter((row) => row.startsWith("x"))).toHaveLength(FOLDS_KEPT_MAX);
  expect(shown().filter((row) => row.startsWith("m"))).toHaveLength(id);
  expect(shown().slice(0, 3)).toEqual(["m1", "m2", "x1 has joined"]);
  // Messages that are dropped take the lines between them along.
  for (let n = 0; n <= MESSAGES_KEPT_MAX; n++) timeline.add(stored(++id));
  expect(timeline.rows()).toHaveLength(MESSAGES_KEPT_MAX);
  for (let n = 0; n < FOLD_PEOPLE_MAX + 1; n++) came(`y${n}`);
  expect(shown().slice(-2)).toEqual([`y0 and ${FOLD_PEOPLE_MAX - 1} others have joined`, `y${FOLD_PEOPLE_MAX} has joined`]);
});
