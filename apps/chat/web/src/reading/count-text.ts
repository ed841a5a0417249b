import { UNREAD_COUNTED_MAX } from "../contract.ts";

/** So many, as far as they are counted. */
export function countText(count: number): string {
  return count < UNREAD_COUNTED_MAX ? String(count) : `${UNREAD_COUNTED_MAX - 1}+`;
}
