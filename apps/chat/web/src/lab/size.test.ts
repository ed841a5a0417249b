import { build } from "vite";
import { expect, test } from "vitest";

test("everything that the lab's page loads is 150 kB at most, compressed", async () => {
  const built = await build({ logLevel: "error", build: { write: false } });
  const { output } = (Array.isArray(built) ? built[0] : built) as { output: { fileName: string; source?: string | Uint8Array; code?: string }[] };
  const text = (file: (typeof output)[number]) => file.code ?? (typeof file.source === "string" ? file.source : new TextDecoder().decode(file.source));
  const html = text(output.find(({ fileName }) => fileName === "lab.html")!);
  const loaded = output.filter(({ fileName }) => fileName === "lab.html" || html.includes(fileName));
  expect(loaded.length).toBeGreaterThan(3);
  let bytes = 0;
  for (const file of loaded) {
    const compressed = new Blob([text(file)]).stream().pipeThrough(new CompressionStream("gzip"));
    bytes += (await new Response(compressed).arrayBuffer()).byteLength;
  }
  expect(bytes).toBeLessThan(150_000);
});
