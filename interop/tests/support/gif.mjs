// A real animated GIF for tests, without a library.

/** A square of one colour a frame, each for so many hundredths of a second. */
export function gif(side, colours, hundredths = 10) {
  const u16 = (value) => [value & 255, value >> 8];
  const frames = colours.flatMap((colour) => [
    0x21, 0xf9, 4, 0, ...u16(hundredths), 0, 0,
    // With a table of two colours of its own.
    0x2c, 0, 0, 0, 0, ...u16(side), ...u16(side), 0x80, ...colour, 0, 0, 0,
    2, ...blocks(zeros(side * side)), 0,
  ]);
  return Buffer.from([
    ...Buffer.from("GIF89a"), ...u16(side), ...u16(side), 0, 0, 0,
    0x21, 0xff, 11, ...Buffer.from("NETSCAPE2.0"), 3, 1, 0, 0, 0,
    ...frames, 0x3b,
  ]);
}

/** Pixels of the colour 0 in codes of three bits; a code that clears keeps them from growing. */
function zeros(pixels) {
  const [CLEAR, END] = [4, 5];
  const codes = [];
  for (let n = 0; n < pixels; n += 1) codes.push(...(n % 2 === 0 ? [CLEAR, 0] : [0]));
  codes.push(END);
  const bytes = new Uint8Array(Math.ceil((codes.length * 3) / 8));
  for (const [n, code] of codes.entries()) {
    for (let bit = 0; bit < 3; bit += 1) if ((code >> bit) & 1) bytes[(3 * n + bit) >> 3] |= 1 << ((3 * n + bit) & 7);
  }
  return bytes;
}

const blocks = (bytes) => Array.from({ length: Math.ceil(bytes.length / 255) }, (_, n) => bytes.subarray(255 * n, 255 * (n + 1)))
  .flatMap((block) => [block.length, ...block]);
