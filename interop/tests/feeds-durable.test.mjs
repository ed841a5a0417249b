// The suite of Durable Streams against our streams: every case but those that `durable/left-out.json` names,
// each with the reason. `DURABLE_URL` names another server to run it against, `DURABLE_ONLY` a part of the
// name of the cases to run.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { standIn } from "./support/program.mjs";
import { within } from "./support/waiting.mjs";

/** Cases that pass, at least: a newer suite that has lost some is not taken unseen. */
const PASSED_MIN = 220;
/** It takes about 10 s; property tests and waits are most of that. */
const SUITE_MS = 240_000;

const folder = fileURLToPath(new URL("../durable/", import.meta.url));
const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
const only = process.env.DURABLE_ONLY;

const listed = JSON.parse(await readFile(path.join(folder, "left-out.json"), "utf8"));
/** The full names of the cases that are left out, as Vitest puts them together. */
const leftOut = listed.flatMap(({ groups }) =>
  Object.entries(groups).flatMap(([group, titles]) =>
    titles.map((title) => `${group.replaceAll(" > ", " ")} ${title}`)));

/** What became of every case of the suite: `{ group, name, status, failures }`. */
async function run(url) {
  const scratch = await mkdtemp(path.join(tmpdir(), "sockeye-durable-"));
  try {
    const report = path.join(scratch, "report.json");
    const exactly = leftOut.map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    const wanted = only?.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&") ?? "";
    const child = spawn(process.execPath, [vitest, "run", "--root", folder], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        DURABLE_URL: url,
        DURABLE_REPORT: report,
        DURABLE_CASES: `^(?!(?:${exactly.join("|")})$).*${wanted}`,
      },
    });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk) => (log += chunk));
    }
    await within(SUITE_MS, "the suite to end", once(child, "exit")).catch((error) => {
      child.kill("SIGKILL");
      throw new Error(`${error.message}:\n${log}`);
    });
    const text = await readFile(report, "utf8").catch(() => {
      throw new Error(`the suite wrote no report:\n${log}`);
    });
    const { testResults } = JSON.parse(text);
    const broken = testResults.filter(({ message }) => message);
    assert.deepEqual(broken.map(({ message }) => message), [], log);
    return testResults.flatMap(({ assertionResults }) => assertionResults.map((result) => ({
      group: result.ancestorTitles.join(" > "),
      name: [...result.ancestorTitles, result.title].join(" "),
      status: result.status,
      failures: result.failureMessages ?? [],
    })));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const server = process.env.DURABLE_URL ? undefined : await standIn("feeds");
const cases = await run(process.env.DURABLE_URL ?? server.url).finally(() => server?.stop());
const wanted = cases.filter(({ name }) => !leftOut.includes(name) && (!only || name.includes(only)));

for (const group of new Set(wanted.map((one) => one.group))) {
  const inGroup = wanted.filter((one) => one.group === group);
  test(`${group}: ${inGroup.length} cases`, () => {
    const failed = inGroup.filter(({ status }) => status !== "passed");
    assert.equal(failed.length, 0, failed.map(({ name, status, failures }) =>
      `${name}: ${status}\n${failures.join("\n")}`).join("\n\n"));
  });
}

test("what is left out exists, once, and has a reason", () => {
  const names = new Set(cases.map(({ name }) => name));
  assert.deepEqual(leftOut.filter((name) => !names.has(name)), []);
  assert.equal(new Set(leftOut).size, leftOut.length);
  for (const { reason, groups } of listed) {
    assert.match(reason, /^\w.{20,}\.$/);
    assert.notDeepEqual(groups, {});
  }
});

test(`at least ${PASSED_MIN} cases passed`, { skip: only && "some were asked for" }, () => {
  const passed = cases.filter(({ status }) => status === "passed");
  assert.ok(passed.length >= PASSED_MIN, `${passed.length} passed`);
});
