/**
 * What a road brought to the page: events are numbered, so each that is missing or comes twice is
 * seen.
 */
export class Continuity {
  received = 0;
  missed = 0;
  repeated = 0;
  #last: number | null = null;

  /** An event came. */
  add(n: number): void {
    if (this.#last !== null && n <= this.#last) {
      this.repeated += 1;
      return;
    }
    if (this.#last !== null) this.missed += n - this.#last - 1;
    this.#last = n;
    this.received += 1;
  }

  /** Counts from zero, and goes on at the same place. */
  reset(): void {
    this.received = this.missed = this.repeated = 0;
  }

  /** The next event is the first: the road was opened anew, on purpose. */
  begin(): void {
    this.#last = null;
  }
}
