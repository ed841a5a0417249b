/** How long a column of the lane is, in milliseconds. */
export const COLUMN_MS = 50;
/** How many columns the lane shows. */
export const COLUMNS = 160;

/**
 * When events came to the page, in columns of time: one number each, however many events there
 * are. A ring, as `Series` is.
 */
export class Arrivals {
  readonly #counts = new Uint16Array(COLUMNS);
  #newest = 0;

  /** An event came now, in milliseconds of the page's clock. */
  add(now: number): void {
    this.#turn(Math.floor(now / COLUMN_MS));
    const slot = this.#newest % COLUMNS;
    if (this.#counts[slot] < 0xffff) this.#counts[slot] += 1;
  }

  /** How many came in the column that was `age` columns before the one of `now`. */
  count(now: number, age: number): number {
    const column = Math.floor(now / COLUMN_MS) - age;
    const isKept = column <= this.#newest && column > this.#newest - COLUMNS && column >= 0;
    return isKept ? this.#counts[column % COLUMNS] : 0;
  }

  /** The most in any column that is shown. */
  most(now: number): number {
    let most = 0;
    for (let age = 0; age < COLUMNS; age += 1) most = Math.max(most, this.count(now, age));
    return most;
  }

  clear(): void {
    this.#counts.fill(0);
  }

  #turn(column: number): void {
    if (column <= this.#newest) return;
    const gone = Math.min(column - this.#newest, COLUMNS);
    for (let back = 0; back < gone; back += 1) this.#counts[(column - back) % COLUMNS] = 0;
    this.#newest = column;
  }
}

/** How tall a lane is in events: the same for all, and steady while bursts differ a little. */
export function laneHeight(most: number): number {
  let height = 4;
  while (height < most) height *= 2;
  return height;
}
