import { beforeEach, expect, test, vi } from "vitest";

import type { StoredMessage } from "./contract.ts";
import { type Connection, Session } from "./session.svelte.ts";
import type { TextStorage } from "./storage.ts";

/** A socket whose other end is the test. */
class FakeConnection implements Connection {
  connected = false;
  sendBuffer: unknown[] = [];
  emitted: { event: string; args: any[] }[] = [];
  connects = 0;
  disconnects = 0;
  private listeners = new Map<string, (...args: any[]) => void>();

  on(event: string, listener: (...args: any[]) => void) {
    this.listeners.set(event, listener);
  }
  emit(event: string, ...args: any[]) {
    this.emitted.push({ event, args });
  }
  connect() {
    this.connects++;
  }
  disconnect() {
    this.disconnects++;
    if (this.connected) this.drop("io client disconnect");
  }

  deliver(event: string, ...args: any[]) {
    this.listeners.get(event)!(...args);
  }
  accept() {
    this.connected = true;
    this.deliver("connect");
  }
  drop(reason: string) {
    this.connected = false;
    this.deliver("disconnect", reason);
  }
  /** The oldest unanswered request of this event, taken off the list. */
  take(event: string) {
    const index = this.emitted.findIndex((packet) => packet.event === event);
    expect(index, `a ${event} was sent`).toBeGreaterThanOrEqual(0);
    const { args } = this.emitted.splice(index, 1)[0]!;
    return { payload: args[0], answer: args[1] as (answer: unknown) => void };
  }
  /** Answers the join with this history. */
  admit(history: StoredMessage[] = []) {
    const { payload, answer } = this.take("join");
    answer(history);
    return payload;
  }
}

class FakeStorage implements TextStorage {
  texts = new Map<string, string>();
  getItem = (name: string) => this.texts.get(name) ?? null;
  setItem = (name: string, value: string) => void this.texts.set(name, value);
  removeItem = (name: string) => void this.texts.delete(name);
}

let connection: FakeConnection;
let storage: FakeStorage;
let session: Session;

beforeEach(() => {
  vi.useFakeTimers();
  storage = new FakeStorage();
  restart();
});

/** Shows everything at once, unless the test is about that. */
const newSession = (isHidden = () => false, later = (action: () => void) => action()) =>
  new Session("방", "me-1", () => connection, storage, isHidden, later);

function restart() {
  connection = new FakeConnection();
  session = newSession();
}

function enter(history: StoredMessage[] = []) {
  session.enter("나");
  connection.accept();
  return connection.admit(history);
}

const stored = (id: number, msg: string, name = "나"): StoredMessage => ({ id, name, msg, at: id });

const shown = () =>
  session.rows.map((row) =>
    row.kind === "message"
      ? row.message.msg
      : row.kind === "pending"
        ? `${row.pending.state}: ${row.pending.msg}`
        : row.kind === "notice"
          ? `${row.what} ${row.name}`
          : row.kind,
  );

test("enters with room and nickname and shows the history", () => {
  session.enter(" 나 ");
  expect(session.phase).toBe("entering");
  expect(connection.connects).toBe(1);
  connection.deliver("connect_error", new Error("refused"));
  expect(session.unreachable).toBe(true);
  connection.accept();
  expect(connection.admit([stored(1, "안녕")])).toEqual({
    room: "방",
    name: "나",
    sender: "me-1",
  });
  connection.deliver("join", { room: "방", name: "나", people: 2 });
  expect(session.phase).toBe("inside");
  expect(session.unreachable).toBe(false);
  expect(session.people).toBe(2);
  expect(shown()).toEqual(["안녕", "joined 나"]);
});

test("a refused nickname leads back to the question", () => {
  session.enter("?");
  connection.accept();
  connection.take("join").answer({ error: { code: "name_empty", message: "" } });
  expect(session.phase).toBe("asking");
  expect(session.refusal?.code).toBe("name_empty");
  expect(connection.disconnects).toBe(1);
  session.enter("나");
  expect(session.refusal).toBeUndefined();
  expect(connection.connects).toBe(2);
  connection.accept();
  connection.admit();
  expect(session.phase).toBe("inside");
});

