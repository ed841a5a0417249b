import { expect, test, vi } from "vitest";

import { compressed, filesOf, textOf } from "../built.ts";

test("all components together are 38 kB at most, compressed", async () => {
  // Without it Svelte puts in what helps to find mistakes.
  vi.stubEnv("NODE_ENV", "production");
  const input = [decodeURIComponent(new URL("gallery/all.ts", import.meta.url).pathname)];
  const files = await filesOf({
    // In place of the pages that the configuration names.
    plugins: [{ name: "alone", options: (options) => ({ ...options, input }) }],
    build: {
      rolldownOptions: {
        // Svelte and the rest of the page are not weighed here; of the components all is, used or not.
        external: /^svelte|^\.\.\/(?:clock|contract|frames|i18n|keys|language|links|Lazy|messages\/.*|reading\/.*)\.(?:ts|svelte)$/,
        preserveEntrySignatures: "strict",
      },
    },
  });
  const text = files.filter(({ fileName }) => /\.(js|css)$/.test(fileName)).map(textOf).join("");
  expect(text).toContain("showPopover");
  expect(text).toContain("forced-colors");
  const bytes = await compressed(text);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(38_000);
  vi.unstubAllEnvs();
});

test("the gallery is no part of what is built", async () => {
  const files = await filesOf({});
  expect(files.map(({ fileName }) => fileName)).toContain("index.html");
  for (const file of files) {
    expect(file.fileName).not.toMatch(/components|gallery/i);
    expect(textOf(file).includes("Donaudampf"), file.fileName).toBe(false);
  }
});
