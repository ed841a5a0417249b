// `sockeye-client/shared`: one connection for all tabs of a browser. The tab that holds a lock has
// the socket; the others talk to it over a BroadcastChannel. When it closes, the next one takes over.

import { type ErrorAnswer, RemoteError } from "../answer.js";
import { Emitter } from "../emitter.js";
import type { AckValue, Answered, DefaultEventsMap, EventNames, EventParams, EventsMap, ParamsWithoutAck } from "../events.js";
import type { Socket } from "../features/socket.js";
import type { DisconnectReason, SocketReservedEvents } from "../socket.js";

export { RemoteError } from "../answer.js";

/** Options of a shared socket, with their defaults. */
export interface SharedOptions {
  /** Name of the connection in the browser: tabs with the same name share it. Default `sockeye`. */
  name?: string;
  /** Most calls of a tab that may wait for the tab with the socket, or for an answer. Default 1,000. */
  callsMax?: number;
}

/** Events that a shared socket raises itself, beside those of a socket. */
interface SharedEvents extends SocketReservedEvents {
  /** This tab has the connection from now on. */
  leader: () => void;
}

/** What tabs tell each other. */
type Message =
  /** A tab is new: what is the state? */
  | { kind: "hello" }
  /** The state of the connection; `isNew`: of another leader than before. */
  | { kind: "state"; isNew: boolean; id?: string; connected: boolean }
  | { kind: "connect"; id?: string }
  | { kind: "connect_error"; message: string; data?: unknown }
  | { kind: "disconnect"; reason: DisconnectReason }
  /** An event of the server; who answers first answers for all. */
  | { kind: "event"; args: any[]; question?: number }
  | { kind: "reply"; question: number; args: any[] }
  /** A tab wants to emit; the leader says that it did, and what the answer was. */
  | { kind: "emit"; tab: string; call: number; args: any[]; asks: boolean; flags: Flags }
  | { kind: "taken"; tab: string; call: number; error?: string }
  /** `remote`: the error that the server answered with. */
  | { kind: "answer"; tab: string; call: number; args: any[]; error?: string; remote?: ErrorAnswer["error"] };

interface Flags {
  timeout?: number;
  volatile?: boolean;
  /** It is to be sent by `request`. */
  isRequest?: boolean;
}

interface Call {
  message: Message & { kind: "emit" };
  isTaken: boolean;
  answer?: (error: Error | null, ...args: any[]) => void;
}

const CALLS_MAX = 1000;
/** Questions of the server that tabs may still answer. */
const QUESTIONS_MAX = 1000;

/**
 * A socket that all tabs of the browser share. `create` makes the socket in the tab that has the
 * connection; it must be one of the full client, since it uses `onAny`.
 */
export function shared<Listen extends EventsMap = DefaultEventsMap, Emit extends EventsMap = Listen>(
  create: () => Socket<Listen, Emit>,
  options: SharedOptions = {},
): SharedSocket<Listen, Emit> {
  return new SharedSocket(create, options);
}

/** What tabs need to talk to each other, unless it is missing or the page may not use it. */
function meansOf(name: string): { locks: LockManager; channel: BroadcastChannel } | undefined {
  try {
    const locks = globalThis.navigator?.locks;
    return locks && globalThis.BroadcastChannel ? { locks, channel: new BroadcastChannel(name) } : undefined;
  } catch {
    return undefined;
  }
}

