// What the client needs of a browser: every global that the code names, read from the code itself.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { parseAst } from "vite";

const dist = path.join(path.dirname(fileURLToPath(import.meta.url)), "../dist");

const LANGUAGE =
  "Array ArrayBuffer BigInt DataView Date Error Infinity JSON Map Math Number Object Promise " +
  "RangeError RegExp Set String Symbol TypeError Uint8Array WeakMap arguments decodeURIComponent " +
  "encodeURIComponent globalThis undefined";

const ENGINE = "AbortController Blob TextEncoder URL URLSearchParams WebSocket atob btoa " +
  "clearTimeout fetch queueMicrotask setTimeout";

/** By file: beside the language, what it names; the rest is looked for before it is used. */
const NEEDS = {
  "socket.io.esm.min.js": ENGINE,
  "websocket.esm.min.js": "Blob URL URLSearchParams WebSocket clearTimeout queueMicrotask setTimeout",
  "browser/index.mjs": `${ENGINE} FileReader TextDecoder XMLHttpRequest`,
  "outbox.mjs": "Blob DOMException FileReader IDBKeyRange TextEncoder URL clearTimeout crypto indexedDB queueMicrotask setTimeout",
  "request.mjs": "Promise",
  "shared.mjs": "AbortController BroadcastChannel queueMicrotask",
};

describe("the platform", () => {
  for (const [file, expected] of Object.entries(NEEDS)) {
    it(`${file} needs nothing else`, () => {
      const code = fs.readFileSync(path.join(dist, file), "utf8");
      const language = new Set(LANGUAGE.split(" "));
      const names = globalsOf(parseAst(code)).filter((name) => !language.has(name));
      const wanted = expected.split(" ").filter((name) => !language.has(name));
      assert.deepEqual(names, wanted.sort());
    });
  }

  it("is ES2020", async () => {
    const { transform } = await import("esbuild");
    for (const file of Object.keys(NEEDS)) {
      const code = fs.readFileSync(path.join(dist, file), "utf8");
      // What ES2020 lacks would be rewritten.
      const [plain, newer] = await Promise.all(
        ["es2020", "esnext"].map((target) => transform(code, { target, minify: true })),
      );
      assert.equal(plain.code, newer.code, file);
    }
  });
});

/** Names that are used and nowhere declared. */
function globalsOf(program) {
  const used = new Set();
  const declared = new Set();
  const declare = (pattern) => {
    if (!pattern) return;
    if (pattern.type === "Identifier") declared.add(pattern.name);
    for (const part of [pattern.left, pattern.argument, pattern.value]) {
      if (part && pattern.type !== "Identifier") declare(part);
    }
    for (const part of pattern.elements ?? pattern.properties ?? []) declare(part);
  };
  const visit = (node) => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!node || typeof node.type !== "string") return;
    if (node.type === "VariableDeclarator") declare(node.id);
    if (/^(Function|Class|ArrowFunction)/.test(node.type)) {
      declare(node.id);
      node.params?.forEach(declare);
    }
    if (node.type === "CatchClause") declare(node.param);
    if (node.type === "ImportSpecifier") declare(node.local);
    if (node.type === "Identifier") used.add(node.name);
    for (const [key, value] of Object.entries(node)) {
      const isName =
        (key === "property" && !node.computed) ||
        (key === "key" && !node.computed && !node.shorthand) ||
        ["exported", "imported", "label"].includes(key);
      if (!isName) visit(value);
    }
  };
  visit(program);
  return [...used].filter((name) => !declared.has(name)).sort();
}
