import { flushSync } from "svelte";

import { atNextFrame } from "../frames.ts";
import { type Line, Lines, type Row, type Sight, type Target } from "./rows.ts";
import { newerThan, newestOf, type Span, Tops } from "./viewport.ts";

/** Closer to the end than this counts as being at the end, pixels. */
const END_DISTANCE = 60;
/** Closer than this to what is not here it is asked for, pixels, at least; a page of what is seen if that is more. */
const NEAR_MIN = 1000;
/** How far beyond what is seen lines are drawn, pixels. After a jump all of them are new, which is one task. */
const BEYOND = 800;
/** More lines than this at once are a history, which is not read aloud as news. */
const ANNOUNCED_MAX = 10;
/** How many lines are drawn before the page knows how high they are. */
const FIRST_LINES = 60;

/** What is scrolled, as it is now, and who is told. */
interface Given {
  rows: readonly Row[];
  /** Whether there are older and newer messages than these. */
  hasBefore: boolean;
  hasAfter: boolean;
  /** What scrolls, and in it what the drawn lines are in. */
  log: HTMLElement | undefined;
  block: HTMLElement | undefined;
  /** The reader comes near to where older or newer messages are. */
  onolder: () => void;
  onnewer: () => void;
  /** The newest message is wanted, which is not among these. */
  ontoend: () => void;
  onsight: (sight: Sight) => void;
}

/**
 * Which lines of a conversation are drawn, and where: those near to what is in sight. What is read stays where it is
 * whatever comes above and below, and whoever reads the end follows it.
 */
export class Scroller {
  // The first picture is there at once; later ones are drawn once a frame, however much comes.
  lines = $state.raw<readonly Line[]>([]);
  span = $state.raw<Span>({ from: 0, to: 0 });
  /** How high what is not drawn is, pixels. */
  above = $state(0);
  below = $state(0);
  /** Whoever reads the end follows it; whoever has scrolled up is only told. */
  isFollowing = $state(false);
  /** Only what comes at the end is announced, and not what is drawn because somebody scrolls. */
  isAnnouncing = $state(true);
  /** How many messages have come below what is read. */
  news = $state(0);
  /** The row of the message that was looked for, for a moment. */
  marked = $state<string>();

  private readonly conversation = new Lines();
  private readonly tops = new Tops();
  private isPlanned = false;
  /** Where to go with the next picture. */
  private wanted: Target | undefined;
  private sight: Sight = { first: 0, newest: 0, isAtEnd: false };
  /** The newest message that was at the end with its reader. */
  private seen = 0;
  /**
   * The lines in sight and how far each is below the upper edge. The first one that is still there is not to
   * move.
   */
  private anchors: readonly { key: string; distance: number }[] = [];
  /** Where the page itself has scrolled to. */
  private placed = 0;

  constructor(
    private readonly given: Given,
    /** Whether it begins at the end. */
    isAtEnd: boolean,
  ) {
    this.lines = this.conversation.of(given.rows);
    this.span = { from: Math.max(this.lines.length - FIRST_LINES, 0), to: this.lines.length };
    this.isFollowing = isAtEnd;
  }

  /** Scrolls to the newest message. */
  toEnd(): void {
    const { log, hasAfter, ontoend } = this.given;
    if (!log) return;
    if (hasAfter) return ontoend();
    this.isAnnouncing = this.isFollowing;
    this.isFollowing = true;
    this.wanted = undefined;
    // From where it is now on, and not by somebody who scrolls.
    this.placed = log.scrollTop;
    this.news = 0;
    this.plan();
  }

  /** Scrolls to the oldest of these. */
  toStart(): void {
    this.isFollowing = this.isAnnouncing = false;
    const first = this.lines[0];
    this.anchors = first ? [{ key: first.key, distance: 0 }] : [];
    this.look();
    this.given.log!.scrollTop = 0;
  }

  /** Goes to a row with the next picture. */
  goTo(target: Target): void {
    this.wanted = target;
    this.plan();
  }

  /** Draws soon: once a frame, however often it is asked for. */
  plan(): void {
    if (this.isPlanned) return;
    this.isPlanned = true;
    atNextFrame(() => {
      this.isPlanned = false;
      if (this.given.log) this.draw();
    });
  }

  /** The reader has scrolled, or the page has. */
  scrolled(): void {
    const { log, block } = this.given;
    if (!log || !block || !this.heed(log, block)) return;
    const { scrollTop, clientHeight } = log;
    // What was drawn reaches far enough in most cases.
    const next = this.tops.between(scrollTop - clientHeight / 2, scrollTop + 1.5 * clientHeight);
    if (this.isFollowing || next.from < this.span.from || next.to > this.span.to) this.look();
    else this.near(log);
  }

