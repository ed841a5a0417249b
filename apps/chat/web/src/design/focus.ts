/** Keys that move the focus or work what has it; others write. */
const MOVING = new Set(["Tab", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "F6"]);

/**
 * Marks the page while the focus is moved by keys, for the ring around fields: browsers show it around
 * every field that has the focus, also one that was clicked into or got it by the page. Call it once.
 */
export function markKeys(root: HTMLElement = document.documentElement): () => void {
  const keys = (event: KeyboardEvent) => {
    // Arrows inside of a field move the caret.
    if (event.key === "Tab" || (MOVING.has(event.key) && !isField(event.target))) root.dataset.keys = "";
  };
  const pointer = () => delete root.dataset.keys;
  root.addEventListener("keydown", keys, true);
  root.addEventListener("pointerdown", pointer, true);
  return () => {
    root.removeEventListener("keydown", keys, true);
    root.removeEventListener("pointerdown", pointer, true);
  };
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

/** Whether whoever is here points with something finer than a finger, and so has a keyboard at hand. */
export function hasFinePointer(): boolean {
  return matchMedia("(hover: hover) and (pointer: fine)").matches;
}