/** One tab's end of the shared connection. */
export class SharedSocket<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
> extends Emitter<Listen, Emit, SharedEvents> {
  /** Id of the socket that is shared, while it is connected. */
  id?: string;
  connected = false;
  /** Whether this tab has the connection. */
  isLeader = false;

  private _socket?: Socket<any, any>;
  private _channel?: BroadcastChannel;
  private _tab = Math.random().toString(36).slice(2);
  private _calls = new Map<number, Call>();
  private _nextCall = 0;
  private _questions = new Map<number, (...args: any[]) => void>();
  private _nextQuestion = 0;
  private _flags: Flags = {};
  private _release?: () => void;
  private _abort = new AbortController();

  constructor(
    private _create: () => Socket<Listen, Emit>,
    private _options: SharedOptions,
  ) {
    super();
    const name = `sockeye-shared ${_options.name ?? "sockeye"}`;
    const means = meansOf(name);
    if (!means) {
      // Each tab for itself. Later, so that the caller can listen first.
      queueMicrotask(() => this._lead());
      return;
    }
    this._channel = means.channel;
    this._channel.onmessage = ({ data }) => this._onMessage(data);
    this._post({ kind: "hello" });
    let isTurn = false;
    means.locks
      .request(name, { signal: this._abort.signal }, () => {
        isTurn = true;
        this._lead();
        return new Promise<void>((release) => (this._release = release));
      })
      .catch(() => {
        // Closed before it was this tab's turn; or there are no turns here, as in some frames.
        if (!isTurn) this._lead();
      });
  }

  /** The opposite of `connected`. */
  get disconnected(): boolean {
    return !this.connected;
  }

  /** Whether this tab takes part. */
  get active(): boolean {
    return !this._abort.signal.aborted;
  }

  /**
   * Sends an event, by way of the tab that has the connection. A function as last argument gets the
   * answer; after `timeout()` it takes an error first. If that tab closes in between, an event that
   * it did not take yet is sent by the next one; whether one that it took arrived is not known.
   */
  emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this {
    const list: any[] = [event, ...args];
    const ack = typeof list[list.length - 1] === "function" ? list.pop() : undefined;
    const takesError = this._flags.timeout !== undefined;
    this._call(list, ack && ((error, ...answer) => {
      if (takesError) ack(error, ...answer);
      else if (!error) ack(...answer);
    }));
    return this;
  }

  /** Sends an event and resolves with the first value of its answer. */
  emitWithAck<Event extends EventNames<Emit>>(
    event: Event,
    ...args: ParamsWithoutAck<Emit, Event>
  ): Promise<AckValue<Emit, Event>> {
    return new Promise((resolve, reject) => {
      this._call([event, ...args], (error, value) => (error ? reject(error) : resolve(value)));
    });
  }

  /**
   * The same, but an answer that is an error rejects with a `RemoteError`; as `request` of the socket it
   * waits 10 seconds at most, unless `timeout()` or the socket's `ackTimeout` says something else.
   */
  request<Event extends EventNames<Emit>>(
    event: Event,
    ...args: ParamsWithoutAck<Emit, Event>
  ): Promise<Answered<Emit, Event>> {
    this._flags.isRequest = true;
    return this.emitWithAck(event, ...args) as Promise<any>;
  }

  /** Emits `message`. */
  send(...args: unknown[]): this {
    return this.emit("message" as any, ...(args as any));
  }

  /** The next event's answer must come within `ms` milliseconds. */
  timeout(ms: number): this {
    this._flags.timeout = ms;
    return this;
  }

  /** The next event is dropped if it cannot be sent at once. */
  get volatile(): this {
    this._flags.volatile = true;
    return this;
  }

  /** Leaves; the connection ends with the last tab. */
  close(): this {
    if (!this.active) return this;
    this._abort.abort();
    this._channel?.close();
    this._socket?.disconnect();
    this._release?.();
    this._setState(false);
    for (const call of this._calls.values()) call.answer?.(new Error("closed"));
    this._calls.clear();
    this._questions.clear();
    return this;
  }

  private _call(args: any[], answer?: Call["answer"]): void {
    const { callsMax = CALLS_MAX } = this._options;
    const flags = this._flags;
    this._flags = {};
    if (!this.active) return answer?.(new Error("closed"));
    if (flags.volatile && !this.connected) return;
    if (this._calls.size >= callsMax) throw new Error(`more than ${callsMax} calls wait`);
    const call = this._nextCall++;
    const message = { kind: "emit", tab: this._tab, call, args, asks: !!answer, flags } as const;
    if (this._socket) return this._send(message, answer);
    this._calls.set(call, { message, isTaken: false, answer });
    this._post(message);
  }

  private _post(message: Message): void {
    if (this.active) this._channel?.postMessage(message);
  }

  private _onMessage(message: Message): void {
    if (!this.active) return;
    if (this._socket) {
      if (message.kind === "hello") this._postState(false);
      else if (message.kind === "reply") this._reply(message.question, message.args);
      else if (message.kind === "emit") this._relay(message);
      return;
    }
    switch (message.kind) {
      case "state":
        if (message.isNew) this._onNewLeader();
        return this._setState(message.connected, message.id);
      case "connect":
        return this._setState(true, message.id);
      case "disconnect":
        return this._setState(false, undefined, message.reason);
      case "connect_error":
        return this._onConnectError(message.message, message.data);
      case "event": {
        const { question, args } = message;
        return this._deliver(args, question, (reply) =>
          this._post({ kind: "reply", question: question!, args: reply }),
        );
      }
      case "taken":
      case "answer":
        if (message.tab === this._tab) this._onCallEnd(message);
    }
  }

  private _onCallEnd(message: Message & { kind: "taken" | "answer" }): void {
    const call = this._calls.get(message.call);
    if (!call) return;
    call.isTaken = true;
    const { error } = message;
    const remote = message.kind === "answer" && message.remote;
    if (error === undefined && message.kind === "taken" && call.answer) return;
    this._calls.delete(message.call);
    const args = message.kind === "answer" ? message.args : [];
    if (remote) call.answer?.(new RemoteError(remote));
    else call.answer?.(error === undefined ? null : new Error(error), ...args);
  }

  /** What the last leader did not take goes to the new one. */
  private _onNewLeader(): void {
    for (const [id, call] of [...this._calls]) {
      if (!call.isTaken) {
        this._post(call.message);
      } else {
        this._calls.delete(id);
        call.answer?.(new Error("socket has been disconnected"));
      }
    }
  }

  private _setState(connected: boolean, id?: string, reason: DisconnectReason = "transport close"): void {
    const was = this.connected;
    const isOther = this.id !== id;
    this.connected = connected;
    this.id = id;
    if (was && (!connected || isOther)) this._emitReserved("disconnect", reason);
    if (connected && (!was || isOther)) this._emitReserved("connect");
  }

  private _onConnectError(message: string, data: unknown): void {
    this._emitReserved("connect_error", Object.assign(new Error(message), { data }));
  }

  private _deliver(args: any[], question: number | undefined, reply: (args: any[]) => void): void {
    const list = question === undefined ? args : [...args, (...answer: any[]) => reply(answer)];
    this._emitReserved(...(list as [any, ...any]));
  }

  /** This tab has the lock. */
  private _lead(): void {
    if (!this.active) return;
    const socket: Socket<any, any> = (this._socket = this._create());
    this.isLeader = true;
    socket.on("connect", () => {
      this._post({ kind: "connect", id: socket.id });
      this._setState(true, socket.id);
    });
    socket.on("disconnect", (reason) => {
      this._post({ kind: "disconnect", reason });
      this._setState(false, undefined, reason);
    });
    socket.on("connect_error", (error) => {
      this._post({ kind: "connect_error", message: error.message, data: error.data });
      this._onConnectError(error.message, error.data);
    });
    socket.onAny((event, ...args) => this._onEvent([event, ...args]));
    // Not gone with the last leader, but on a new connection.
    this._setState(socket.connected, socket.id);
    this._postState(true);
    this._emitReserved("leader");
    const calls = [...this._calls.values()];
    this._calls.clear();
    for (const { message, isTaken, answer } of calls) {
      if (isTaken) answer?.(new Error("socket has been disconnected"));
      else this._send(message, answer);
    }
  }

  private _postState(isNew: boolean): void {
    const { connected, id } = this._socket!;
    this._post({ kind: "state", isNew, connected, id });
  }

  private _onEvent(args: any[]): void {
    let question: number | undefined;
    if (typeof args[args.length - 1] === "function") {
      question = this._nextQuestion++;
      this._questions.set(question, args.pop());
      if (this._questions.size > QUESTIONS_MAX) {
        const [oldest] = this._questions.keys();
        this._questions.delete(oldest);
      }
    }
    this._post({ kind: "event", args, question });
    this._deliver(args, question, (reply) => this._reply(question!, reply));
  }

  private _reply(question: number, args: any[]): void {
    this._questions.get(question)?.(...args);
    this._questions.delete(question);
  }

  /** Emits for another tab. */
  private _relay(message: Message & { kind: "emit" }): void {
    const { tab, call, asks } = message;
    const answer: Call["answer"] = (error, ...args) => {
      const { code, message, data } = error instanceof RemoteError ? error : ({} as Partial<RemoteError>);
      const remote = code === undefined ? undefined : { code, message: message!, data };
      this._post({ kind: "answer", tab, call, args, error: error?.message, remote });
    };
    try {
      this._send(message, asks ? answer : undefined);
      this._post({ kind: "taken", tab, call });
    } catch (error) {
      this._post({ kind: "taken", tab, call, error: String((error as Error).message) });
    }
  }

  private _send({ args, flags }: Message & { kind: "emit" }, answer?: Call["answer"]): void {
    let socket: Socket<any, any> = this._socket!;
    const { callsMax = CALLS_MAX } = this._options;
    // Offline, the events of all tabs wait in this one.
    if (socket.sendBuffer.length >= callsMax) throw new Error(`more than ${callsMax} calls wait`);
    if (flags.volatile) socket = socket.volatile;
    if (!answer) {
      socket.emit(...(args as [string]));
      return;
    }
    if (flags.timeout !== undefined) socket.timeout(flags.timeout);
    // Both take errors, so that a lost connection is told.
    const how = flags.isRequest ? "request" : "emitWithAck";
    socket[how](...(args as [string])).then(
      (value) => answer(null, value),
      (error) => answer(error),
    );
  }
}
