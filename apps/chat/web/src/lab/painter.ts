/** How long the page may paint in one frame, in milliseconds; the rest waits for the next. */
const BUDGET_MS = 5;

/** What the painter needs of the browser. */
export interface Frames {
  request(callback: () => void): void;
  now(): number;
}

const browser: Frames = {
  request: (callback) => void requestAnimationFrame(callback),
  now: () => performance.now(),
};

/**
 * Paints canvases in animation frames, a few at a time: however many there are, no frame takes
 * much longer than its budget. What is asked for twice before its turn is painted once.
 */
export class Painter {
  readonly #waiting = new Set<() => void>();
  readonly #frames: Frames;
  #isRequested = false;

  constructor(frames: Frames = browser) {
    this.#frames = frames;
  }

  /** Paints soon. */
  ask(paint: () => void): void {
    this.#waiting.add(paint);
    this.#request();
  }

  /** Not any more. */
  forget(paint: () => void): void {
    this.#waiting.delete(paint);
  }

  #request(): void {
    if (this.#isRequested || this.#waiting.size === 0) return;
    this.#isRequested = true;
    this.#frames.request(() => {
      this.#isRequested = false;
      const end = this.#frames.now() + BUDGET_MS;
      for (const paint of this.#waiting) {
        this.#waiting.delete(paint);
        paint();
        if (this.#frames.now() >= end) break;
      }
      this.#request();
    });
  }
}

export const painter = new Painter();
