// What the build makes, for the tests of what it weighs.
import { build, type InlineConfig } from "vite";

export interface File {
  fileName: string;
  source?: string | Uint8Array;
  code?: string;
}

/** The files that a build makes; none is written. */
export async function filesOf(config: InlineConfig): Promise<File[]> {
  const built = await build({ logLevel: "error", ...config, build: { ...config.build, write: false } });
  return ((Array.isArray(built) ? built[0] : built) as { output: File[] }).output;
}

export const textOf = ({ code, source }: File): string =>
  code ?? (typeof source === "string" ? source : new TextDecoder().decode(source));

/** How many bytes a text has, compressed. */
export async function compressed(text: string): Promise<number> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

/** How many bytes the files have together, each compressed. */
export async function weightOf(files: readonly File[]): Promise<number> {
  const weights = await Promise.all(files.map((file) => compressed(textOf(file))));
  return weights.reduce((sum, bytes) => sum + bytes, 0);
}
