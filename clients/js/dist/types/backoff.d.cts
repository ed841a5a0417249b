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
export declare function backoffMs(attempt: number, options: BackoffOptions, factor?: number): number;
/** Counts the attempts to reconnect. */
export interface Backoff {
    /** Delays begun since the connection was open the last time. */
    attempts: number;
    /** The next delay, in milliseconds. */
    duration(): number;
    /** The next delay is the first one. */
    reset(): void;
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
/** Makes a {@link Backoff}; the options are read at each delay, so that they may change. */
export declare const createBackoff: (options: BackoffOptions) => Backoff;