  /** What scrolls has another size. */
  resized(): void {
    const { log, block } = this.given;
    if (!log || !block) return;
    this.heed(log, block);
    if (this.measure(log, block)) this.plan();
  }

  /** The articles of the lines in sight. */
  get inSight(): HTMLElement[] {
    const { block } = this.given;
    return this.anchors.flatMap(({ key }) => block?.querySelector<HTMLElement>(`[data-line="${CSS.escape(key)}"] article`) ?? []);
  }

  /** Takes in what has come, draws what is near to what is seen, and leaves what is read where it is. */
  private draw(): void {
    const { log, block, rows, hasAfter } = this.given;
    if (log && block) this.heed(log, block);
    const before = this.lines;
    this.lines = this.conversation.of(rows);
    if (this.lines.length - before.length > ANNOUNCED_MAX) this.isAnnouncing = false;
    this.keepAnchors(before);
    this.tops.update(this.lines);
    if (hasAfter) this.isFollowing = false;
    const newest = newestOf(this.lines);
    if (this.isFollowing) this.seen = newest;
    if (this.wanted) this.go(this.wanted);
    else this.look();
    if (!this.isFollowing) this.news = newerThan(this.lines, this.seen);
  }

  /** What is drawn otherwise than before, such as without the day above it, does not hold the others where they are. */
  private keepAnchors(before: readonly Line[]): void {
    if (before === this.lines || this.anchors.length < 2) return;
    const now = new Set(this.lines);
    const same = new Set(before.filter((line) => now.has(line)).map(({ key }) => key));
    const kept = this.anchors.filter(({ key }) => same.has(key));
    if (kept.length > 0) this.anchors = kept;
  }

  /** Goes to a row. */
  private go({ key, place, isMarked }: Target): void {
    const { log, block, hasAfter } = this.given;
    this.wanted = undefined;
    if (key === undefined) return this.toEnd();
    const index = this.indexOf(key);
    if (!log || !block || index < 0) return this.look();
    this.isFollowing = this.isAnnouncing = false;
    // What is below the line is new, and what is above it is not.
    if (place === "line") this.seen = newestOf(this.lines.slice(0, index));
    const height = log.clientHeight;
    const middle = Math.max((height - this.lines[index]!.height) / 2, 0);
    const distance = { line: Math.min(height / 5, 120), middle, top: 0 }[place];
    this.anchors = [{ key, distance }];
    this.look();
    if (log.scrollHeight - log.scrollTop - height < 2 && !hasAfter) this.follow();
    if (!isMarked) return;
    this.marked = key;
    const line = [...block.children].find((child) => (child as HTMLElement).dataset.line === key) as HTMLElement | undefined;
    const article = line?.querySelector<HTMLElement>("[tabindex]") ?? line;
    if (article && !article.hasAttribute("tabindex")) article.tabIndex = -1;
    article?.focus({ preventScroll: true });
  }

  /** From now on the end stays in sight. */
  private follow(): void {
    this.isFollowing = true;
    this.news = 0;
    this.seen = newestOf(this.lines);
  }

  /** Asks for what is not here, where the reader comes near to it. */
  private near(log: HTMLElement): void {
    const { hasBefore, hasAfter, onolder, onnewer } = this.given;
    const { scrollTop, scrollHeight, clientHeight } = log;
    const distance = Math.max(clientHeight, NEAR_MIN);
    if (hasBefore && scrollTop < distance) onolder();
    if (hasAfter && scrollHeight - scrollTop - clientHeight < distance) onnewer();
  }

  /** Draws the lines near to what is seen; once more where they turn out lower than was guessed, and do not reach. */
  private look(): void {
    const { log, block } = this.given;
    if (!log || !block) return;
    for (let round = 0; round < 3; round++) {
      const next = this.spanNow(log);
      if (round > 0 && next.from >= this.span.from && next.to <= this.span.to) break;
      this.keepFocus(next);
      this.span = next;
      this.above = this.tops.of(next.from);
      this.below = this.tops.total - this.tops.of(next.to);
      flushSync();
      this.measure(log, block);
    }
    if (this.isFollowing && !this.isAnnouncing) atNextFrame(() => (this.isAnnouncing = this.isFollowing));
    this.near(log);
  }

