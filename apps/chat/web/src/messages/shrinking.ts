/**
 * Makes a picture smaller that the server would refuse for its size, as photos of today's phones are. The server keeps
 * no more of it anyway.
 */
import type { Asked, MadeType } from "./fitting.ts";
import type { Prepare } from "./uploads.svelte.ts";

/** The most pixels of a side that the server keeps. */
const SIDE_MAX = 2_560;
/** How many pixels the server takes of a JPEG, of a progressive one, which takes more memory, of a WebP and of a PNG. */
const PIXELS_MAX = { jpeg: 22e6, progressive: 7e6, webp: 6e6, png: 50e6 };
/** The most pixels of a side of what the server takes. */
const TAKEN_SIDE_MAX = 16_384;
/** Each try to have fewer bytes has half of the pixels; what is large after so many is no photo. */
const TRIES_MAX = 6;
/** A JPEG has its size behind what cameras write, and not behind more than this many parts. */
const PARTS_MAX = 400;

/** What is told of a picture by its first bytes. Without a size that is not known. */
export interface Kind {
  /** What a smaller one is: what can be seen through stays so. */
  type: MadeType;
  width?: number;
  height?: number;
  pixelsMax: number;
}

/** One at a time: a large one takes some hundred megabytes while it is drawn. */
let last: Promise<unknown> = Promise.resolve();

/** The file, or a smaller picture of the same if it has more pixels or bytes than the server takes. */
export const prepare: Prepare = async (file, bytesMax, signal, starting) => {
  const kind = await kindOf(file);
  if (!kind || !isTooLarge(kind, file.size, bytesMax)) return file;
  starting();
  const before = last;
  const made = before.then(() => (signal.aborted ? file : shrink(file, kind, bytesMax, signal)));
  last = made.catch(() => {});
  return made;
};

export function isTooLarge({ width, height, pixelsMax }: Kind, bytes: number, bytesMax: number): boolean {
  // Of what the server does not take at all the size does not matter.
  if (width === undefined || height === undefined) return true;
  return bytes > bytesMax || width * height > pixelsMax || Math.max(width, height) > TAKEN_SIDE_MAX;
}

/** In a thread of its own, which takes its memory along when it ends. What the browser cannot draw stays as it is. */
function shrink(file: Blob, { type, pixelsMax }: Kind, bytesMax: number, signal: AbortSignal): Promise<Blob> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./shrinking-worker.ts", import.meta.url), { type: "module" });
    const done = (made?: Blob) => {
      worker.terminate();
      resolve(made ?? file);
    };
    signal.addEventListener("abort", () => done());
    worker.onmessage = ({ data }: MessageEvent<Blob | undefined>) => done(data);
    worker.onerror = worker.onmessageerror = () => done();
    worker.postMessage({ file, type, sideMax: SIDE_MAX, pixelsMax, bytesMax, tries: TRIES_MAX } satisfies Asked);
  });
}

/** Undefined of what stays as it is: what moves, and what is no picture that could be drawn. */
export async function kindOf(file: Blob): Promise<Kind | undefined> {
  const head = await read(file, 0, 32);
  const ascii = (from: number, to: number) => String.fromCharCode(...new Uint8Array(head.buffer).subarray(from, to));
  if (head.byteLength >= 24 && ascii(1, 4) === "PNG" && ascii(12, 16) === "IHDR") {
    return { type: "image/png", width: head.getUint32(16), height: head.getUint32(20), pixelsMax: PIXELS_MAX.png };
  }
  if (head.byteLength >= 30 && ascii(0, 4) === "RIFF" && ascii(8, 12) === "WEBP") return webp(head, ascii(12, 16));
  if (ascii(4, 8) === "ftyp" && /^(hei|hev|mif1|msf1)/.test(ascii(8, 12))) return { type: "image/jpeg", pixelsMax: PIXELS_MAX.progressive };
  return head.byteLength >= 4 && head.getUint16(0) === 0xffd8 ? jpeg(file) : undefined;
}

function webp(head: DataView, part: string): Kind | undefined {
  const of = (width: number, height: number): Kind => ({ type: "image/webp", width, height, pixelsMax: PIXELS_MAX.webp });
  if (part === "VP8 ") return of(head.getUint16(26, true) & 0x3fff, head.getUint16(28, true) & 0x3fff);
  if (part === "VP8L") {
    const bits = head.getUint32(21, true);
    return of((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
  }
  if (part !== "VP8X" || (head.getUint8(20) & 2) !== 0) return undefined;
  const side = (at: number) => 1 + (head.getUint16(at, true) | (head.getUint8(at + 2) << 16));
  return of(side(24), side(27));
}

/** Goes from part to part (ITU T.81, annex B) to the frame's header. */
async function jpeg(file: Blob): Promise<Kind | undefined> {
  let at = 2;
  for (let part = 0; part < PARTS_MAX; part++) {
    const head = await read(file, at, 9);
    if (head.byteLength < 9 || head.getUint8(0) !== 0xff) return undefined;
    const marker = head.getUint8(1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      const pixelsMax = marker === 0xc2 ? PIXELS_MAX.progressive : PIXELS_MAX.jpeg;
      return { type: "image/jpeg", width: head.getUint16(7), height: head.getUint16(5), pixelsMax };
    }
    // What comes then is the picture itself.
    if (marker === 0xda || marker === 0xd9) return undefined;
    at += 2 + head.getUint16(2);
  }
  return undefined;
}

const read = async (file: Blob, at: number, bytes: number) => new DataView(await file.slice(at, at + bytes).arrayBuffer());
