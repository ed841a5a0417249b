/** Runs `callback` after the current one, before any timer or input. */
export declare const nextTick: (callback: () => void) => void;
