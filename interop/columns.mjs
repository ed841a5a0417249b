// The behaviour suite of clients/js in four columns: our client and npm's, each against our server
// and npm's. Prints a table, and fails unless all is green everywhere.
//
//   cargo build -p sockeye-interop && npm run columns
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { standIn } from "./tests/support/program.mjs";

const suite = fileURLToPath(new URL("../clients/js/test/behaviour.test.mjs", import.meta.url));

const ours = await standIn("behaviour");
const COLUMNS = [
  ["sockeye-client, our server", "ours", ours.url],
  ["socket.io-client, our server", "official", ours.url],
  ["sockeye-client, npm socket.io", "ours", undefined],
  ["socket.io-client, npm socket.io", "official", undefined],
];

/** Outcome by name of each case. */
async function column(client, url) {
  const env = { ...process.env, SOCKEYE_TEST_CLIENT: client };
  if (url) env.SOCKEYE_TEST_URL = url;
  else delete env.SOCKEYE_TEST_URL;
  const child = spawn(process.execPath, ["--test-reporter=tap", suite], { env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  for await (const chunk of child.stdout) output += chunk;
  const outcomes = new Map();
  let group = [];
  for (const line of output.split("\n")) {
    const subtest = /^( *)# Subtest: (.*)/.exec(line);
    if (subtest) group = [...group.slice(0, subtest[1].length / 4), subtest[2]];
    const result = /^ {4,}(not )?ok \d+ - (.*?)( # SKIP.*)?$/.exec(line);
    // The group names the client, which the columns do.
    const name = result && [...group.slice(0, -1).map((part) => part.replace(/^[^,]*, /, "")), result[2]].join(": ");
    if (result && group.at(-1) === result[2]) outcomes.set(name, result[1] ? "✗" : result[3] ? "–" : "✓");
  }
  return outcomes;
}

const columns = [];
for (const [, client, url] of COLUMNS) columns.push(await column(client, url));
await ours.stop();

const names = [...new Set(columns.flatMap((outcomes) => [...outcomes.keys()]))];
console.log(`| case | ${COLUMNS.map(([title]) => title).join(" | ")} |\n|---${"|---".repeat(COLUMNS.length)}|`);
for (const name of names) {
  console.log(`| ${name} | ${columns.map((outcomes) => outcomes.get(name) ?? "missing").join(" | ")} |`);
}
const green = columns.map((outcomes) => [...outcomes.values()].filter((outcome) => outcome === "✓").length);
console.log(`| green of ${names.length} | ${green.join(" | ")} |`);
if (green.some((count) => count < names.length)) process.exitCode = 1;
