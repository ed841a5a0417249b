/** The types that the server takes. */
export const PICTURE_TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/** The largest picture that the server takes unless it was told otherwise; then it refuses by itself. */
export const PICTURE_BYTES_MAX = 20 * 1024 * 1024;

/** Why a file cannot be sent, as far as the page knows. */
export function refusalOf({ type, size }: Pick<File, "type" | "size">): string | undefined {
  // Without a type the server has a look.
  if (type !== "" && !PICTURE_TYPES.includes(type)) return "not_a_picture";
  return size > PICTURE_BYTES_MAX ? "picture_too_big" : undefined;
}
