/** Runs a function after the present one, before any timer or input. */
export const nextTick: (callback: () => void) => void = queueMicrotask;
