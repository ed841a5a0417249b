import { indexedDbStore, memoryStore } from "sockeye-client/outbox";
import { beforeEach, expect, test, vi } from "vitest";

import type { StoredMessage } from "./contract.ts";
import { type Connection, Session } from "./session.svelte.ts";
import type { TextStorage } from "./storage.ts";

vi.mock("sockeye-client/outbox", async (original) => ({
  ...(await original<typeof import("sockeye-client/outbox")>()),
  // None, as on pages without HTTPS, unless the test is about that.
  indexedDbStore: vi.fn(async () => undefined),
}));

type Listener = (...args: any[]) => void;

/** Whatever calls those who listen. */
class Emitter {
  private listeners: { event: string; listener: Listener }[] = [];

  on(event: string, listener: Listener) {
    this.listeners.push({ event, listener });
  }
  off(event: string, listener: Listener) {
    this.listeners = this.listeners.filter((l) => l.event !== event || l.listener !== listener);
  }
  deliver(event: string, ...args: any[]) {
    for (const l of [...this.listeners]) if (l.event === event) l.listener(...args);
  }
}

/** A socket whose other end is the test, a server that takes part in the outbox. */
class FakeConnection extends Emitter {
  io = Object.assign(new Emitter(), { uri: "http://localhost", opts: {} });
  nsp = "/";
  /** What it says when it connects. */
  auth?: object;
  active = false;
  connected = false;
  sendBuffer: unknown[] = [];
  emitted: { event: string; args: any[] }[] = [];
  connects = 0;
  disconnects = 0;

  emit(event: string, ...args: any[]) {
    if (this.connected) this.emitted.push({ event, args });
    else this.sendBuffer.push({ event, args });
  }
  timeout() {
    return this;
  }
  connect() {
    this.connects++;
  }
  open() {
    this.connect();
  }
  disconnect() {
    this.disconnects++;
    if (this.connected) this.drop("io client disconnect");
  }
  close() {
    this.disconnect();
  }

