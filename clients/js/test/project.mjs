// A project that has the package installed as a user installs it, and the bundlers that pages are
// built with.

import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const run = promisify(execFile);

/** The package's source, as pages of this repository name it. */
const source = path.join(root, "src/index.ts");

/** Packs the package and installs it in a new folder, under `name`. */
export async function createProject(name = "sockeye-client") {
  // Below the package, so that the tools of its node_modules are found.
  fs.mkdirSync(path.join(root, "build"), { recursive: true });
  const folder = fs.mkdtempSync(path.join(root, "build/project-"));
  const npm = (args, cwd) =>
    run("npm", [...args, "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], {
      cwd,
      env: { ...process.env, npm_config_update_notifier: "false" },
    });
  await npm(["pack", "--pack-destination", folder], root);
  const [tarball] = fs.readdirSync(folder);
  const project = {
    folder,
    write(file, content) {
      fs.writeFileSync(path.join(folder, file), content);
      return path.join(folder, file);
    },
    remove: () => fs.rmSync(folder, { recursive: true, force: true }),
  };
  project.write("package.json", JSON.stringify({ private: true, type: "module" }));
  // Not the package's own, which names its source.
  project.write("tsconfig.json", "{}");
  await npm(["install", "--offline", `${name}@file:${tarball}`], folder);
  return project;
}

/** Each makes one script for pages of a file of a project, as its own defaults for production say. */
export const BUNDLERS = {
  async Vite(project, file, { fromSource } = {}) {
    const { build } = await import("vite");
    const outputs = await build({
      root: project.folder,
      configFile: false,
      logLevel: "error",
      ...(fromSource && { define: { FULL: "true" }, resolve: { alias: { "sockeye-client": source } } }),
      build: { write: false, lib: { entry: file, formats: ["iife"], name: "bundle" } },
    });
    return [outputs].flat()[0].output[0].code;
  },

  async webpack(project, file) {
    const { default: webpack } = await import("webpack");
    const folder = path.join(project.folder, "packed");
    const compiler = webpack({
      context: project.folder,
      entry: file,
      mode: "production",
      output: { path: folder, filename: "bundle.js" },
      performance: false,
    });
    const stats = await new Promise((resolve, reject) =>
      compiler.run((error, stats) => (error ? reject(error) : resolve(stats))),
    );
    await new Promise((resolve) => compiler.close(resolve));
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
    return fs.readFileSync(path.join(folder, "bundle.js"), "utf8");
  },

  async Rollup(project, file) {
    const { rollup } = await import("rollup");
    const { nodeResolve } = await import("@rollup/plugin-node-resolve");
    const bundle = await rollup({
      input: file,
      plugins: [nodeResolve({ browser: true })],
      onwarn(warning) {
        throw new Error(warning.message);
      },
    });
    const { output } = await bundle.generate({ format: "iife" });
    await bundle.close();
    return output[0].code;
  },

  async esbuild(project, file, { fromSource } = {}) {
    const { build } = await import("esbuild");
    const { outputFiles, warnings } = await build({
      absWorkingDir: project.folder,
      entryPoints: [file],
      bundle: true,
      minify: true,
      format: "iife",
      write: false,
      logLevel: "silent",
      ...(fromSource && { define: { FULL: "true" }, alias: { "sockeye-client": source } }),
    });
    if (warnings.length) throw new Error(warnings[0].text);
    return outputFiles[0].text;
  },
};
