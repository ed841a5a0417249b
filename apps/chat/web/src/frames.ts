/** A page that is not looked at is drawn no more often than this, milliseconds. */
const UNSEEN_INTERVAL = 200;

/**
 * Runs `action` before the next picture is drawn. A page that is not looked at gets no pictures;
 * there it runs all the same, a little later.
 */
export function atNextFrame(action: () => void): void {
  let isDone = false;
  const once = () => {
    if (isDone) return;
    isDone = true;
    action();
  };
  requestAnimationFrame(once);
  setTimeout(once, UNSEEN_INTERVAL);
}
