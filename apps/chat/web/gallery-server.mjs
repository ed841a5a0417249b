// The gallery, built as the chat's page is and served on this machine alone; for `gallery.mjs` and the
// browser tests. What is built goes away with the server.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));

/** In place of the pages that the configuration names, which would be built beside it. */
const alone = {
  name: "gallery-alone",
  options: (options) => ({ ...options, input: [path.join(root, "components.html")] }),
};

/** Builds and serves it; `address` is that of the page, to which `?scene=` and the like are added. */
export async function serveGallery() {
  const outDir = await mkdtemp(path.join(tmpdir(), "gallery-"));
  const remove = () => rm(outDir, { recursive: true, force: true });
  try {
    await build({ root, logLevel: "error", plugins: [alone], build: { outDir, emptyOutDir: true } });
    const server = await preview({
      root,
      logLevel: "error",
      build: { outDir },
      preview: { host: "127.0.0.1", port: 0, proxy: {} },
    });
    const { port } = server.httpServer.address();
    return {
      address: `http://127.0.0.1:${port}/components.html`,
      async close() {
        await server.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
