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
 * time (or grows by `factor`), is randomised, and only then cut to the maximum.
 */
export function backoffMs(attempt: number, options: BackoffOptions, factor?: number): number {
  // Zero means the default, too, and the exponent is bounded, since infinity minus infinity is no
  // number and so no delay: a loop without delays would be an attack on the server.
  const ms = (options.reconnectionDelay || 1000) * ((FULL && factor) || 2) ** Math.min(attempt, 31);
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

  // Not in the core: what socket.io-client's has. All but `factor` are the options by other names.

  /** The first delay, as `reconnectionDelay`. */
  ms: number;
  /** The longest delay, as `reconnectionDelayMax`. */
  max: number;
  /** How much longer each delay is than the one before: 2. */
  factor: number;
  /** The share that is random, as `randomizationFactor`. */
  jitter: number;
  setMin(ms: number): void;
  setMax(ms: number): void;
  setJitter(jitter: number): void;
}

/** Names of options in a back-off of socket.io-client: the property, and the method that sets it. */
const NAMES = {
  reconnectionDelay: ["ms", "setMin"],
  reconnectionDelayMax: ["max", "setMax"],
  randomizationFactor: ["jitter", "setJitter"],
} as const;

function withNames(backoff: Backoff, options: BackoffOptions): Backoff {
  backoff.factor = 2;
  backoff.duration = function () {
    return backoffMs(this.attempts++, options, this.factor);
  };
  for (const option of Object.keys(NAMES) as (keyof typeof NAMES)[]) {
    const [property, method] = NAMES[option];
    const set = (value: number) => {
      options[option] = value;
    };
    Object.defineProperty(backoff, property, { get: () => options[option], set });
    backoff[method] = set;
  }
  return backoff;
}

/** Makes a {@link Backoff}; the options are read at each delay, so that they may change. */
export const createBackoff = (options: BackoffOptions): Backoff => {
  const backoff = {
    attempts: 0,
    duration() {
      return backoffMs(this.attempts++, options);
    },
    reset() {
      this.attempts = 0;
    },
  } as Backoff;
  return FULL ? withNames(backoff, options) : backoff;
};
