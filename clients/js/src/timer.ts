/** Runs `callback` after the current one, before any timer or input. */
export const nextTick = (callback: () => void): void => queueMicrotask(callback);
