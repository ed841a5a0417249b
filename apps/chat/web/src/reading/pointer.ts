import { isPassing, problemOf } from "../refusal.ts";

/** The server is told of what was read at most this often, milliseconds. */
export const READ_INTERVAL = 1_000;

interface Around {
  /** Tells the server; rejects with a `RefusedError`. */
  send: (message: number) => Promise<unknown>;
  /** Whether what is in sight is looked at. */
  isLooking: () => boolean;
}

/** How far one has read in a room: what is seen is read. */
export class ReadPointer {
  /** How far one has read, as the server has told. */
  private told = 0;
  /** The newest message that was looked at here. */
  private looked = 0;
  /** The newest one that the server was told of. */
  private sent = 0;
  private sentAt = -Infinity;
  /** The newest one in sight, be it looked at or not. */
  private inSight = 0;
  /** One has marked something as unread: reads on only if the pointer gets there in another way. */
  private heldUntil?: number;
  private timer?: ReturnType<typeof setTimeout>;

  constructor(private readonly around: Around) {}

  /** The newest message that one has read, be the server told of it or not. */
  get read(): number {
    return Math.max(this.told, this.looked);
  }

  /** This message has come in sight. */
  see(message: number): void {
    this.inSight = message;
    this.look();
  }

  /** The page is looked at, perhaps again. */
  look(): void {
    if (this.heldUntil !== undefined || !this.around.isLooking()) return;
    this.looked = Math.max(this.looked, this.inSight);
    this.flush();
  }

  /** The room was entered, also again after a lost connection: what was not told is told again. */
  entered(read: number): void {
    this.told = this.sent = read;
    this.look();
    this.flush();
  }

  /** The server tells how far one has read, here or on another device. */
  counted(read: number): void {
    // On another device something was marked as unread.
    if (read < this.told && this.heldUntil === undefined) this.hold();
    this.told = read;
    this.sent = Math.max(this.sent, read);
    if (this.heldUntil !== undefined && read >= this.heldUntil) this.heldUntil = undefined;
  }

  /** Something is marked as unread: what is in sight is not read by that from now on. */
  hold(): void {
    this.heldUntil = Math.max(this.told, this.looked, 1);
    this.looked = this.sent = 0;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** The room is shown anew, and what is seen then is read. */
  release(): void {
    this.heldUntil = undefined;
    this.inSight = 0;
  }

  end(): void {
    clearTimeout(this.timer);
  }

  /** Tells the server what it does not know, at once or when the time for it has come. */
  private flush(): void {
    if (this.timer !== undefined || this.looked <= Math.max(this.told, this.sent)) return;
    const wait = this.sentAt + READ_INTERVAL - Date.now();
    if (wait > 0) return this.later(wait);
    const message = this.looked;
    this.sent = message;
    this.sentAt = Date.now();
    this.around.send(message).catch((error: unknown) => {
      const problem = problemOf(error);
      // Without a connection it is told when the room is entered again.
      if (!isPassing(problem) || problem.code === "offline" || this.sent !== message) return;
      this.sent = 0;
      this.later(Math.max(READ_INTERVAL, (problem.retry_after ?? 0) * 1000));
    });
  }

  private later(delay: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, delay);
  }
}
