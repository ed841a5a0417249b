import type { Reading, ReadingMoved } from "../contract.ts";

/** The most that is kept of what came before what it goes on from. */
const EARLY_MAX = 100;

/** How far the members of a room have read: by it, how many have not read a message. */
export class HowFar {
  private turn = -1;
  private readonly pointers = new Map<number, number>();
  private behind = new Map<string, number>();
  /** What has come too early, by its turn. */
  private readonly early = new Map<number, ReadingMoved>();
  /** The pointers in order, and how many members are at them or before. */
  private sums?: { pointers: number[]; counts: number[] };

  /** As the server tells when the room is entered; `null`: it does not know. */
  begin(reading: Reading | null): void {
    this.pointers.clear();
    this.sums = undefined;
    this.turn = reading?.turn ?? -1;
    for (const [pointer, count] of reading?.pointers ?? []) this.pointers.set(pointer, count);
    this.behindAre(reading?.behind ?? []);
    this.goOn();
  }

  /** People have read on. */
  move(moved: ReadingMoved): void {
    if (moved.turn <= this.turn || this.early.size >= EARLY_MAX) return;
    this.early.set(moved.turn, moved);
    this.goOn();
  }

  /** The connection is lost: what was kept for the answer of that time is of no use. */
  lost(): void {
    this.turn = -1;
    this.early.clear();
  }

  /** How many have not read the message that somebody wrote. */
  unread(message: number, author: string): number {
    const { pointers, counts } = (this.sums ??= summed(this.pointers));
    let low = 0;
    let high = pointers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pointers[middle]! < message) low = middle + 1;
      else high = middle;
    }
    const before = low === 0 ? 0 : counts[low - 1]!;
    // Whoever wrote it knows it, be their pointer before it or not.
    return Math.max(0, before - ((this.behind.get(author) ?? message) < message ? 1 : 0));
  }

  private goOn(): void {
    if (this.turn < 0) return;
    for (const turn of this.early.keys()) if (turn <= this.turn) this.early.delete(turn);
    for (let moved = this.early.get(this.turn + 1); moved; moved = this.early.get(this.turn + 1)) {
      this.early.delete(moved.turn);
      this.turn = moved.turn;
      for (const [pointer, more] of moved.moved) {
        const count = (this.pointers.get(pointer) ?? 0) + more;
        if (count > 0) this.pointers.set(pointer, count);
        else this.pointers.delete(pointer);
      }
      this.behindAre(moved.behind);
      this.sums = undefined;
    }
  }

  private behindAre(behind: Reading["behind"]): void {
    this.behind = new Map(behind.map(({ person, read }) => [person, read]));
  }
}

function summed(counts: ReadonlyMap<number, number>): { pointers: number[]; counts: number[] } {
  const pointers = [...counts.keys()].sort((one, other) => one - other);
  let sum = 0;
  return { pointers, counts: pointers.map((pointer) => (sum += counts.get(pointer)!)) };
}
