/** Draws a picture smaller, in a thread of its own. */
import { type Asked, fitted } from "./fitting.ts";

/** Of JPEG and WebP. */
const QUALITY = 0.9;

onmessage = ({ data }: MessageEvent<Asked>) => {
  make(data).then(
    (made) => postMessage(made),
    () => postMessage(undefined),
  );
};

/** Undefined when it does not come below the limits. */
async function make(asked: Asked): Promise<Blob | undefined> {
  // It is turned as its Exif says.
  let picture: CanvasImageSource & { width: number; height: number } = await createImageBitmap(asked.file);
  let { pixelsMax } = asked;
  for (let tried = 0; tried < asked.tries; tried++) {
    const [width, height] = fitted(picture.width, picture.height, { ...asked, pixelsMax });
    const canvas = new OffscreenCanvas(width, height);
    // It is read back anyway; a graphics card has less room.
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, width, height);
    if (picture instanceof ImageBitmap) picture.close();
    const made = await canvas.convertToBlob({ type: asked.type, quality: QUALITY });
    if (made.size <= asked.bytesMax) return made;
    picture = canvas;
    pixelsMax = (width * height) / 2;
  }
  return undefined;
}
