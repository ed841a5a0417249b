/** Runs a function after the present one, before any timer or input. */
export const nextTick: (callback: () => void) => void = queueMicrotask;

/** Reports an error like one that nobody catches, without stopping the present function. */
export function report(error: unknown): void {
  nextTick(() => {
    throw error;
  });
}

/** The timers of the moment, by the names of socket.io-client's: as tests that hold the clock want it. */
export const timerFunctions = {
  setTimeoutFn: (callback: () => void, ms?: number): unknown => globalThis.setTimeout(callback, ms),
  clearTimeoutFn: (timer?: unknown) => globalThis.clearTimeout(timer as number),
};
