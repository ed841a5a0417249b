/** What is asked of a keyboard event. */
export type Key = Pick<
  KeyboardEvent,
  "key" | "keyCode" | "shiftKey" | "ctrlKey" | "altKey" | "metaKey" | "isComposing"
>;

/**
 * Whether this key sends the message: Enter alone. While a syllable is being composed, Enter
 * belongs to the input method; Safari ends the composition first and tells by the key code 229.
 */
export function sendsOn(event: Key): boolean {
  if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return false;
  return !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
}
