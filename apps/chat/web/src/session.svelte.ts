import type { Socket } from "sockeye-client";
import { type Outbox, outbox, OutboxError, type StoredEvent } from "sockeye-client/outbox";

import type { Notices, Refusal, Refused, Requests, StoredMessage } from "./contract.ts";
import { atNextFrame } from "./frames.ts";
import { Kept } from "./kept.ts";
import { normalized } from "./names.ts";
import { newKey } from "./random.ts";
import type { TextStorage } from "./storage.ts";
import { storeFor } from "./store.ts";
import { type Problem, type Row, Timeline } from "./timeline.ts";

type Answered<Request extends keyof Requests> = (
  payload: Requests[Request]["payload"],
  answer: (answer: Requests[Request]["answer"] | Refused) => void,
) => void;
type Sent = { join: Answered<"join">; chat: Answered<"chat">; leave: (done: () => void) => void };
type Heard = { [Notice in keyof Notices]: (notice: Notices[Notice]) => void };

/** What this page puts into its outbox: a message with its key. */
type Posted = Requests["chat"]["payload"] & { key: string };

/** The client's socket, with the events of the chat. */
export type Connection = Socket<Heard, Sent>;

/** `asking` for the nickname, `entering`, `inside`, `outside` after leaving. */
export type Phase = "asking" | "entering" | "inside" | "outside";

/** How long the server may take to say goodbye before the page hangs up itself, milliseconds. */
const GOODBYE_TIMEOUT = 2000;
/** Pause before coming back after the server has disconnected the socket, milliseconds. */
const RETURN_DELAY = 1000;

/** Visits to one room: the connection, the conversation and what is still to be sent. */
export class Session {
  phase = $state<Phase>("asking");
  /** Whether the connection is up and the room entered; while it is not, messages wait. */
  online = $state(false);
  /** Whether connecting has failed at least once since the last success. */
  unreachable = $state(false);
  /** Why the server refused to let us in. */
  refusal = $state.raw<Refusal>();
  /** How many seconds messages wait because there were too many at once. */
  slowed = $state<number>();
  nickname = $state("");
  /** How many are in the room, once known. */
  people = $state<number>();
  rows = $state.raw<Row[]>([]);
  /** How many messages were taken in while the page was hidden. */
  unseen = $state(0);

  private readonly timeline = new Timeline();
  private readonly kept: Kept;
  private connection?: Connection;
  private box?: Outbox<Sent>;
  /** Whether the room was entered under this name; until then nothing new is given to the outbox. */
  private isAdmitted = false;
  private isShowing = false;

  constructor(
    readonly room: string,
    /** What the server knows this browser by, from one visit to the next. */
    private readonly sender: string,
    /** Makes the connection, which does not connect yet. */
    private readonly open: () => Connection,
    storage: TextStorage,
    private readonly isHidden: () => boolean = () => false,
    /** When what has happened is shown: all of it at once, however much it is. */
    private readonly later: (action: () => void) => void = atNextFrame,
  ) {
    this.kept = new Kept(storage, room);
  }

  /** How many messages wait for the connection. */
  get waiting(): number {
    return this.rows.filter((r) => r.kind === "pending" && r.pending.state === "waiting").length;
  }

  /** Enters the room, and again whenever the connection was lost. */
  enter(nickname: string): void {
    if (this.phase === "outside") this.begin();
    this.nickname = normalized(nickname);
    this.refusal = undefined;
    this.isAdmitted = false;
    this.phase = "entering";
    this.connection ??= this.prepare();
    this.connection.connect();
  }

  /**
   * Shows a message and sends it as soon as it can. False when too many are waiting already, or
   * after leaving.
   */
  say(msg: string): boolean {
    if (this.phase === "outside") return false;
    const message = { key: newKey(), name: this.nickname, msg, at: Date.now() };
    if (!this.timeline.write(message)) return false;
    this.keep();
    this.post();
    this.show();
    return true;
  }

  /** Sends a refused message again. */
  retry(key: string): void {
    this.timeline.retry(key, this.nickname, newKey);
    this.post();
    this.show();
  }

  /** Gives up a refused message. */
  discard(key: string): void {
    this.timeline.discard(key);
    this.show();
  }

  /** Leaves the room and disconnects; from here on nothing is taken in. */
  leave(): void {
    const connection = this.connection;
    if (this.phase === "outside" || !connection) return;
    this.phase = "outside";
    this.online = this.isAdmitted = false;
    this.timeline.notice("left", this.nickname, Date.now());
    this.show();
    const hangUp = () => {
      if (this.phase === "outside") connection.disconnect();
    };
    if (connection.connected) connection.timeout(GOODBYE_TIMEOUT).emit("leave", hangUp);
    else hangUp();
  }

  /** The page may be gone at any moment: what is to be kept is kept now. */
  keep(): void {
    this.kept.save(this.timeline.unconfirmed());
  }

  /** The page is looked at again. */
  seen(): void {
    this.unseen = 0;
  }

  /** Another visit, of which the last one leaves only what is not confirmed. */
  private begin(): void {
    // Its goodbye may still be under way.
    this.connection!.disconnect();
    this.timeline.restart();
    this.showNow();
  }

