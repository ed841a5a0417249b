/** Runs a function after the present one, before any timer or input. */
export const nextTick: (callback: () => void) => void = queueMicrotask;

/** Reports an error like one that nobody catches, without stopping the present function. */
export function report(error: unknown): void {
  nextTick(() => {
    throw error;
  });
}
