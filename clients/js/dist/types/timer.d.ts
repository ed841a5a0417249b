/** Runs a function after the present one, before any timer or input. */
export declare const nextTick: (callback: () => void) => void;
