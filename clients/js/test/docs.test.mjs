// The TypeScript of the documents compiles, as it stands there.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";

import { createProject, root } from "./project.mjs";

const run = promisify(execFile);
const tsc = path.join(root, "node_modules/typescript/bin/tsc");

/** Documents with the least number of blocks that they have. */
const DOCUMENTS = { "README.md": 2, "../../docs/guide/browser.md": 2 };

/** What the texts around the blocks take for granted. */
const AROUND = "declare function show(...what: unknown[]): void;\n";

let project;
before(async () => (project = await createProject()));
after(() => project?.remove());

/** Blocks of a document in ```ts and ```tsx, as `[name, text]`. */
function blocksOf(document) {
  const text = fs.readFileSync(path.join(root, document), "utf8");
  return [...text.matchAll(/^```(tsx?)\n([^]*?)^```$/gm)].map(([, kind, block], index) => {
    const line = text.slice(0, text.indexOf(block)).split("\n").length;
    return [`${path.basename(document, ".md")}-${index}.${kind}`, block, `${document}:${line}`];
  });
}

describe("documents", { timeout: 120_000 }, () => {
  for (const [document, count] of Object.entries(DOCUMENTS)) {
    it(`${document} has TypeScript that compiles`, async () => {
      const blocks = blocksOf(document);
      assert.ok(blocks.length >= count, `${blocks.length} blocks`);
      const files = blocks.map(([name, block]) => {
        // A block that imports nothing would be a script, in which nothing can be awaited.
        project.write(name, `${AROUND}${block}export {};\n`);
        return name;
      });
      const args = [...files, "--ignoreConfig", "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"];
      args.push("--jsx", "react-jsx", "--types", "react", "--module", "esnext", "--moduleResolution", "bundler");
      const where = blocks.map(([name, , place]) => `${name} is ${place}`).join("\n");
      await run(process.execPath, [tsc, ...args], { cwd: project.folder }).catch(({ stdout }) =>
        assert.fail(`${where}\n${stdout}`),
      );
    });
  }
});