  /** Which lines to draw: around what is in sight, or those at the end. */
  private spanNow(log: HTMLElement): Span {
    const { tops, lines } = this;
    const height = log.clientHeight;
    if (this.isFollowing) return { ...tops.between(tops.total - height - BEYOND, tops.total), to: lines.length };
    let top = log.scrollTop;
    for (const { key, distance } of this.anchors) {
      const index = this.indexOf(key);
      if (index < 0) continue;
      top = tops.of(index) - distance;
      break;
    }
    return tops.between(top - BEYOND, top + height + BEYOND);
  }

  /** The log takes the focus of a line that will not be drawn any more. */
  private keepFocus(next: Span): void {
    const { log, block } = this.given;
    const focused = document.activeElement?.closest<HTMLElement>("[data-line]");
    if (!focused || !block?.contains(focused)) return;
    const index = this.indexOf(focused.dataset.line);
    if (index < next.from || index >= next.to) log?.focus({ preventScroll: true });
  }

  /**
   * Measures what is drawn, puts it where it belongs and notes what is in sight. True when something was not as
   * high as was thought.
   */
  private measure(log: HTMLElement, block: HTMLElement): boolean {
    const edge = log.getBoundingClientRect().top;
    const rectangles = rectanglesOf(block);
    let isGuessed = false;
    rectangles.forEach(({ height }, n) => {
      const line = this.lines[this.span.from + n];
      if (!line) return;
      if (Math.abs(line.height - height) > 0.5) isGuessed = true;
      line.height = height;
    });
    if (isGuessed) this.tops.update(this.lines);
    let moved = 0;
    if (this.isFollowing) {
      moved = moveBy(log, log.scrollHeight);
    } else {
      for (const { key, distance } of this.anchors) {
        const rectangle = rectangles[this.indexOf(key) - this.span.from];
        if (!rectangle) continue;
        moved = moveBy(log, rectangle.top - edge - distance);
        break;
      }
    }
    this.placed = log.scrollTop;
    this.note(rectangles, edge + moved, log);
    return isGuessed;
  }

  /** Notes which of the drawn lines are in sight. Where nothing is drawn there are none, and guesses have to do. */
  private note(rectangles: readonly DOMRect[], edge: number, log: HTMLElement): void {
    const found: { key: string; distance: number }[] = [];
    const { clientHeight: height, scrollHeight, scrollTop } = log;
    const end = edge + height;
    let [first, newest] = [0, 0];
    rectangles.forEach(({ top, bottom }, n) => {
      const line = this.lines[this.span.from + n];
      if (!line || bottom <= edge || top >= end) return;
      found.push({ key: line.key, distance: top - edge });
      const id = line.row.kind === "message" ? line.row.id : undefined;
      if (id === undefined) return;
      first ||= id;
      // Of a message that is higher than the page, what fills half of it has been seen.
      if (bottom <= end + 1 || end - top > height / 2) newest = id;
    });
    this.anchors = found;
    this.seen = Math.max(this.seen, newest);
    const isAtEnd = this.isFollowing || scrollHeight - scrollTop - height < 200;
    // Not before it is known where that is.
    if (this.wanted) return;
    const { sight } = this;
    if (first === sight.first && newest === sight.newest && isAtEnd === sight.isAtEnd) return;
    this.sight = { first, newest, isAtEnd };
    this.given.onsight(this.sight);
  }

  /**
   * Whether the reader has scrolled since the page did; asked before anything is placed, because somebody may
   * have done so in the same moment.
   */
  private heed(log: HTMLElement, block: HTMLElement): boolean {
    const { scrollTop, scrollHeight, clientHeight } = log;
    if (Math.abs(scrollTop - this.placed) < 1) return false;
    const distance = scrollHeight - scrollTop - clientHeight;
    const isWhole = this.span.to === this.lines.length && !this.given.hasAfter;
    if (scrollTop < this.placed && distance > 2) this.isFollowing = this.isAnnouncing = false;
    else if (distance < END_DISTANCE && isWhole) this.isFollowing = true;
    this.placed = scrollTop;
    if (this.isFollowing) {
      this.follow();
    } else {
      this.note(rectanglesOf(block), log.getBoundingClientRect().top, log);
      this.news = newerThan(this.lines, this.seen);
    }
    return true;
  }

  private indexOf(key: string | undefined): number {
    return this.lines.findIndex((line) => line.key === key);
  }
}

function rectanglesOf(block: HTMLElement): DOMRect[] {
  return [...block.children].map((child) => child.getBoundingClientRect());
}

/** Scrolls so far, and says how far it went: nothing is scrolled beyond its bounds. */
function moveBy(log: HTMLElement, distance: number): number {
  if (Math.abs(distance) < 0.5) return 0;
  const before = log.scrollTop;
  log.scrollTop = before + distance;
  return log.scrollTop - before;
}
