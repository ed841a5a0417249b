// Waiting for conditions, never for time: every wait has an end and says what it waited for.

/** How long to wait for what should be there soon, on a machine that has much else to do. */
export const PATIENCE = 60_000;

/** The promise's value, or an error after `milliseconds`. */
export function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms for ${what}`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Calls `probe` until it gives something truthy, and returns that. */
export async function until(what, probe, milliseconds = PATIENCE) {
  const end = performance.now() + milliseconds;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${milliseconds} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The arguments of the next `event` of an emitter with `once`. */
export function event(emitter, name, milliseconds = PATIENCE) {
  return within(milliseconds, `"${name}"`, new Promise((resolve) => {
    emitter.once(name, (...args) => resolve(args));
  }));
}

/** Values that arrive over time, taken out in order. */
export class Inbox {
  #values = [];
  #waiting = [];

  push(value) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(value);
    else this.#values.push(value);
  }

  /** How many have arrived and were not taken. */
  get length() {
    return this.#values.length;
  }

  next(what = "the next value", milliseconds = PATIENCE) {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift());
    return within(milliseconds, what, new Promise((resolve) => this.#waiting.push(resolve)));
  }
}
