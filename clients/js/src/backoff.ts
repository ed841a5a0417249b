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
  // Zero means the default, too: a loop without delays would be an attack.
  const ms = (options.reconnectionDelay || 1000) * 2 ** attempt;
  const deviation = Math.floor(Math.random() * options.randomizationFactor! * ms);
  const delay = Math.random() < 0.5 ? ms - deviation : ms + deviation;
  return Math.floor(Math.min(delay, options.reconnectionDelayMax || 5000, TIMER_MS_MAX));
}
