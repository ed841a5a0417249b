/** For tests: sockets of the page whose other end is the test, a server that takes part in the outbox. */
import { vi } from "vitest";

import type { ChatSocket, RoomsSocket } from "./connection.svelte.ts";
import { Connection } from "./connection.svelte.ts";
import type { ChatNotices, ChatRequests, Counts, Membership, Message, Opened, Refused, Room, RoomsNotices, RoomsRequests } from "./contract.ts";

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

/** A socket of one namespace, with the events of its part of the contract. */
export class FakeSocket<Requests, Notices> extends Emitter {
  io = Object.assign(new Emitter(), {
    uri: "http://localhost",
    opts: {},
    opens: 0,
    backoff: { reset() {} },
    open() {
      this.opens++;
    },
  });
  /** What it says when it connects. */
  auth?: object;
  active = false;
  connected = false;
  sendBuffer: unknown[] = [];
  /** What was sent and not answered, with how to answer it. */
  sent: { event: string; payload: any; answer: (answer: unknown) => void }[] = [];
  connects = 0;

  constructor(readonly nsp: string) {
    super();
  }

  timeout() {
    return { emit: (event: string, ...args: any[]) => this.send(event, args, (answer) => args.at(-1)(null, answer)) };
  }
  emit(event: string, ...args: any[]) {
    this.send(event, args, (answer) => args.at(-1)(answer));
  }
  connect() {
    this.active = true;
    this.connects++;
    return this;
  }
  open() {
    this.connect();
  }
  disconnect() {
    this.active = false;
    if (this.connected) this.drop("io client disconnect");
    return this;
  }

  /** The server lets the socket in. */
  async accept() {
    await settled();
    if (this.auth) {
      // What is offered is what is read of it when it connects.
      JSON.stringify(this.auth);
      const _outbox = { v: 1, window: 1000, age: 600, last: 0 };
      this.io.deliver("packet", { type: 0, nsp: this.nsp, data: { sid: "s", _outbox } });
    }
    this.connected = true;
    this.deliver("connect");
    await settled();
  }
  drop(reason: string) {
    this.connected = false;
    this.sent = [];
    this.deliver("disconnect", reason);
  }

  /** The server tells something. */
  tell<Notice extends keyof Notices & string>(notice: Notice, payload: Notices[Notice]) {
    this.deliver(notice, payload);
  }

  /** What was asked and is not answered, the oldest first. */
  asked<Request extends keyof Requests & string>(event: Request): Given<Requests, Request>[] {
    return this.sent.filter((one) => one.event === event).map(({ payload }) => payload);
  }

  /** Answers the oldest of these. */
  async answer<Request extends keyof Requests & string>(event: Request, answer: Answer<Requests, Request> | Refused) {
    const at = this.sent.findIndex((one) => one.event === event);
    if (at < 0) throw new Error(`nobody has asked for ${event}`);
    const [asked] = this.sent.splice(at, 1);
    asked!.answer(answer);
    await settled();
  }

  private send(event: string, args: any[], answer: (answer: unknown) => void) {
    const one = { event, payload: typeof args[0] === "function" ? null : args[0], answer };
    if (this.connected) this.sent.push(one);
    else this.sendBuffer.push(one);
  }
}

type Given<Requests, Request extends keyof Requests> = Requests[Request] extends { payload: infer P } ? P : never;
type Answer<Requests, Request extends keyof Requests> = Requests[Request] extends { answer: infer A } ? A : never;

/** Lets everything happen that is about to; time stands still. */
export const settled = () => vi.advanceTimersByTimeAsync(0);

/** A connection whose other end is the test. */
export function fakeConnection(onUnauthorized = () => {}) {
  const rooms = new FakeSocket<RoomsRequests, RoomsNotices>("/rooms");
  const chat = new FakeSocket<ChatRequests, ChatNotices>("/chat");
  const connection = new Connection(
    rooms as unknown as RoomsSocket,
    chat as unknown as ChatSocket,
    onUnauthorized,
  );
  return { rooms, chat, connection };
}

export const refused = (code: string, retry_after?: number): Refused => ({
  error: { code, message: code, ...(retry_after !== undefined && { retry_after }) },
});

export const roomOf = (id: string, more: Partial<Room> = {}): Room => ({
  id,
  title: `title of ${id}`,
  description: "",
  kind: "open",
  owner: null,
  capacity: null,
  is_passing: false,
  people: 1,
  with: [],
  last: null,
  created_at: 0,
  active_at: 0,
  ...more,
});

export const placeIn = (room: string, more: Partial<Membership> = {}): Membership => ({
  room,
  role: "member",
  is_pinned: false,
  is_silenced: false,
  muted_until: null,
  ...more,
});

export const messageIn = (room: string, id: number, text = `m${id}`, person = "a"): Message => ({
  id,
  room,
  by: { id: person, name: person, colour: 0 },
  text,
  at: id,
});

export const countsOf = (room: string, more: Partial<Counts> = {}): Counts => ({
  room,
  read: 0,
  unread: 0,
  mentions: 0,
  ...more,
});

export const openedRoom = (id: string, messages: Message[] = [], more: Partial<Opened> = {}): Opened => ({
  room: roomOf(id),
  membership: placeIn(id),
  counts: countsOf(id, { read: messages.at(-1)?.id ?? 0 }),
  reading: { turn: 0, pointers: [], behind: [] },
  messages,
  has_before: false,
  has_after: false,
  change: 0,
  changed: [],
  pruned: 0,
  present: [],
  ...more,
});
