import { beforeEach, expect, test } from "vitest";

import type { Refusal, StoredMessage } from "./contract.ts";
import { MESSAGES_KEPT_MAX, NOTICES_KEPT_MAX, PENDING_MAX, type Row, Timeline } from "./timeline.ts";

let timeline: Timeline;

beforeEach(() => {
  timeline = new Timeline();
  // The room is entered, and nothing was said in it.
  timeline.merge([]);
});

const stored = (id: number, msg = `m${id}`, name = "a"): StoredMessage => ({ id, name, msg, at: id });

const refusal = (code: string): Refusal => ({ code, message: "" });

const write = (key: string, msg = key) => timeline.write({ key, name: "me", msg, at: 0 });

const post = () => timeline.takeUnposted("me").map((written) => written.key);

const brief = (row: Row) =>
  row.kind === "message"
    ? row.message.msg
    : row.kind === "notice"
      ? `${row.what} ${row.name}`
      : row.kind === "gap"
        ? "…"
        : `${row.pending.state}: ${row.pending.msg}`;

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

test("who came and went stays where it happened", () => {
  timeline.notice("joined", "early", 0);
  timeline.merge([stored(1), stored(2)]);
  timeline.notice("joined", "x", 0);
  timeline.notice("left", "x", 0);
  timeline.add(stored(3));
  timeline.notice("joined", "y", 0);
  expect(shown()).toEqual(["joined early", "m1", "m2", "joined x", "left x", "m3", "joined y"]);
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
  expect(post(), "the outbox has the others").toEqual(["k3"]);
  expect(shown()).toEqual(["k1", "waiting: k2", "waiting: k3"]);
  timeline.merge([stored(1, "k1", "me")]);
  expect(shown()).toEqual(["k1", "sent: k2", "sent: k3"]);
});

test("what an earlier page wrote is taken up once, in the order of writing", () => {
  const written = (key: string, at: number) => ({ key, name: "me", msg: key, at });
  timeline.restore([written("k1", 1), written("k4", 4)], true);
  timeline.restore([written("k1", 1), written("k2", 2), written("k3", 3)], false);
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
  // Somebody of the same name said the same: it is not the message that was sent.
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
  timeline.refuse("k1", refusal("quota_used"));
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
  timeline.notice("left", "x", 0);
  timeline.merge([stored(2), stored(3)]);
  expect(shown()).toEqual(["m1", "m2", "left x", "m3"]);
  timeline.merge([stored(8), stored(9)]);
  expect(shown()).toEqual(["m1", "m2", "left x", "m3", "…", "m8", "m9"]);
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

test("another visit begins anew, with what is not confirmed", () => {
  timeline.add(stored(1));
  timeline.notice("joined", "x", 0);
  write("k1");
  post();
  timeline.restart();
  expect(shown()).toEqual(["waiting: k1"]);
  timeline.merge([stored(5)]);
  expect(shown(), "without a gap").toEqual(["m5", "sent: k1"]);
});

test("a refused message stays, and can be sent again or given up", () => {
  write("k1");
  write("k2");
  post();
  timeline.refuse("k1", refusal("storage"));
  timeline.refuse("k2", refusal("not_joined"));
  expect(shown()).toEqual(["failed: k1", "waiting: k2"]);
  timeline.discard("k2");
  timeline.retry("k1", "me", () => "new");
  expect(post()).toEqual(["k1", "k2"]);
  timeline.refuse("k1", refusal("storage"));
  timeline.discard("k1");
  expect(shown()).toEqual(["sent: k2"]);
});

test("what was too much at once waits", () => {
  write("k1");
  post();
  timeline.refuse("k1", refusal("too_fast"));
  expect(shown()).toEqual(["waiting: k1"]);
});

test("bounded: what waits and what is kept", () => {
  for (let n = 0; n < PENDING_MAX; n++) expect(write(`k${n}`)).toBe(true);
  expect(write("one too many")).toBe(false);
  timeline = new Timeline();
  for (let id = 1; id <= MESSAGES_KEPT_MAX + 10; id++) timeline.add(stored(id));
  expect(timeline.rows()).toHaveLength(MESSAGES_KEPT_MAX);
  expect(brief(timeline.rows()[0]!)).toBe("m11");
});

test("bounded: those who come and go, without a message being lost to them", () => {
  timeline.add(stored(1));
  for (let n = 0; n < NOTICES_KEPT_MAX; n++) timeline.notice("joined", `x${n}`, 0);
  expect(timeline.rows()).toHaveLength(1 + NOTICES_KEPT_MAX);
  timeline.notice("left", "one more", 0);
  timeline.add(stored(2));
  expect(timeline.rows()).toHaveLength(2 + NOTICES_KEPT_MAX);
  expect(shown()[0]).toBe("m1");
  expect(shown()[1]).toBe("joined x1");
  expect(shown().slice(-2)).toEqual(["left one more", "m2"]);
  // Messages that are dropped take the notices between them along.
  for (let id = 3; id <= MESSAGES_KEPT_MAX + 2; id++) timeline.add(stored(id));
  expect(timeline.rows()).toHaveLength(MESSAGES_KEPT_MAX);
  for (let n = 0; n < NOTICES_KEPT_MAX; n++) timeline.notice("joined", `y${n}`, 0);
  expect(timeline.rows()).toHaveLength(MESSAGES_KEPT_MAX + NOTICES_KEPT_MAX);
});
