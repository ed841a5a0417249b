import type { Line } from "./rows.ts";

/** A part of the lines: from the first one on, up to and without the second. */
export interface Span {
  from: number;
  to: number;
}

/** Where each line begins, in pixels from the first one, as far as heights are known or guessed. */
export class Tops {
  private tops = new Float64Array(1);
  private count = 0;

  /** Adds the heights up anew: some microseconds for thousands of lines. */
  update(lines: readonly Line[]): void {
    this.count = lines.length;
    if (this.tops.length <= this.count) this.tops = new Float64Array(2 * this.count + 1);
    let top = 0;
    for (let index = 0; index < this.count; index++) {
      this.tops[index] = top;
      top += lines[index]!.height;
    }
    this.tops[this.count] = top;
  }

  /** Where the line begins; that of one behind the last is where all end. */
  of(index: number): number {
    return this.tops[Math.min(Math.max(index, 0), this.count)]!;
  }

  get total(): number {
    return this.tops[this.count]!;
  }

  /** The lines of which something lies between two heights. */
  between(top: number, bottom: number): Span {
    return { from: this.at(top), to: Math.min(this.at(bottom) + 1, this.count) };
  }

  /** The line at a height. */
  private at(y: number): number {
    let low = 0;
    let high = Math.max(this.count - 1, 0);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle]! <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** How many messages of others are newer than this one. */
export function newerThan(lines: readonly Line[], id: number): number {
  let count = 0;
  for (let index = lines.length - 1; index >= 0; index--) {
    const { row } = lines[index]!;
    if (row.kind !== "message" || row.id === undefined) continue;
    if (row.id <= id) break;
    if (!row.isOwn) count++;
  }
  return count;
}

/** The number of the newest stored message, 0 before the first. */
export function newestOf(lines: readonly Line[]): number {
  for (let index = lines.length - 1; index >= 0; index--) {
    const { row } = lines[index]!;
    if (row.kind === "message" && row.id !== undefined) return row.id;
  }
  return 0;
}
