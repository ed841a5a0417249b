/** Longest delay that `setTimeout` keeps; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Options that bound the delays between reconnection attempts. */
export interface BackoffOptions {
  /** First delay in milliseconds, before randomisation. */
  reconnectionDelay?: number;
  /** Upper bound of a delay in milliseconds, after randomisation. */
  reconnectionDelayMax?: number;
  /** Largest share of a delay that is added or taken away at random, 0 to 1. */
  randomizationFactor?: number;
}

/**
 * The delay before attempt `attempt` (counted from 0), in whole milliseconds: it doubles each
 * time, is randomised, and only then cut to the maximum.
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  // Zero means the default, too, and the exponent is bounded, since infinity minus infinity is no
  // number and so no delay: a loop without delays would be an attack on the server.
  const ms = (options.reconnectionDelay || 1000) * 2 ** Math.min(attempt, 31);
  const delay = ms * (1 + options.randomizationFactor! * (2 * Math.random() - 1));
  return Math.min(delay, options.reconnectionDelayMax || 5000, TIMER_MS_MAX) | 0;
}

/** Counts the attempts to reconnect. */
export interface Backoff {
  /** Delays begun since the connection was open the last time. */
  attempts: number;
  /** The next delay, in milliseconds. */
  duration(): number;
  /** The next delay is the first one. */
  reset(): void;
}

/** Makes a {@link Backoff}; the options are read at each delay, so that they may change. */
export const createBackoff = (options: BackoffOptions): Backoff => ({
  attempts: 0,
  duration() {
    return backoffMs(this.attempts++, options);
  },
  reset() {
    this.attempts = 0;
  },
});
