/** The press that is going on ends without a click: what it has done, it has done by lasting long. */
export function swallowClick(): void {
  const swallow = (event: Event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    end();
  };
  const end = () => {
    document.removeEventListener("click", swallow, true);
    document.removeEventListener("pointerdown", end, true);
  };
  document.addEventListener("click", swallow, true);
  // There may be none: then it is not the next one's.
  document.addEventListener("pointerdown", end, true);
}
