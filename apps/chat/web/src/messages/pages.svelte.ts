import type { AskHistory, History } from "../contract.ts";
import type { Loading } from "../design/rows.ts";
import { type Problem, problemOf } from "../refusal.ts";
import type { Timeline } from "./timeline.ts";

/** How many pages are loaded at once where messages are missing in between. */
const GAP_PAGES_MAX = 10;

/** A page of the history: where it is. */
export type Place = Omit<AskHistory, "room">;

interface Around {
  ask: (place: Place) => Promise<History>;
  /** Whether the server can be asked. */
  isKnown: () => boolean;
  /** Whether nobody wants an answer any more. */
  isEnded: () => boolean;
  /** Shows what has come. */
  show: () => void;
}

/** The pages of a conversation's history, of which one is asked for at a time. */
export class Pages {
  /** How it stands with older and newer messages than those that are here. */
  older = $state<Loading>("waiting");
  newer = $state<Loading>("waiting");

  /** Counts what was asked for, so that late answers are told apart. */
  private asks = 0;
  private isAsking = false;

  constructor(
    private readonly timeline: Timeline,
    private readonly around: Around,
  ) {}

  /** Loads older messages, as the reader comes near to where they are; again after a failure only on asking. */
  async loadOlder(isAgain = false): Promise<void> {
    if (!this.timeline.hasBefore || !this.mayLoad(this.older, isAgain)) return;
    const before = this.timeline.oldest;
    this.older = "loading";
    const page = await this.ask({ before }, () => (this.older = "failed"));
    if (page === undefined) return;
    this.older = "waiting";
    this.timeline.older(page, before);
    this.around.show();
  }

  /** The same for newer ones. */
  async loadNewer(isAgain = false): Promise<void> {
    if (!this.timeline.hasAfter || !this.mayLoad(this.newer, isAgain)) return;
    const { end } = this.timeline;
    this.newer = "loading";
    const page = await this.ask({ after: end.after }, () => (this.newer = "failed"));
    if (page === undefined) return;
    this.newer = "waiting";
    this.timeline.newer(page, end);
    this.around.show();
  }

  private mayLoad(state: Loading, isAgain: boolean): boolean {
    return this.around.isKnown() && !this.isAsking && (state !== "failed" || isAgain);
  }

  /** Loads what is missing in between. */
  async loadGap(key: string): Promise<void> {
    if (this.isAsking) return;
    for (let pages = 0; pages < GAP_PAGES_MAX; pages++) {
      const after = this.timeline.gap(key);
      if (after === undefined) return;
      this.gapIs(key, "loading");
      const page = await this.ask({ after }, () => this.gapIs(key, "failed"));
      if (page === undefined) return;
      const isClosed = this.timeline.fill(key, page);
      this.around.show();
      if (isClosed) return;
    }
    this.gapIs(key, "waiting");
  }

  private gapIs(key: string, state: Loading): void {
    this.timeline.gapIs(key, state);
    this.around.show();
  }

  /** Asks for a page. Nothing if it is refused, or not wanted any more when it comes. */
  async ask(place: Place, onrefused: (problem: Problem) => void): Promise<History | undefined> {
    const asked = ++this.asks;
    this.isAsking = true;
    try {
      const page = await this.around.ask(place);
      return asked === this.asks && !this.around.isEnded() ? page : undefined;
    } catch (error) {
      if (asked === this.asks && !this.around.isEnded()) onrefused(problemOf(error));
      return undefined;
    } finally {
      if (asked === this.asks) this.isAsking = false;
    }
  }

  /** What was asked for is not wanted any more. */
  stop(): void {
    this.asks++;
    this.isAsking = false;
    this.older = this.newer = "waiting";
    this.timeline.gapsWait();
  }
}