test("a message is shown at once and confirmed by its answer", () => {
  enter();
  session.say("hello");
  expect(shown()).toEqual(["sent: hello"]);
  const { payload, answer } = connection.take("chat");
  expect(payload).toEqual({ name: "나", msg: "hello", key: expect.stringMatching(/^[0-9a-f]{24}$/) });
  answer(stored(1, "hello"));
  connection.deliver("chat", stored(1, "hello"));
  expect(shown()).toEqual(["hello"]);
  expect(storage.texts.size).toBe(0);
});

test("what is written without a connection goes out in order after coming back", () => {
  enter([stored(1, "one")]);
  session.say("under way");
  const lost = connection.take("chat");
  connection.sendBuffer.push("something the library kept");
  connection.drop("transport close");
  expect(session.online).toBe(false);
  expect(connection.sendBuffer).toEqual([]);
  session.say("offline 1");
  session.say("offline 2");
  expect(connection.emitted).toEqual([]);
  expect(session.waiting).toBe(3);

  connection.accept();
  connection.admit([stored(1, "one"), stored(2, "missed", "x"), stored(3, "under way")]);
  expect(shown().slice(0, 3)).toEqual(["one", "missed", "under way"]);
  const again = connection.take("chat");
  expect(again.payload.key).toBe(lost.payload.key);
  again.answer(stored(3, "under way"));
  for (const [n, text] of ["offline 1", "offline 2"].entries()) {
    const { payload, answer } = connection.take("chat");
    expect(payload.msg).toBe(text);
    answer(stored(4 + n, text));
  }
  expect(shown()).toEqual(["one", "missed", "under way", "offline 1", "offline 2"]);
});

test("unsent messages survive a reload, under the new nickname if it changed", () => {
  enter();
  connection.drop("transport close");
  session.say("kept");
  const key = JSON.parse([...storage.texts.values()][0]!)[0].key;
  restart();
  enter();
  expect(connection.take("chat").payload).toEqual({ name: "나", msg: "kept", key });

  restart();
  session.enter("너");
  connection.accept();
  connection.admit();
  const { payload } = connection.take("chat");
  expect(payload).toMatchObject({ name: "너", msg: "kept" });
  expect(payload.key).not.toBe(key);
});

test("a message whose answer a reload cut off is shown once, also before it is answered again", () => {
  enter();
  session.say("first");
  connection.take("chat").answer(stored(1, "first"));
  session.say("third");
  restart();
  enter([stored(1, "first"), stored(2, "third")]);
  expect(shown()).toEqual(["first", "third"]);
  connection.take("chat").answer(stored(2, "third"));
  expect(shown()).toEqual(["first", "third"]);

  // The one that did not arrive is shown at once, and once.
  session.say("fourth");
  restart();
  enter([stored(1, "first"), stored(2, "third")]);
  expect(shown()).toEqual(["first", "third", "sent: fourth"]);
  connection.take("chat").answer(stored(3, "fourth"));
  expect(shown()).toEqual(["first", "third", "fourth"]);
});

test("a refused message can be sent again or discarded", () => {
  enter();
  session.say("hello");
  connection.take("chat").answer({ error: { code: "storage", message: "" } });
  expect(shown()).toEqual(["failed: hello"]);
  const row = session.rows[0]!;
  const key = row.kind === "pending" ? row.pending.key : "";
  session.retry(key);
  expect(connection.take("chat").payload.key).toBe(key);
  session.discard(key);
  expect(shown(), "it is under way again").toEqual(["sent: hello"]);
});

test("after leaving nothing is sent or taken in", () => {
  enter([stored(1, "one")]);
  session.say("last words");
  const last = connection.take("chat");
  session.leave();
  expect(connection.take("leave").payload).toBeUndefined();
  last.answer(stored(2, "last words"));
  const end = ["one", "last words", "left 나"].sort();
  expect(shown().sort()).toEqual(end);
  connection.deliver("chat", stored(3, "after", "x"));
  connection.deliver("join", { room: "방", name: "x", people: 1 });
  expect(session.say("nobody hears")).toBe(false);
  session.leave();
  expect(connection.emitted).toEqual([]);
  expect(shown().sort()).toEqual(end);
  connection.drop("io server disconnect");
  vi.advanceTimersByTime(60_000);
  expect(connection.connects, "it does not come back").toBe(1);
});

test("leaving hangs up when the server does not", () => {
  enter();
  session.leave();
  expect(connection.disconnects).toBe(0);
  vi.advanceTimersByTime(2_000);
  expect(connection.disconnects).toBe(1);
});

