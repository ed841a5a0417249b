/** How many seconds a plot shows. */
export const SECONDS = 60;
/** The seconds that are kept: those shown, the one that goes on, and one for clocks that differ. */
const KEPT = SECONDS + 2;

/**
 * What was counted in each of the last seconds. A ring: its memory stays as it is, however long
 * the page is open.
 */
export class Series {
  readonly #sums = new Float64Array(KEPT);
  readonly #counts = new Uint32Array(KEPT);
  #newest = Number.NEGATIVE_INFINITY;
  #oldest = Number.POSITIVE_INFINITY;

  /** Adds to a second, a whole number; what is older than the ring is left out. */
  add(second: number, value: number): void {
    if (this.#newest === Number.NEGATIVE_INFINITY) {
      this.#newest = this.#oldest = second;
    }
    if (second <= this.#newest - KEPT) return;
    for (let at = Math.max(this.#newest + 1, second - KEPT + 1); at <= second; at += 1) {
      this.#sums[slot(at)] = 0;
      this.#counts[slot(at)] = 0;
    }
    this.#newest = Math.max(this.#newest, second);
    this.#oldest = Math.min(this.#oldest, second);
    this.#sums[slot(second)] += value;
    this.#counts[slot(second)] += 1;
  }

  /** Forgets everything. */
  clear(): void {
    this.#newest = Number.NEGATIVE_INFINITY;
    this.#oldest = Number.POSITIVE_INFINITY;
    this.#sums.fill(0);
    this.#counts.fill(0);
  }

  /** The sum of a second: 0 where nothing was added, `null` before the first and after `end`. */
  sum(second: number): number | null {
    if (second < this.#oldest || second <= this.#newest - KEPT) return null;
    return second > this.#newest ? 0 : this.#sums[slot(second)];
  }

  /** The mean of what was added in a second, `null` where that was nothing. */
  mean(second: number): number | null {
    const isKept = second >= this.#oldest && second <= this.#newest && second > this.#newest - KEPT;
    if (!isKept || this.#counts[slot(second)] === 0) return null;
    return this.#sums[slot(second)] / this.#counts[slot(second)];
  }

  /** The whole seconds before `end`, the oldest first, as a plot takes them. */
  view(end: number, of: "sum" | "mean"): (number | null)[] {
    return Array.from({ length: SECONDS }, (_, index) => this[of](end - SECONDS + index));
  }
}

function slot(second: number): number {
  return ((second % KEPT) + KEPT) % KEPT;
}

/** The end of an axis that a value fits on: 1, 2 or 5 times a power of ten. */
export function roundedUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 5]) if (value <= step * power) return step * power;
  return 10 * power;
}
