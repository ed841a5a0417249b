import type { Notices, Refusal, Refused, Requests, StoredMessage } from "./contract.ts";
import { atNextFrame } from "./frames.ts";
import { normalized } from "./names.ts";
import { newKey, Outbox } from "./outbox.ts";
import type { TextStorage } from "./storage.ts";
import { goesOutAgain, type Row, Timeline } from "./timeline.ts";

/** What a session uses of the client library's socket. */
export interface Connection {
  readonly connected: boolean;
  sendBuffer: unknown[];
  on(event: string, listener: (...args: any[]) => void): unknown;
  emit(event: string, ...args: any[]): unknown;
  connect(): unknown;
  disconnect(): unknown;
}

/** `asking` for the nickname, `entering`, `inside`, `outside` after leaving. */
export type Phase = "asking" | "entering" | "inside" | "outside";

/** How long the server may take to say goodbye before the page hangs up itself, milliseconds. */
const GOODBYE_TIMEOUT = 2000;
/** Pause before coming back after the server has disconnected the socket, milliseconds. */
const RETURN_DELAY = 1000;

/** One visit to one room: the connection, the conversation and what is still to be sent. */
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
  private readonly outbox: Outbox;
  private connection?: Connection;
  private isRestored = false;
  private isShowing = false;

  constructor(
    readonly room: string,
    /** What the server knows this browser by, from one visit to the next. */
    private readonly sender: string,
    private readonly open: () => Connection,
    storage: TextStorage,
    private readonly isHidden: () => boolean = () => false,
    /** When what has happened is shown: all of it at once, however much it is. */
    private readonly later: (action: () => void) => void = atNextFrame,
  ) {
    this.outbox = new Outbox(storage, room);
  }

  /** How many messages wait for the connection. */
  get waiting(): number {
    return this.rows.filter((r) => r.kind === "pending" && r.pending.state === "waiting").length;
  }

  /** Enters the room, and again whenever the connection was lost. */
  enter(nickname: string): void {
    this.nickname = normalized(nickname);
    this.refusal = undefined;
    this.phase = "entering";
    this.restore();
    if (this.connection) this.connection.connect();
    else this.listen((this.connection = this.open()));
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
    this.sendWaiting();
    this.show();
    return true;
  }

  /** Sends a refused message again. */
  retry(key: string): void {
    this.timeline.retry(key);
    this.sendWaiting();
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
    this.online = false;
    this.timeline.notice("left", this.nickname, Date.now());
    this.show();
    if (!connection.connected) {
      connection.disconnect();
      return;
    }
    connection.emit("leave");
    setTimeout(() => {
      if (this.phase === "outside") connection.disconnect();
    }, GOODBYE_TIMEOUT);
  }

  /** The page may be gone at any moment: what is to be kept is kept now. */
  keep(): void {
    this.outbox.save(this.timeline.unconfirmed());
  }

  /** The page is looked at again. */
  seen(): void {
    this.unseen = 0;
  }

  private listen(connection: Connection): void {
    connection.on("connect", () => this.join(connection));
    connection.on("connect_error", () => (this.unreachable = true));
    connection.on("disconnect", (reason: string) => this.lost(connection, reason));
    connection.on("chat", (message: Notices["chat"]) => this.receive(message));
    connection.on("join", (presence: Notices["join"]) => this.presence("joined", presence));
    connection.on("leave", (presence: Notices["leave"]) => this.presence("left", presence));
    connection.connect();
  }

  private join(connection: Connection): void {
    this.unreachable = false;
    const request: Requests["join"]["payload"] = {
      room: this.room,
      name: this.nickname,
      sender: this.sender,
    };
    connection.emit("join", request, (answer: Requests["join"]["answer"] | Refused) => {
      if (this.phase === "outside" || !connection.connected) return;
      if ("error" in answer) {
        this.refused(connection, answer.error);
        return;
      }
      this.timeline.merge(answer);
      this.phase = "inside";
      this.online = true;
      this.sendWaiting();
      this.show();
    });
  }

  private refused(connection: Connection, refusal: Refusal): void {
    if (this.phase === "inside" && (refusal.code === "storage" || refusal.retry_after)) {
      // The server will recover; what was said here must not disappear from the page meanwhile.
      const delay = Math.max(RETURN_DELAY, (refusal.retry_after ?? 0) * 1000);
      setTimeout(() => {
        if (this.phase === "inside" && connection.connected) this.join(connection);
      }, delay);
      return;
    }
    this.refusal = refusal;
    this.phase = "asking";
    connection.disconnect();
  }

  private lost(connection: Connection, reason: string): void {
    this.online = false;
    this.people = undefined;
    this.timeline.disconnected();
    // What the library kept would go out before the room is entered; the timeline has it all.
    connection.sendBuffer = [];
    this.show();
    // The library comes back by itself unless the server has disconnected this very socket.
    if (reason === "io server disconnect" && this.phase !== "outside") {
      setTimeout(() => {
        if (this.phase !== "outside" && this.phase !== "asking") connection.connect();
      }, RETURN_DELAY);
    }
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

  private sendWaiting(): void {
    const connection = this.connection;
    if (!this.online || !connection || this.slowed !== undefined) return;
    for (const { key, name, msg } of this.timeline.takeWaiting()) {
      const request: Requests["chat"]["payload"] = { name, msg, key };
      connection.emit("chat", request, (answer: Requests["chat"]["answer"] | Refused) => {
        if ("error" in answer) this.refusedMessage(key, answer.error);
        else this.timeline.confirm(key, answer);
        this.show();
      });
    }
  }

  private refusedMessage(key: string, refusal: Refusal): void {
    this.timeline.refuse(key, refusal);
    if (!goesOutAgain(refusal) || !refusal.retry_after || this.slowed !== undefined) return;
    this.slowed = refusal.retry_after;
    setTimeout(() => {
      this.slowed = undefined;
      this.sendWaiting();
      this.show();
    }, refusal.retry_after * 1000);
  }

  /** Takes up what was not confirmed before a reload, under the name that is used now. */
  private restore(): void {
    if (!this.isRestored) for (const message of this.outbox.load()) this.timeline.restore(message);
    this.isRestored = true;
    this.timeline.rename(this.nickname, newKey);
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
    this.outbox.save(this.timeline.unconfirmed());
  }
}