  private prepare(): Connection {
    const connection = this.open();
    // Before the outbox listens, so that `join` goes out first and then what waits in there.
    connection.on("connect", () => this.join(connection));
    connection.on("connect_error", () => (this.unreachable = true));
    connection.on("disconnect", (reason) => {
      this.lost();
      // The library comes back by itself unless the server has disconnected this very socket.
      if (reason === "io server disconnect") setTimeout(() => this.comeBack(), RETURN_DELAY);
    });
    connection.on("chat", (message) => this.receive(message));
    connection.on("join", (presence) => this.presence("joined", presence));
    connection.on("leave", (presence) => this.presence("left", presence));
    this.box = outbox(connection, {
      // A message belongs to its room, whichever page sends it.
      store: storeFor(`chat ${this.room}`, (events) => this.restore(events)),
      onAnswer: (_event, [message], answer) =>
        this.answered((message as Posted).key, answer as Requests["chat"]["answer"] | Refused),
      onLost: (_event, [message], error) =>
        this.refusedMessage((message as Posted).key, { code: reasonOf(error) }),
    });
    return connection;
  }

  private join(connection: Connection): void {
    this.unreachable = false;
    const { room, nickname: name, sender } = this;
    connection.emit("join", { room, name, sender }, (answer) => {
      if (this.phase === "outside" || !connection.connected) return;
      if ("error" in answer) {
        this.refused(connection, answer.error);
        return;
      }
      this.timeline.merge(answer);
      this.phase = "inside";
      this.online = true;
      this.isAdmitted = true;
      this.post();
      this.show();
    });
  }

  private refused(connection: Connection, refusal: Refusal): void {
    if (this.phase === "inside" && (refusal.code === "storage" || refusal.retry_after)) {
      // The server will recover; what was said here must not disappear from the page meanwhile.
      this.joinLater(Math.max(RETURN_DELAY, (refusal.retry_after ?? 0) * 1000));
      return;
    }
    this.refusal = refusal;
    this.phase = "asking";
    connection.disconnect();
  }

  private joinLater(delay: number): void {
    setTimeout(() => {
      const { connection } = this;
      if (this.phase === "inside" && connection?.connected) this.join(connection);
    }, delay);
  }

  private lost(): void {
    this.online = false;
    this.people = undefined;
    this.timeline.disconnected();
    this.show();
  }

  private comeBack(): void {
    if (this.phase !== "outside" && this.phase !== "asking") this.connection!.connect();
  }

  private receive(message: StoredMessage): void {
    if (this.phase === "outside") return;
    if (this.timeline.add(message) && this.isHidden()) this.unseen++;
    this.show();
  }

  private presence(what: "joined" | "left", { name, people }: Notices["join"]): void {
    if (this.phase === "outside") return;
    this.people = people;
    this.timeline.notice(what, name, Date.now());
    this.show();
  }

  /** Gives the outbox what it does not have, in order; it sends it until there is an answer. */
  private post(): void {
    if (!this.box || !this.isAdmitted || this.slowed !== undefined) return;
    for (const { key, name, msg } of this.timeline.takeUnposted(this.nickname)) {
      this.box.emit("chat", { name, msg, key }).catch((error: Error) => {
        const code = reasonOf(error);
        // Of what was in it and is given up `onLost` tells.
        if (code === "full") this.refusedMessage(key, { code });
      });
    }
  }

  private answered(key: string, answer: Requests["chat"]["answer"] | Refused): void {
    if ("error" in answer) {
      this.refusedMessage(key, answer.error);
    } else {
      this.timeline.confirm(key, answer);
      this.show();
    }
  }

  private refusedMessage(key: string, problem: Problem): void {
    const { code, retry_after = 1 } = problem;
    this.timeline.refuse(key, problem);
    if (code === "not_joined") this.turnedAway();
    else if (code === "too_fast") this.slowDown(retry_after);
    // Whether it was stored nobody knows; under its key it is not stored twice.
    else if (code === "forgotten") this.post();
    this.show();
  }

  /** A message came before the room was entered; or so the server answered on an earlier connection. */
  private turnedAway(): void {
    this.isAdmitted = false;
    // Otherwise an answer to `join` is awaited, or will be.
    if (!this.online) return;
    this.lost();
    this.joinLater(RETURN_DELAY);
  }

  private slowDown(seconds: number): void {
    if (this.slowed !== undefined) return;
    this.slowed = seconds;
    setTimeout(() => {
      this.slowed = undefined;
      this.post();
      this.show();
    }, seconds * 1000);
  }

  /** Takes up what was not confirmed before a reload, or in a tab that was closed. */
  private restore(events: StoredEvent[]): void {
    const posted = events.map(({ args: [, message], time }) => {
      const { key, name, msg } = message as Posted;
      return { key, name, msg, at: time };
    });
    this.timeline.restore(posted, true);
    this.timeline.restore(this.kept.load(), false);
    this.showNow();
  }

  /** Shows what has happened, soon. */
  private show(): void {
    if (this.isShowing) return;
    this.isShowing = true;
    this.later(() => {
      this.isShowing = false;
      this.showNow();
    });
  }

  private showNow(): void {
    this.rows = this.timeline.rows();
    this.keep();
  }
}

/** Why the outbox has not taken something, or has given it up. */
function reasonOf(error: Error): string {
  return error instanceof OutboxError ? error.reason : "other";
}
