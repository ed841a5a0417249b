import type { Message as MessageRow, Row, Sight, Target } from "../design/rows.ts";
import type { Problem } from "../refusal.ts";
import type { Pages, Place } from "./pages.svelte.ts";
import type { Timeline } from "./timeline.ts";

/** The way through a conversation: to a message, to what is unread, and back to where one was. */
export class Way {
  /** Where to go: a new one each time. */
  target = $state.raw<Target>();
  /** Why one did not get where one wanted to; `gone`: the message is not there any more. */
  notice = $state.raw<Problem>();

  /** The message to open the conversation at. */
  wanted?: number;
  /** What of it is in sight. */
  sight: Sight = { first: 0, newest: 0, isAtEnd: true };
  /** Whether what is in sight is about to be replaced, and not read. */
  isJumping = false;

  /** Where one was before one followed a quote. */
  private origins: Sight[] = [];

  constructor(
    private readonly timeline: Timeline,
    private readonly pages: Pages,
    private readonly around: {
      rows: () => readonly Row[];
      /** Shows what has come. */
      show: () => void;
    },
  ) {}

  /** The conversation is shown anew, at a message or at the first unread one. */
  begin(message: number | undefined): void {
    this.wanted = message;
    this.origins = [];
    this.target = this.notice = undefined;
  }

  /** Goes to where it is opened: the message that is wanted, the first unread one, or the end. */
  open(): void {
    const { wanted } = this;
    this.wanted = undefined;
    const mark = this.timeline.unreadAfter;
    if (wanted !== undefined) void this.jump(wanted);
    else if (mark === undefined) void this.toNewest();
    else if (this.around.rows().some(({ kind }) => kind === "unread")) this.target = { key: "unread", place: "line" };
    // What is not here is read from where it begins.
    else void this.goTo({ around: mark }, () => ({ key: "unread", place: "line" }));
  }

  /** Goes to a message, wherever it is. */
  async jump(id: number): Promise<void> {
    const target = (): Target => this.targetOf(id, true);
    if (this.timeline.message(id)) {
      this.target = target();
      return;
    }
    await this.goTo({ around: id }, () => {
      if (!this.timeline.message(id)) this.notice = { code: "gone" };
      return target();
    });
  }

  /** Goes to a message that another one quotes; `back` returns. */
  follow(id: number): void {
    this.origins.push(this.sight);
    void this.jump(id);
  }

  /** Returns to where one was before one followed a quote. */
  back(): void {
    const origin = this.origins.pop();
    if (!origin) return;
    const { first, isAtEnd } = origin;
    const target = (): Target => (isAtEnd ? { place: "top" } : { ...this.targetOf(first, false), place: "top" });
    if (isAtEnd ? !this.timeline.hasAfter : this.timeline.message(first)) this.target = target();
    else void this.goTo(isAtEnd ? {} : { around: first }, target);
  }

  /** Goes to the newest message. */
  async toNewest(): Promise<void> {
    if (this.timeline.hasAfter) await this.goTo({}, () => undefined);
  }

  /** Stays where one is: what was asked for is not wanted any more. */
  stop(): void {
    this.pages.stop();
    this.isJumping = false;
  }

  /** Replaces what is here by another page of the history, and goes there. */
  private async goTo(place: Place, target: () => Target | undefined): Promise<void> {
    this.stop();
    this.isJumping = true;
    const { told } = this.timeline.end;
    const page = await this.pages.ask(place, (problem) => {
      this.isJumping = false;
      this.notice = problem;
    });
    if (page === undefined) return;
    this.isJumping = false;
    this.timeline.replace(page, told);
    this.around.show();
    this.target = target();
  }

  /** The row of a message, or of the one that is next to where it was. */
  private targetOf(id: number, isMarked: boolean): Target {
    const messages = this.around.rows().filter((row) => row.kind === "message" && row.id !== undefined) as MessageRow[];
    const row = messages.find((one) => one.id! >= id) ?? messages.at(-1);
    return { key: row?.key, place: "middle", isMarked: isMarked && row?.id === id };
  }
}