  /** The server lets the socket in. */
  async accept() {
    await settled();
    const offer = JSON.parse(JSON.stringify(this.auth));
    expect(offer).toEqual({ _outbox: { v: 1, id: expect.stringMatching(/^[\w-]{20,64}$/) } });
    const _outbox = { v: 1, window: 1000, age: 600, last: 0 };
    this.io.deliver("packet", { type: 0, nsp: "/", data: { sid: "s", _outbox } });
    this.connected = true;
    this.deliver("connect");
    expect(this.sendBuffer, "nothing is sent but by the outbox and after `join`").toEqual([]);
  }
  drop(reason: string) {
    this.connected = false;
    this.emitted = [];
    this.deliver("disconnect", reason);
  }
  /** The oldest unanswered request, which is this event, taken off the list. */
  take(event: string) {
    const [packet] = this.emitted.splice(0, 1);
    expect(packet?.event).toBe(event);
    const { args } = packet!;
    return { payload: args[0], number: args[1]?._outbox?.[0], answer: args.at(-1) as Listener };
  }
  /** Answers the join with this history. */
  async admit(history: StoredMessage[] = []) {
    const at = this.emitted.findIndex(({ event }) => event === "join");
    expect(at, "it goes out before any message").toBe(0);
    const { payload, answer } = this.take("join");
    answer(history);
    await settled();
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

/** Everything that is under way without time passing is done. */
const settled = () => vi.advanceTimersByTimeAsync(0);

/** Shows everything at once, unless the test is about that. */
function newSession(isHidden = () => false, later = (action: () => void) => action()) {
  const open = () => connection as unknown as Connection;
  return new Session("방", "me-1", open, storage, isHidden, later);
}

/** The page is loaded anew. What its outbox had is gone with it, as where the browser has no store. */
function restart() {
  connection = new FakeConnection();
  session = newSession();
}

async function enter(history: StoredMessage[] = [], nickname = "나") {
  session.enter(nickname);
  await connection.accept();
  return connection.admit(history);
}

async function say(...texts: string[]) {
  for (const text of texts) expect(session.say(text)).toBe(true);
  await settled();
}

const stored = (id: number, msg: string, name = "나"): StoredMessage => ({ id, name, msg, at: id });

const refusal = (code: string, retry_after?: number) => ({ error: { code, message: "", retry_after } });

const keyOf = (msg: string) => {
  for (const row of session.rows) {
    if (row.kind === "pending" && row.pending.msg === msg) return row.pending.key;
  }
  throw new Error(`${msg} is not pending`);
};

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

test("enters with room and nickname and shows the history", async () => {
  session.enter(" 나 ");
  await settled();
  expect(session.phase).toBe("entering");
  expect(connection.connects).toBe(1);
  connection.deliver("connect_error", new Error("refused"));
  expect(session.unreachable).toBe(true);
  await connection.accept();
  expect(await connection.admit([stored(1, "안녕")])).toEqual({
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

test("a refused nickname leads back to the question", async () => {
  session.enter("?");
  await connection.accept();
  connection.take("join").answer(refusal("name_empty"));
  expect(session.phase).toBe("asking");
  expect(session.refusal?.code).toBe("name_empty");
  expect(connection.disconnects).toBe(1);
  session.enter("나");
  expect(session.refusal).toBeUndefined();
  expect(connection.connects).toBe(2);
  await connection.accept();
  await connection.admit();
  expect(session.phase).toBe("inside");
});

test("a message is shown at once and confirmed by its answer", async () => {
  await enter();
  session.say("hello");
  expect(shown()).toEqual(["sent: hello"]);
  await settled();
  const { payload, number, answer } = connection.take("chat");
  expect(payload).toEqual({ name: "나", msg: "hello", key: expect.stringMatching(/^[0-9a-f]{24}$/) });
  expect(number, "by the outbox").toBe(1);
  answer(stored(1, "hello"));
  connection.deliver("chat", stored(1, "hello"));
  expect(shown()).toEqual(["hello"]);
  expect(storage.texts.size).toBe(0);
});

test("what is written without a connection goes out in order after coming back", async () => {
  await enter([stored(1, "one")]);
  await say("under way");
  const lost = connection.take("chat");
  connection.drop("transport close");
  expect(session.online).toBe(false);
  await say("offline 1", "offline 2");
  expect(connection.emitted).toEqual([]);
  expect(session.waiting).toBe(3);

  await connection.accept();
  await connection.admit([stored(1, "one"), stored(2, "missed", "x"), stored(3, "under way")]);
  expect(shown().slice(0, 3)).toEqual(["one", "missed", "under way"]);
  const again = connection.take("chat");
  expect(again.payload).toEqual(lost.payload);
  expect(again.number, "so that the server can tell").toBe(lost.number);
  again.answer(stored(3, "under way"));
  for (const [n, text] of ["offline 1", "offline 2"].entries()) {
    const { payload, answer } = connection.take("chat");
    expect(payload.msg).toBe(text);
    answer(stored(4 + n, text));
  }
  expect(shown()).toEqual(["one", "missed", "under way", "offline 1", "offline 2"]);
});

test("an answer that comes before the history waits for it, so that a gap is seen", async () => {
  await enter([stored(1, "one")]);
  await say("mine");
  connection.drop("transport close");
  await connection.accept();
  const join = connection.take("join");
  connection.take("chat").answer(stored(150, "mine"));
  connection.deliver("chat", stored(151, "just now", "x"));
  join.answer([stored(149, "before", "x"), stored(150, "mine"), stored(151, "just now", "x")]);
  expect(shown()).toEqual(["one", "gap", "before", "mine", "just now"]);
  expect(storage.texts.size).toBe(0);
});

test("unsent messages survive a reload, also one that ends before the room is entered", async () => {
  await enter();
  connection.drop("transport close");
  await say("kept", "too");
  const keys = [keyOf("kept"), keyOf("too")];
  restart();
  session.keep();
  restart();
  await enter();
  for (const key of keys) expect(connection.take("chat").payload.key).toBe(key);
});

test("what a closed tab has left goes out, is shown, and is no other message than what this one kept", async () => {
  await enter();
  connection.drop("transport close");
  await say("kept by both");
  const payload = { name: "나", msg: "kept by both", key: keyOf("kept by both") };
  const other = { name: "나", msg: "of the closed tab", key: "k2" };
  const events = [payload, other].map((request, n) => (
    { number: n + 5, args: ["chat", request], bytes: 10, time: Date.now() + n }
  ));
  const id = "an-outbox-of-a-closed-tab";
  const store = { ...memoryStore(), load: async () => ({ id, next: 7, events }) };
  vi.mocked(indexedDbStore).mockResolvedValueOnce(store);
  restart();
  session.enter("나");
  await connection.accept();
  await connection.admit();
  expect(shown()).toEqual(["sent: kept by both", "sent: of the closed tab"]);
  const sent = [1, 2].map(() => connection.take("chat"));
  expect(sent.map(({ number }) => number)).toEqual([5, 6]);
  expect(sent.map(({ payload }) => payload)).toEqual([payload, other]);
  expect(connection.emitted, "each once").toEqual([]);
  sent[0]!.answer(stored(1, "kept by both"));
  sent[1]!.answer(refusal("quota_used", 60));
  expect(shown()).toEqual(["kept by both", "failed: of the closed tab"]);
});

test("a message that does not fit into the outbox fails, and can be sent again", async () => {
  const args = ["chat", { name: "나", msg: "much", key: "k1" }];
  const events = [{ number: 1, args, bytes: 4 * 1024 * 1024, time: Date.now() }];
  const store = { ...memoryStore(), load: async () => ({ id: "a-very-full-outbox-it-is", next: 2, events }) };
  vi.mocked(indexedDbStore).mockResolvedValueOnce(store);
  await enter();
  await say("more");
  expect(shown()).toEqual(["sent: much", "failed: more"]);
  expect(session.rows.at(-1)).toMatchObject({ pending: { problem: { code: "full" } } });
  connection.take("chat").answer(stored(1, "much"));
  session.retry(keyOf("more"));
  await settled();
  expect(connection.take("chat").payload.msg).toBe("more");
});

test("what was written under another name is said under this one only if asked", async () => {
  await enter();
  await say("one");
  const key = keyOf("one");
  restart();
  await enter([], "너");
  expect(shown()).toEqual(["failed: one"]);
  expect(session.rows[0]).toMatchObject({ pending: { problem: { code: "name_mismatch" } } });
  await say("two");
  expect(connection.take("chat").payload.msg).toBe("two");
  session.retry(key);
  await settled();
  const { payload } = connection.take("chat");
  expect(payload).toMatchObject({ name: "너", msg: "one" });
  expect(payload.key, "it is another message").not.toBe(key);
});

test("a message whose answer a reload cut off is shown once, also before it is answered again", async () => {
  await enter();
  await say("first");
  connection.take("chat").answer(stored(1, "first"));
  await say("third");
  restart();
  await enter([stored(1, "first"), stored(2, "third")]);
  expect(shown()).toEqual(["first", "third"]);
  connection.take("chat").answer(stored(2, "third"));
  expect(shown()).toEqual(["first", "third"]);

  // The one that did not arrive is shown at once, and once.
  await say("fourth");
  restart();
  await enter([stored(1, "first"), stored(2, "third")]);
  expect(shown()).toEqual(["first", "third", "sent: fourth"]);
  connection.take("chat").answer(stored(3, "fourth"));
  expect(shown()).toEqual(["first", "third", "fourth"]);
});

test("a refused message can be sent again or discarded, also after a reload", async () => {
  await enter();
  await say("hello");
  connection.take("chat").answer(refusal("storage"));
  expect(shown()).toEqual(["failed: hello"]);
  const key = keyOf("hello");
  restart();
  await enter();
  expect(shown(), "not without being asked").toEqual(["failed: hello"]);
  expect(connection.emitted).toEqual([]);
  session.retry(key);
  await settled();
  expect(connection.take("chat").payload.key).toBe(key);
  session.discard(key);
  expect(shown(), "it is under way again").toEqual(["sent: hello"]);
});

test("a message of which the server has forgotten whether it was handled is sent once more", async () => {
  await enter();
  await say("hello");
  const first = connection.take("chat");
  first.answer(refusal("forgotten"));
  await settled();
  const again = connection.take("chat");
  expect(again.payload, "under its key it is stored once").toEqual(first.payload);
  expect(again.number).not.toBe(first.number);
  again.answer(stored(1, "hello"));
  expect(shown()).toEqual(["hello"]);
});

test("a message that was not sent within a day is given up, and can be sent again", async () => {
  await enter();
  connection.drop("transport close");
  await say("hello");
  await vi.advanceTimersByTimeAsync(24 * 60 * 60 * 1000);
  expect(shown()).toEqual(["failed: hello"]);
  session.retry(keyOf("hello"));
  await connection.accept();
  await connection.admit();
  expect(connection.take("chat").payload.msg).toBe("hello");
});

test("what comes before the room is entered goes out after it, in order", async () => {
  await enter();
  await say("one", "two");
  connection.drop("transport close");
  await connection.accept();
  connection.take("join").answer(refusal("storage"));
  for (const _ of [1, 2]) connection.take("chat").answer(refusal("not_joined"));
  await say("three");
  expect(connection.emitted).toEqual([]);
  expect(shown()).toEqual(["waiting: one", "waiting: two", "waiting: three"]);
  await vi.advanceTimersByTimeAsync(1_000);
  await connection.admit();
  const said = [1, 2, 3].map(() => connection.take("chat").payload.msg);
  expect(said).toEqual(["one", "two", "three"]);
});

test("an answer of an earlier connection, that the room was not entered, is asked for again", async () => {
  await enter();
  await say("one", "two");
  for (const _ of [1, 2]) connection.take("chat").answer(refusal("not_joined"));
  await settled();
  expect(session.online).toBe(false);
  expect(connection.emitted, "not at once, again and again").toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  await connection.admit();
  expect([1, 2].map(() => connection.take("chat").payload.msg)).toEqual(["one", "two"]);
  expect(connection.emitted).toEqual([]);
});

test("after leaving nothing is sent or taken in", async () => {
  await enter([stored(1, "one")]);
  await say("last words");
  const last = connection.take("chat");
  session.leave();
  connection.take("leave");
  last.answer(stored(2, "last words"));
  const end = ["one", "last words", "left 나"].sort();
  expect(shown().sort()).toEqual(end);
  connection.deliver("chat", stored(3, "after", "x"));
  connection.deliver("join", { room: "방", name: "x", people: 1 });
  expect(session.say("nobody hears")).toBe(false);
  session.leave();
  await settled();
  expect(connection.emitted).toEqual([]);
  expect(shown().sort()).toEqual(end);
  connection.drop("io server disconnect");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(connection.connects, "it does not come back").toBe(1);
});

test("what waits because it was too much is not sent after leaving", async () => {
  await enter();
  await say("too much");
  connection.take("chat").answer(refusal("too_fast", 1));
  session.leave();
  connection.take("leave");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(connection.emitted).toEqual([]);
});

test("leaving hangs up when the server has heard of it, or does not answer", async () => {
  await enter();
  session.leave();
  expect(connection.disconnects).toBe(0);
  connection.take("leave").answer(new Error("operation has timed out"));
  expect(connection.disconnects).toBe(1);
});

test("entering again begins anew, with what was not sent", async () => {
  await enter([stored(1, "one")]);
  connection.deliver("join", { room: "방", name: "x", people: 2 });
  await say("unsent");
  session.leave();
  const goodbye = connection.take("chat") && connection.take("leave");
  session.enter("나");
  expect(session.people).toBeUndefined();
  goodbye.answer(null);
  await connection.accept();
  await connection.admit([stored(2, "two", "x")]);
  expect(connection.disconnects, "the late goodbye ends nothing").toBe(1);
  expect(shown()).toEqual(["two", "sent: unsent"]);
  expect(connection.take("chat").payload.msg).toBe("unsent");
});

test("comes back when the server disconnects the socket without being asked", async () => {
  await enter();
  connection.drop("io server disconnect");
  expect(connection.connects).toBe(1);
  vi.advanceTimersByTime(1_000);
  expect(connection.connects).toBe(2);
});

test("a history that cannot be read on coming back is asked for again", async () => {
  await enter([stored(1, "one")]);
  connection.drop("transport close");
  await connection.accept();
  connection.take("join").answer(refusal("storage"));
  expect(session.phase).toBe("inside");
  expect(session.online).toBe(false);
  vi.advanceTimersByTime(1_000);
  await connection.admit([stored(1, "one"), stored(2, "two")]);
  expect(session.online).toBe(true);
  expect(shown()).toEqual(["one", "two"]);
});

test("counts what comes while nobody looks", async () => {
  let hidden = true;
  session = newSession(() => hidden);
  await enter();
  connection.deliver("chat", stored(1, "one", "x"));
  connection.deliver("chat", stored(1, "one", "x"));
  connection.deliver("chat", stored(2, "two", "x"));
  expect(session.unseen).toBe(2);
  hidden = false;
  session.seen();
  connection.deliver("chat", stored(3, "three", "x"));
  expect(session.unseen).toBe(0);
});

test("shows what comes in one go once", async () => {
  const frames: (() => void)[] = [];
  session = newSession(undefined, (action) => void frames.push(action));
  await enter([stored(1, "one")]);
  frames.splice(0).forEach((frame) => frame());
  const before = session.rows;
  for (let id = 2; id <= 100; id++) connection.deliver("chat", stored(id, `${id}`, "x"));
  session.say("mine");
  expect(session.rows).toBe(before);
  expect(frames).toHaveLength(1);
  expect([...storage.texts.values()].join(), "kept at once").toContain("mine");
  frames.splice(0).forEach((frame) => frame());
  expect(shown()).toHaveLength(101);
  connection.deliver("chat", stored(101, "later", "x"));
  expect(frames, "and the next one in the next").toHaveLength(1);
});

test("what is too much at once goes out a little later, in order", async () => {
  await enter();
  await say("one", "two", "three");
  const [first, second, third] = [1, 2, 3].map(() => connection.take("chat"));
  first!.answer(stored(1, "one"));
  second!.answer(refusal("too_fast", 2));
  third!.answer(refusal("too_fast", 1));
  expect(session.slowed).toBe(2);
  await say("four");
  expect(connection.emitted, "nothing more until then").toEqual([]);
  expect(shown()).toEqual(["one", "waiting: two", "waiting: three", "waiting: four"]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(session.slowed).toBeUndefined();
  const again = [2, 3, 4].map(() => connection.take("chat").payload.msg);
  expect(again).toEqual(["two", "three", "four"]);
});

test("what waits because it was too much survives a reload", async () => {
  await enter();
  await say("one");
  connection.take("chat").answer(refusal("too_fast", 2));
  await say("two");
  restart();
  await enter();
  expect([1, 2].map(() => connection.take("chat").payload.msg)).toEqual(["one", "two"]);
});

test("a message beyond the day's share stays, with when to try again", async () => {
  await enter();
  await say("one");
  connection.take("chat").answer(refusal("quota_used", 600));
  expect(shown()).toEqual(["failed: one"]);
  expect(session.slowed).toBeUndefined();
});

test("coming back too often, it waits and keeps what was said", async () => {
  await enter([stored(1, "one")]);
  connection.drop("transport close");
  await connection.accept();
  connection.take("join").answer(refusal("too_fast", 5));
  expect(session.phase).toBe("inside");
  vi.advanceTimersByTime(4_999);
  expect(connection.emitted).toEqual([]);
  vi.advanceTimersByTime(1);
  await connection.admit([stored(1, "one")]);
  expect(session.online).toBe(true);
});

test("what others say does not touch the storage", async () => {
  await enter();
  await say("mine");
  const { setItem, removeItem } = storage;
  const [set, removed] = [vi.fn(setItem), vi.fn(removeItem)];
  Object.assign(storage, { setItem: set, removeItem: removed });
  for (let id = 2; id < 50; id++) connection.deliver("chat", stored(id, `${id}`, "x"));
  expect(set).not.toHaveBeenCalled();
  connection.take("chat").answer(stored(50, "mine"));
  expect(removed).toHaveBeenCalledTimes(1);
});
