/** Runs a function after the present one, before any timer or input. */
export declare const nextTick: (callback: () => void) => void;
/** Reports an error like one that nobody catches, without stopping the present function. */
export declare function report(error: unknown): void;
