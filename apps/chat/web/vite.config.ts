import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// The client as its package ships it: the files that its `exports` give to bundlers.
const packed = new URL("../../../clients/js/", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", packed), "utf8"));
const client = (name: string) => fileURLToPath(new URL(exports[name].import.default, packed));

export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  resolve: {
    alias: [
      { find: /^sockeye-client$/, replacement: client(".") },
      { find: /^sockeye-client\/outbox$/, replacement: client("./outbox") },
    ],
    // The tests run Svelte's reactive classes as the browser does.
    conditions: process.env.VITEST ? ["browser"] : undefined,
  },
  build: {
    target: "es2022",
    // The content security policy allows scripts and styles from files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The chat and the lab are built apart: neither carries what only the other one uses.
    emptyOutDir: mode !== "lab",
    rolldownOptions: {
      input: mode === "lab" ? "lab.html" : "index.html",
      // What is loaded first is one file: parts of it that later parts also use are none of their own.
      output: { codeSplitting: { groups: [{ name: "first", tags: ["$initial"] }] } },
    },
  },
  server: {
    // `npm run dev` beside a running `sockeye serve`.
    fs: { allow: [".", "../../../clients/js"] },
    proxy: {
      "/api": "http://localhost:3000",
      "/socket.io": { target: "http://localhost:3000", ws: true },
    },
  },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
    setupFiles: ["src/test-setup.ts"],
    // Against tests that hang, not against machines that are slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
}));
