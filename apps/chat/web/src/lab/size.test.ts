import { expect, test } from "vitest";

import { filesOf, textOf, weightOf } from "../built.ts";

test("everything that the lab's page loads is 150 kB at most, compressed", async () => {
  const files = await filesOf({ mode: "lab" });
  const html = textOf(files.find(({ fileName }) => fileName === "lab.html")!);
  const loaded = files.filter(({ fileName }) => fileName === "lab.html" || html.includes(fileName));
  expect(loaded).toHaveLength(3);
  expect(await weightOf(loaded)).toBeLessThan(150_000);
});
