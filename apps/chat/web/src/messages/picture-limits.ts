/** The types that the server takes. */
export const PICTURE_TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/** The largest picture that the server takes unless it was told otherwise. */
export const PICTURE_BYTES_MAX = 20 * 1024 * 1024;

/** Why a file cannot be sent, as far as the page knows. */
export function refusalOf({ type, size }: Pick<File, "type" | "size">, bytesMax = PICTURE_BYTES_MAX): string | undefined {
  // Without a type the server has a look.
  if (type !== "" && !PICTURE_TYPES.includes(type)) return "not_a_picture";
  return size > bytesMax ? "file_too_large" : undefined;
}

/** Whether sending it again may help: what is wrong with a picture itself stays so. */
export function mayRetry(code: string): boolean {
  return !["not_a_picture", "file_too_large", "picture_too_large", "animation_too_long", "too_many_pictures"].includes(code);
}
