// Real pictures for tests, without a library.
import { crc32, deflateSync } from "node:zlib";

/** A PNG of one colour; `noise` makes it as large as its pixels. */
export function png(width, height, [red, green, blue] = [200, 90, 60], noise = false) {
  const row = () => {
    const bytes = Buffer.alloc(1 + 3 * width);
    for (let x = 0; x < width; x += 1) {
      for (const [n, value] of [red, green, blue].entries()) bytes[1 + 3 * x + n] = noise ? Math.floor(Math.random() * 256) : value;
    }
    return bytes;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const pixels = Buffer.concat(Array.from({ length: height }, row));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, sum]);
}
