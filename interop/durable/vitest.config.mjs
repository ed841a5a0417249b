// For `tests/feeds-durable.test.mjs`: runs the cases that `DURABLE_CASES` matches and writes what became of
// each to the file that `DURABLE_REPORT` names.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["suite.mjs"],
    // Some cases wait until a long poll ends; the server decides when.
    testTimeout: 20_000,
    testNamePattern: process.env.DURABLE_CASES,
    reporters: ["json"],
    outputFile: process.env.DURABLE_REPORT,
  },
});
