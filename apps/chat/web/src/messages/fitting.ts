/** What a picture becomes that is made smaller. */
export type MadeType = "image/jpeg" | "image/png" | "image/webp";

/** What the thread is asked for that draws it. */
export interface Asked {
  file: Blob;
  type: MadeType;
  sideMax: number;
  pixelsMax: number;
  bytesMax: number;
  /** How often it is drawn, each time with half of the pixels, to come below `bytesMax`. */
  tries: number;
}

/** The size that it is drawn in: within the limits, and never larger than it is. */
export function fitted(width: number, height: number, { sideMax, pixelsMax }: Pick<Asked, "sideMax" | "pixelsMax">): [number, number] {
  const scale = Math.min(1, sideMax / Math.max(width, height), Math.sqrt(pixelsMax / (width * height)));
  return [Math.max(1, Math.floor(width * scale)), Math.max(1, Math.floor(height * scale))];
}
