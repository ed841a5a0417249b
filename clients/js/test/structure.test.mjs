// What holds for all of the source, the declarations and the built files.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import * as source from "../build/core.js";
import { COMPRESS, INTERNAL, WITHOUT_UNDERSCORE } from "../names.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");

/** The files of a folder, as `[name, text]`. */
function filesOf(folder, ending) {
  return fs
    .readdirSync(path.join(root, folder), { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => [name.replaceAll("\\", "/"), fs.readFileSync(path.join(root, folder, name), "utf8")]);
}

const withoutComments = (text) => text.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");

describe("source", () => {
  it("changes the prototype of no class of another file", () => {
    for (const [name, text] of filesOf("src", ".ts")) {
      const code = withoutComments(text);
      const owners = [...code.matchAll(/\b(\w+)\.prototype\b|\bprototype\b[^;=]*\} = (\w+)/g)].map(
        ([, before, after]) => before || after,
      );
      for (const owner of owners) {
        // `Object.prototype.toString`, and the name that a transport's class has.
        if (owner === "Object" || (owner === "item" && /const \{ name \} = item\.prototype;/.test(code))) continue;
        assert.ok(new RegExp(`\\bclass ${owner}\\b`).test(code), `${name} reaches into ${owner}.prototype`);
      }
    }
  });
});

/** Lines of the declarations that say `any`, and why. */
const ANYTHING = {
  // With `unknown` there, no interface that lists events would fit.
  "[event: string]: any;": "events.d.ts",
  // Events that nobody has given types: socket.io-client says `any`, and programs use their arguments.
  "[event: string]: (...args: any[]) => void;": "events.d.ts",
  "export type AnyListener = (event: string, ...args: any[]) => void;": "features/catch-all.d.ts",
  // What a server attaches to an error: as in socket.io-client, where programs read its members.
  "data?: any;": "socket.d.ts",
};

describe("declarations", () => {
  it("leave nothing unchecked but for what stands here", () => {
    const found = filesOf("dist/types", ".d.ts").flatMap(([name, text]) =>
      withoutComments(text)
        .split("\n")
        .filter((line) => /\bany\b/.test(line))
        .map((line) => [line.trim(), name]),
    );
    assert.deepEqual(Object.fromEntries(found), ANYTHING);
    assert.equal(found.length, Object.keys(ANYTHING).length);
  });
});

describe("declarations and readable files", () => {
  it("have socket.io-client's names of what tools know", () => {
    const ours = new RegExp(`\\b(${WITHOUT_UNDERSCORE.join("|")})\\b`);
    const files = [...filesOf("dist/types", "ts"), ...filesOf("dist", ".mjs"), ...filesOf("dist/scripts", "socket.io.js")];
    for (const [name, text] of files) assert.ok(!ours.test(text), name);
    const [[, socket]] = filesOf("dist/types", "features/socket.d.ts");
    assert.match(socket, /\bonconnect\(/);
  });
});

/** Names of the members that an object has itself or by its classes. */
function membersOf(object) {
  const names = new Set();
  for (let owner = object; owner && owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
    for (const name of Object.getOwnPropertyNames(owner)) names.add(name);
  }
  return names;
}

describe("minified files", () => {
  it("shorten only names with an underscore", async () => {
    assert.equal(String(INTERNAL), "/^_/");
    const names = JSON.parse(fs.readFileSync(path.join(root, "mangled-names.json"), "utf8"));
    const text = filesOf("src", ".ts").map(([, content]) => content).join();
    for (const name of Object.keys(names)) {
      assert.match(name, /^_/);
      assert.ok(new RegExp(`\\b${name}\\b`).test(text), `${name} is not in the source`);
    }
    // Looked at from outside: what objects of the core have in the source, but for such names.
    const isOwn = (name) => name.startsWith("_") || WITHOUT_UNDERSCORE.includes("_" + name);
    const minified = await import("../dist/socket.io.esm.min.js");
    const options = { autoConnect: false, forceNew: true };
    const [ours, theirs] = [source, minified].map(({ io }) => {
      const socket = io("http://names.example", options);
      const manager = socket.io;
      manager.open();
      manager._close();
      const { engine } = manager;
      return { socket, manager, engine, transport: engine.transport, decoder: manager.decoder };
    });
    for (const [kind, object] of Object.entries(ours)) {
      const members = membersOf(theirs[kind]);
      const kept = [...membersOf(object)].filter((name) => !isOwn(name) && !NOT_IN_THE_CORE.has(name));
      assert.ok(kept.length > 5, kind);
      assert.deepEqual(kept.filter((name) => !members.has(name)), [], kind);
    }
  });

  it("are made without what terser calls unsafe", () => {
    assert.deepEqual(Object.keys(COMPRESS).filter((option) => option.startsWith("unsafe")), []);
  });
});

/** Tests run the source with everything. */
const NOT_IN_THE_CORE = new Set(
  "hostname port secure write socket supportsBinary setTimeoutFn clearTimeoutFn".split(" "),
);