test("comes back when the server disconnects the socket without being asked", () => {
  enter();
  connection.drop("io server disconnect");
  expect(connection.connects).toBe(1);
  vi.advanceTimersByTime(1_000);
  expect(connection.connects).toBe(2);
});

test("a history that cannot be read on coming back is asked for again", () => {
  enter([stored(1, "one")]);
  connection.drop("transport close");
  connection.accept();
  connection.take("join").answer({ error: { code: "storage", message: "" } });
  expect(session.phase).toBe("inside");
  expect(session.online).toBe(false);
  vi.advanceTimersByTime(1_000);
  connection.admit([stored(1, "one"), stored(2, "two")]);
  expect(session.online).toBe(true);
  expect(shown()).toEqual(["one", "two"]);
});

test("counts what comes while nobody looks", () => {
  let hidden = true;
  session = newSession(() => hidden);
  enter();
  connection.deliver("chat", stored(1, "one", "x"));
  connection.deliver("chat", stored(1, "one", "x"));
  connection.deliver("chat", stored(2, "two", "x"));
  expect(session.unseen).toBe(2);
  hidden = false;
  session.seen();
  connection.deliver("chat", stored(3, "three", "x"));
  expect(session.unseen).toBe(0);
});

test("shows what comes in one go once", () => {
  const frames: (() => void)[] = [];
  session = newSession(undefined, (action) => void frames.push(action));
  enter([stored(1, "one")]);
  frames.splice(0).forEach((frame) => frame());
  const before = session.rows;
  for (let id = 2; id <= 100; id++) connection.deliver("chat", stored(id, `${id}`, "x"));
  session.say("mine");
  expect(session.rows).toBe(before);
  expect(frames).toHaveLength(1);
  expect([...storage.texts.values()].join()).toContain("mine");
  frames.splice(0).forEach((frame) => frame());
  expect(shown()).toHaveLength(101);
  connection.deliver("chat", stored(101, "later", "x"));
  expect(frames, "and the next one in the next").toHaveLength(1);
});

test("what is too much at once goes out a little later, in order", () => {
  enter();
  for (const text of ["one", "two", "three"]) session.say(text);
  const first = connection.take("chat");
  const [second, third] = [connection.take("chat"), connection.take("chat")];
  first.answer(stored(1, "one"));
  const error = { code: "too_fast", message: "", retry_after: 2 };
  second.answer({ error });
  third.answer({ error: { ...error, retry_after: 1 } });
  expect(session.slowed).toBe(2);
  session.say("four");
  expect(connection.emitted, "nothing more until then").toEqual([]);
  expect(shown()).toEqual(["one", "waiting: two", "waiting: three", "waiting: four"]);
  vi.advanceTimersByTime(2_000);
  expect(session.slowed).toBeUndefined();
  const again = [2, 3, 4].map(() => connection.take("chat").payload.msg);
  expect(again).toEqual(["two", "three", "four"]);
});

test("a message beyond the day's share stays, with when to try again", () => {
  enter();
  session.say("one");
  const error = { code: "quota_used", message: "", retry_after: 600 };
  connection.take("chat").answer({ error });
  expect(shown()).toEqual(["failed: one"]);
  expect(session.slowed).toBeUndefined();
});

test("coming back too often, it waits and keeps what was said", () => {
  enter([stored(1, "one")]);
  connection.drop("transport close");
  connection.accept();
  connection.take("join").answer({ error: { code: "too_fast", message: "", retry_after: 5 } });
  expect(session.phase).toBe("inside");
  vi.advanceTimersByTime(4_999);
  expect(connection.emitted).toEqual([]);
  vi.advanceTimersByTime(1);
  connection.admit([stored(1, "one")]);
  expect(session.online).toBe(true);
});

test("what others say does not touch the storage", () => {
  enter();
  session.say("mine");
  const { setItem, removeItem } = storage;
  const [set, removed] = [vi.fn(setItem), vi.fn(removeItem)];
  Object.assign(storage, { setItem: set, removeItem: removed });
  for (let id = 2; id < 50; id++) connection.deliver("chat", stored(id, `${id}`, "x"));
  expect(set).not.toHaveBeenCalled();
  connection.take("chat").answer(stored(50, "mine"));
  expect(removed).toHaveBeenCalledTimes(1);
});
