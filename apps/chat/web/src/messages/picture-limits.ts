/** The types that the server takes. */
export const PICTURE_TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/** The largest picture that the server takes unless it was told otherwise. */
export const PICTURE_BYTES_MAX = 20 * 1024 * 1024;

/** What some browsers can draw, and the server cannot. It is sent as a JPEG where that is so. */
const DRAWN_TYPES = ["image/heic", "image/heif"];
/** The largest file that the page makes smaller, where the server would not take it. */
const DRAWN_BYTES_MAX = 256 * 1024 * 1024;

/** Why a file cannot be sent, as far as the page knows. What moves is not made smaller. */
export function refusalOf({ type, size }: Pick<File, "type" | "size">, bytesMax = PICTURE_BYTES_MAX): string | undefined {
  // Without a type the server has a look.
  if (type !== "" && !PICTURE_TYPES.includes(type) && !DRAWN_TYPES.includes(type)) return "not_a_picture";
  return size > (type === "image/gif" ? bytesMax : DRAWN_BYTES_MAX) ? "file_too_large" : undefined;
}

/** Whether sending it again may help: what is wrong with a picture itself stays so. */
export function mayRetry(code: string): boolean {
  return !["not_a_picture", "file_too_large", "picture_too_large", "animation_too_long", "too_many_pictures"].includes(code);
}
