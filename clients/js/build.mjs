// Builds dist/; with --for-tests builds build/, which the unit tests import; with --check compares what
// would be built with what is committed in dist/ and in the server crate, byte for byte.

import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { minify as terser } from "terser";

import { COMPRESS, INTERNAL, KEPT, KEPT_WITH_EVERYTHING, WITHOUT_UNDERSCORE } from "./names.mjs";

const root = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(root, "dist");
const served = path.join(root, "../../crates/server/client-dist");
const sizesPage = path.join(root, "../../docs/guide/client-sizes.md");

/** Most bytes that a file may have after `gzip -9`, by whichever gzip makes the most of it. */
const GZIP_BYTES_MAX = { "socket.io.esm.min.js": 6500, "websocket.esm.min.js": 4400 };

/** Source files that no public type comes from. */
const WITHOUT_TYPES =
  /^(msgpack\/global|global|websocket|engine\/websocket-carrier|named-emitter\.plain|platform\.node|ws|ws\.required|cookies)\.d/;

/** What pages load. */
const ON_SIZES_PAGE = [
  "socket.io.esm.min.js",
  "websocket.esm.min.js",
  "scripts/socket.io.min.js",
  "scripts/socket.io.msgpack.min.js",
  "scripts/socket.io.js",
  "browser/index.mjs",
  "request.mjs",
  "outbox.mjs",
  "shared.mjs",
  "react.mjs",
  "svelte.mjs",
];

/** Measured beside them. */
const OFFICIAL = ["socket.io.esm.min.js", "socket.io.min.js", "socket.io.msgpack.min.js"];

const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const common = {
  absWorkingDir: root,
  tsconfig: path.join(root, "tsconfig.json"),
  bundle: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  // The script build looks for `module` on purpose.
  logOverride: { "commonjs-variable-in-esm": "silent" },
  // package.json speaks of dist/.
  ignoreAnnotations: true,
  define: { FULL: "true" },
  sourcemap: true,
  target: "es2020",
  write: false,
};
const namesIn = (names) => new RegExp(`^(${names.join("|")})$`);
const known = Object.fromEntries(WITHOUT_UNDERSCORE.map((name) => [name, name.slice(1)]));
// Short names chosen so that gzip finds more to share; names that are not there get others.
const short = JSON.parse(fs.readFileSync(path.join(root, "mangled-names.json"), "utf8"));
const readable = {
  banner: { js: `/* sockeye-client ${version}, MIT OR Apache-2.0 */` },
  mangleProps: namesIn(WITHOUT_UNDERSCORE),
  mangleCache: known,
};
/** The same, without what the build's constants rule out. */
const concise = { ...readable, minifySyntax: true };
const minified = { isMinified: true, mangleProps: INTERNAL, minifySyntax: true };
const small = {
  ...minified,
  reserveProps: namesIn([...KEPT, ...KEPT_WITH_EVERYTHING]),
  mangleCache: { ...short, ...known },
};
const smallest = { ...minified, reserveProps: namesIn(KEPT), mangleCache: short };
const script = { entryPoints: ["src/global.ts"], format: "iife" };
const module = { entryPoints: ["src/index.ts"], format: "esm" };
const core = { entryPoints: ["src/core.ts"], format: "esm", define: { FULL: "false" } };
const websocket = {
  ...core,
  entryPoints: ["src/websocket.ts"],
  plugins: [replace("engine/carrier", "engine/websocket-carrier"), replace("named-emitter", "named-emitter.plain")],
};
// Separate imports, each as a module and for CommonJS.
const parts = { engine: "src/engine.ts", url: "src/address.ts", msgpack: "src/msgpack/index.ts" };
// The same everywhere.
const additions = {
  request: "src/request.ts",
  outbox: "src/outbox/index.ts",
  shared: "src/shared/index.ts",
  react: "src/bindings/react.ts",
  svelte: "src/bindings/svelte.ts",
};
const others = { external: ["react", "sockeye-client"] };
const node = { platform: "node", target: "node20", external: ["ws"], plugins: [replace("platform", "platform.node")] };
const nodeCjs = { ...node, plugins: [...node.plugins, replace("ws", "ws.required")] };

