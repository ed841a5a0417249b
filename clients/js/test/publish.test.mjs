// What npm would publish: complete, and with nothing that points to what is not there.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { before, describe, it } from "node:test";
import { promisify } from "node:util";

import { root } from "./project.mjs";

const run = promisify(execFile);
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));

/** Names of the files. */
let names;
before(async () => {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=error"];
  const { stdout } = await run("npm", args, { cwd: root, maxBuffer: 2 ** 24 });
  // A list of packages, or, since npm 12, packages by name.
  const [{ files }] = Object.values(JSON.parse(stdout));
  names = new Set(files.map((file) => file.path));
});

const read = (name) => fs.readFileSync(path.join(root, name), "utf8");

/** Every path that a part of package.json names. */
function targetsOf(part) {
  if (typeof part === "string") return [part];
  return Object.values(part).flatMap(targetsOf);
}

describe("the published package", { timeout: 120_000 }, () => {
  it("has its words and its licences, and built files only", () => {
    for (const name of ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "package.json"]) assert.ok(names.has(name), name);
    const others = [...names].filter((name) => !/^(dist\/.*|README\.md|LICENSE-\w+|package\.json)$/.test(name));
    assert.deepEqual(others, []);
  });

  it("has every file that package.json names", () => {
    const { main, module, types, exports, typesVersions } = manifest;
    const targets = [main, module, types, manifest["react-native"], exports, typesVersions].flatMap(targetsOf);
    const missing = targets.filter((target) => !target.includes("*") && !names.has(target.replace("./", "")));
    assert.deepEqual(missing, []);
    assert.ok(targets.length > 50);
  });

  it("has maps that belong to files, and hold the sources that they speak of", () => {
    const code = [...names].filter((name) => /\.[cm]?js$/.test(name));
    const maps = [...names].filter((name) => name.endsWith(".map"));
    assert.deepEqual(maps.sort(), code.map((name) => `${name}.map`).sort());
    for (const name of code) {
      const [, map] = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(read(name)) ?? [];
      assert.equal(map, `${path.basename(name)}.map`, name);
      const { sources, sourcesContent } = JSON.parse(read(`${name}.map`));
      assert.ok(sources.length > 0, name);
      for (const [index, source] of sources.entries()) {
        assert.equal(typeof sourcesContent?.[index], "string", `${name}: ${source}`);
        assert.match(source, /(^|\/)src\/[\w./-]+\.ts$/, name);
      }
    }
  });

  it("names other files in its declarations that are there, and no maps of them", () => {
    for (const name of [...names].filter((file) => /\.d\.[cm]?ts$/.test(file))) {
      const text = read(name);
      assert.doesNotMatch(text, /sourceMappingURL/, name);
      for (const [, target] of text.matchAll(/(?:from|import\() ?"(\.[^"]+)"/g)) {
        const file = path.posix.join(path.posix.dirname(name), target).replace(/\.([cm]?)js$/, ".d.$1ts");
        assert.ok(names.has(file), `${name} names ${target}`);
      }
    }
  });
});
