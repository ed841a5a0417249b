// Debian's Chromium (or the one that `CHROMIUM` names) under Playwright, cut off from everything
// but this machine.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { chromium } from "playwright-core";
import { PATIENCE } from "./waiting.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const pictures = fileURLToPath(new URL("../../screenshots/", import.meta.url));

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts the browser; each context of it is a person of their own. `flags` go to it as they are. */
export function launch(flags = []) {
  if (!existsSync(executablePath)) throw new Error(`no browser at ${executablePath}; set CHROMIUM`);
  return chromium.launch({ executablePath, args: [...ARGUMENTS, ...flags] });
}

/** A page in a context of its own, which fails loudly when the page does. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 800 }, ...options });
  return watch(await context.newPage());
}

/** The page, with its `problems` gathered from now on. */
export function watch(page) {
  page.setDefaultTimeout(PATIENCE);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  return page;
}

/** Saves what the page shows in interop/screenshots/, which git ignores. */
export async function picture(page, name) {
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: path.join(pictures, `${name}.png`) });
}