const BUNDLES = {
  "scripts/socket.io.js": { ...script, ...readable },
  "scripts/socket.io.min.js": { ...script, ...small },
  "scripts/socket.io.msgpack.min.js": { ...script, ...small, entryPoints: ["src/msgpack/global.ts"] },
  "socket.io.esm.min.js": { ...core, ...smallest },
  "websocket.esm.min.js": { ...websocket, ...smallest },
  "core.cjs": { ...core, ...concise, format: "cjs" },
  "websocket.cjs": { ...websocket, ...concise, format: "cjs" },
  "browser/index.mjs": { ...module, ...readable },
  "browser/index.cjs": { ...script, ...readable, format: "cjs" },
  ...eachPart((entryPoints, name) => ({
    [`browser/${name}.mjs`]: { entryPoints, ...concise, format: "esm" },
    [`browser/${name}.cjs`]: { entryPoints, ...concise, format: "cjs" },
    [`node/${name}.mjs`]: { entryPoints, ...node, ...concise, format: "esm" },
    [`node/${name}.cjs`]: { entryPoints, ...nodeCjs, ...concise, format: "cjs" },
  })),
  ...eachPart(
    (entryPoints, name) => ({
      [`${name}.mjs`]: { entryPoints, ...readable, ...others, format: "esm" },
      [`${name}.cjs`]: { entryPoints, ...readable, ...others, format: "cjs" },
    }),
    additions,
  ),
  "node/index.mjs": { ...module, ...node, ...readable },
  "node/index.cjs": {
    ...script,
    ...nodeCjs,
    ...readable,
    format: "cjs",
  },
};

if (process.argv.includes("--for-tests")) {
  await buildForTests();
  process.exit();
}
// CommonJS for who asks for it, while the package's own files are ES modules unless they are called `.cjs`.
const scope = Buffer.from('{ "type": "commonjs" }\n');
const files = new Map([...(await bundles()), ...types(), ["scripts/package.json", scope]]);
const wanted = [
  ...[...files].map(([name, content]) => [path.join(dist, name), content]),
  ...[...files]
    .filter(([name]) => path.basename(name).startsWith("socket.io."))
    .map(([name, content]) => [path.join(served, path.basename(name)), content]),
  [sizesPage, Buffer.from(sizesText())],
];
if (process.argv.includes("--check")) check();
else write();
reportSizes();

function eachPart(bundlesOf, of = parts) {
  return Object.assign({}, ...Object.entries(of).map(([name, file]) => bundlesOf([file], name)));
}

/** Each source file by itself, with everything and under the known names. */
async function buildForTests() {
  const names = fs.readdirSync(path.join(root, "src"), { recursive: true });
  const entryPoints = names
    .filter((name) => /(?<!\.d)\.ts$/.test(name))
    .map((name) => path.join("src", name));
  const { legalComments, sourcemap, ...options } = common;
  const { mangleProps, mangleCache } = readable;
  const modules = { entryPoints, bundle: false, outdir: "build", format: "esm", write: true };
  await build({ ...options, mangleProps, mangleCache, ...modules });
}

async function bundles() {
  const outputs = [];
  for (const [name, { isMinified, ...options }] of Object.entries(BUNDLES)) {
    const outfile = path.join(dist, name);
    const { outputFiles } = await build({ ...common, ...options, outfile });
    let [map, code] = outputFiles.map(({ text }) => text);
    if (isMinified) ({ map, code } = await minify(path.basename(name), map, code));
    outputs.push([name, Buffer.from(code)], [name + ".map", Buffer.from(map)]);
  }
  return outputs;
}

/** terser makes it about 4 % smaller than esbuild does. */
function minify(name, map, code) {
  return terser(code.replace(/\n\/\/# sourceMappingURL=.*\n$/, "\n"), {
    module: true,
    compress: COMPRESS,
    format: { comments: false },
    sourceMap: { content: map, filename: name, url: name + ".map" },
  });
}

/** The declarations, with the names that files have which keep names. */
function types() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sockeye-client-"));
  try {
    const tsc = path.join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, "-p", root, "--outDir", folder], { stdio: "inherit" });
    const names = fs.readdirSync(folder, { recursive: true }).sort();
    return names
      .map((name) => name.replaceAll("\\", "/"))
      .filter((name) => name.endsWith(".d.ts") && !WITHOUT_TYPES.test(name))
      .map((name) => [`types/${name}`, withKnownNames(fs.readFileSync(path.join(folder, name), "utf8"))])
      .flatMap((file) => [file, forCommonJs(file)])
      .concat([["types/index.d.cts", fs.readFileSync(path.join(root, "src/index.d.cts"))]]);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** `ids` for `_ids`. */
function withKnownNames(text) {
  const names = new RegExp(`\\b(${WITHOUT_UNDERSCORE.join("|")})\\b`, "g");
  return Buffer.from(text.replace(names, (name) => known[name]));
}

/**
 * The same declarations for `require` (TypeScript's node16 takes those of a module for that of an ES
 * module). What the package itself gives there is another thing, which `src/index.d.cts` declares.
 */
