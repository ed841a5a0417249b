/** Runs a function after the present one, before any timer or input. */
export declare const nextTick: (callback: () => void) => void;
/** Reports an error like one that nobody catches, without stopping the present function. */
export declare function report(error: unknown): void;
/** The timers of the moment, by the names of socket.io-client's: as tests that hold the clock want it. */
export declare const timerFunctions: {
    setTimeoutFn: (callback: () => void, ms?: number) => unknown;
    clearTimeoutFn: (timer?: unknown) => void;
};