function forCommonJs([name, content]) {
  const text = String(content).replace(/("\.{1,2}\/[^"]+)\.js"/g, '$1.cjs"');
  const to = name === "types/index.d.ts" ? "types/exports.d.cts" : name.replace(/\.ts$/, ".cts");
  return [to, Buffer.from(text)];
}

/** Takes one source file in the place of another. */
function replace(file, other) {
  return {
    name: `${other} for ${file}`,
    setup({ onResolve }) {
      onResolve({ filter: new RegExp(`/${path.basename(file)}\\.js$`) }, ({ path: name, resolveDir }) => {
        const found = path.relative(path.join(root, "src"), path.join(resolveDir, name));
        if (found === `${file}.js`) return { path: path.join(root, `src/${other}.ts`) };
      });
    },
  };
}

function write() {
  fs.rmSync(dist, { recursive: true, force: true });
  fs.rmSync(served, { recursive: true, force: true });
  for (const [file, content] of wanted) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
}

function check() {
  const names = new Set(wanted.map(([file]) => file));
  const problems = wanted
    .filter(([file, content]) => !fs.existsSync(file) || !isSame(file, fs.readFileSync(file), content))
    .map(([file]) => `differs from what the source builds to: ${path.relative(root, file)}`);
  for (const folder of [dist, served]) {
    if (!fs.existsSync(folder)) continue;
    for (const name of fs.readdirSync(folder, { recursive: true })) {
      const file = path.join(folder, name);
      if (!names.has(file) && fs.statSync(file).isFile()) {
        problems.push(`not built from the source: ${path.relative(root, file)}`);
      }
    }
  }
  for (const problem of problems) console.error(problem);
  if (problems.length) {
    console.error("run `npm run build` in clients/js and commit the result");
    process.exitCode = 1;
  } else {
    console.log(`${wanted.length} built files are what the source builds to`);
  }
}

/** The page of sizes, with the table as it is now. */
function sizesText() {
  const row = (name, content) =>
    `| ${name} | ${content.length} | ${gzipSync(content, { level: 9 }).length} |`;
  const table = [
    "| file in `dist/` | bytes | gzip −9 |",
    "|---|---|---|",
    ...ON_SIZES_PAGE.map((name) => row(`\`${name}\``, files.get(name))),
    ...OFFICIAL.map((name) => row(`socket.io-client ${officialVersion()}, \`${name}\``, official(name))),
  ];
  const text = fs.readFileSync(sizesPage, "utf8");
  return text.replace(
    /<!-- sizes -->[^]*<!-- \/sizes -->/,
    `<!-- sizes -->\n\n${table.join("\n")}\n\n<!-- /sizes -->`,
  );
}

function official(name) {
  return fs.readFileSync(path.join(root, "node_modules/socket.io-client/dist", name));
}

function officialVersion() {
  const file = path.join(root, "node_modules/socket.io-client/package.json");
  return JSON.parse(fs.readFileSync(file, "utf8")).version;
}

/** Byte for byte; but what gzip makes of a file depends a little on the version of Node. */
function isSame(file, content, wanted) {
  if (file !== sizesPage) return content.equals(wanted);
  const column = / (\d+) \|$/gm;
  const gzipped = (text) => [...String(text).matchAll(column)].map(([, bytes]) => +bytes);
  const others = gzipped(content);
  const areNear = gzipped(wanted).every((bytes, at) => Math.abs(bytes - others[at]) <= bytes / 100);
  return areNear && String(content).replace(column, "") === String(wanted).replace(column, "");
}

function reportSizes() {
  for (const [name, content] of files) {
    if (!name.endsWith("js")) continue;
    const max = GZIP_BYTES_MAX[name];
    const gzipped = Math.max(gzipSync(content, { level: 9 }).length, max ? bytesByGzip(content) : 0);
    console.log(
      `${name}: ${content.length} bytes, ${gzipped} with gzip -9` +
        (max ? ` (at most ${max})` : ""),
    );
    if (gzipped > max) {
      console.error(`${name} is too large`);
      process.exitCode = 1;
    }
  }
  for (const name of OFFICIAL) {
    const content = official(name);
    const gzipped = gzipSync(content, { level: 9 }).length;
    console.log(`socket.io-client ${name}: ${content.length} bytes, ${gzipped} with gzip -9`);
  }
}

/** What the program gzip makes of it, without the file's name; 0 where there is none. */
function bytesByGzip(content) {
  try {
    return execFileSync("gzip", ["-9"], { input: content }).length;
  } catch {
    return 0;
  }
}
