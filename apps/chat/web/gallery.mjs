// Pictures of every component and page in every theme and language, on a phone and a desktop, each looked at
// by axe; and the flood, which a conversation has to bear. Not a part of what is built.
//
//   npm run gallery -- FOLDER                     all pictures, and axe
//   npm run gallery -- FOLDER --scenes room,menu --themes dark --langs ko --sizes phone
//   npm run gallery -- --flood                    200 messages a second for 60 s, three times
//
// The browser and axe are those of the browser tests: `npm ci` in `interop` first.
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { serveGallery } from "./gallery-server.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const interop = createRequire(new URL("../../../interop/package.json", import.meta.url));

const SIZES = {
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1 },
  desktop: { viewport: { width: 1280, height: 800 } },
};
const THEMES = {
  light: { colorScheme: "light", contrast: "no-preference" },
  dark: { colorScheme: "dark", contrast: "no-preference" },
  contrast: { colorScheme: "light", contrast: "more" },
  "contrast-dark": { colorScheme: "dark", contrast: "more" },
  forced: { colorScheme: "dark", forcedColors: "active" },
};
const LOCALES = { en: "en-US", ko: "ko-KR" };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scenes: { type: "string" },
    themes: { type: "string", default: "light,dark,contrast" },
    langs: { type: "string", default: "ko,en" },
    sizes: { type: "string", default: "phone,desktop" },
    flood: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    query: { type: "string", default: "" },
  },
});
const [folder] = positionals;
if (!folder && !values.flood) {
  console.error("Where to? npm run gallery -- FOLDER, or npm run gallery -- --flood");
  process.exit(2);
}
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(executablePath)) {
  console.error(`There is no browser at ${executablePath}; set CHROMIUM.`);
  process.exit(2);
}

const gallery = await serveGallery();
let browser;
let isFine = false;
try {
  browser = await interop("playwright-core").chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
  });
  isFine = values.flood ? await floods(gallery.address) : await pictures(gallery.address);
} finally {
  await browser?.close();
  await gallery.close();
}
process.exit(isFine ? 0 : 1);

/** Every picture that was asked for. True when axe found nothing serious and no page had an error. */
async function pictures(address) {
  const axe = await readFile(interop.resolve("axe-core/axe.min.js"), "utf8");
  await mkdir(folder, { recursive: true });
  const names = values.scenes?.split(",") ?? (await scenes());
  const bad = [];
  let count = 0;
  for (const size of values.sizes.split(",")) {
    for (const lang of values.langs.split(",")) {
      for (const theme of values.themes.split(",")) {
        const context = await browser.newContext({ ...SIZES[size], ...THEMES[theme], locale: LOCALES[lang], reducedMotion: "reduce" });
        const page = await context.newPage();
        for (const scene of names) {
          const name = `${scene}-${size}-${lang}-${theme}`;
          const problems = [];
          const heard = (error) => problems.push(String(error));
          page.on("pageerror", heard);
          await page.goto(`${address}?scene=${scene}&lang=${lang}${values.query}`);
          await page.locator("#app > *").first().waitFor();
          await settled(page);
          // It takes a long press.
          if (scene === "msg-sheet") await page.getByRole("menu").waitFor();
          await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: scene === "components" });
          await page.evaluate(axe);
          const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
          if (passes.length < 10) problems.push("axe has not looked");
          for (const { id, impact, nodes } of violations) {
            const where = nodes.map(({ target }) => target.join(" ")).slice(0, 3).join(" · ");
            const line = `${name}: ${impact} ${id}: ${where}`;
            if (impact === "serious" || impact === "critical") problems.push(line);
            else console.log(line);
          }
          page.off("pageerror", heard);
          for (const problem of problems) console.error(`BAD ${name}: ${problem}`);
          if (problems.length > 0) bad.push(name);
          count++;
        }
        await context.close();
      }
    }
  }
  console.log(`${count} pictures, ${bad.length} of them with something serious`);
  return bad.length === 0;
}

/** Until two pictures have been drawn and fonts are there. */
function settled(page) {
  return page.evaluate(async () => {
    await document.fonts.ready;
    for (let n = 0; n < 6; n++) await new Promise(requestAnimationFrame);
  });
}

async function scenes() {
  const source = await readFile(path.join(here, "src/design/gallery/scenes.ts"), "utf8");
  return [...source.matchAll(/^ {2}"([\w-]+)",$/gm)].map((match) => match[1]);
}

/**
 * Floods of messages, followed and read further up. True when in the median round no task kept the processor for
 * over 50 ms; `longTasks` are by the clock, and on a machine that has much else to do tell of that.
 */
async function floods(address) {
  const medians = [];
  for (const query of ["", "&reading"]) {
    const rounds = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      const page = await browser.newPage({ locale: "ko-KR", viewport: { width: 1280, height: 800 } });
      const tasks = await tasksOf(page);
      await page.goto(`${address}?scene=flood${query}${values.query}`);
      await page.waitForFunction(() => window.flooded, undefined, { timeout: 300_000, polling: 500 });
      const seen = { ...(await page.evaluate(() => window.flooded)), ...(await tasks()) };
      console.log(query === "" ? "following" : "reading above", JSON.stringify(seen));
      rounds.push(seen);
      await page.close();
    }
    rounds.sort((one, other) => one.busyTasks.length - other.busyTasks.length);
    medians.push(rounds[rounds.length >> 1]);
  }
  if (medians[1].reads < 100) throw new Error("nobody has read further up");
  return medians.every(({ busyTasks, movedMax }) => busyTasks.length === 0 && movedMax < 1);
}

/**
 * How long the tasks of the page's main thread keep the processor, from the flood's first second on: those of
 * over 50 ms, the longest, and all together.
 */
async function tasksOf(page) {
  const client = await page.context().newCDPSession(page);
  const events = [];
  client.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  const complete = new Promise((resolve) => client.once("Tracing.tracingComplete", resolve));
  const traceConfig = { includedCategories: ["toplevel", "blink.user_timing", "__metadata"], excludedCategories: ["*"] };
  await client.send("Tracing.start", { transferMode: "ReportEvents", traceConfig });
  return async () => {
    await client.send("Tracing.end");
    await complete;
    const begin = events.find(({ name }) => name === "flood-is-on");
    if (!begin) throw new Error("the flood has not told when it had begun");
    const lengths = events
      .filter(({ name, pid, tid, ts }) => /RunTask/.test(name) && pid === begin.pid && tid === begin.tid && ts > begin.ts)
      .map(({ tdur = 0 }) => tdur / 1000);
    if (lengths.length < 100) throw new Error("the browser has not told of its tasks");
    return {
      busyTasks: lengths.filter((length) => length > 50).map(Math.round),
      busyMax: Math.round(Math.max(...lengths)),
      busyTotal: Math.round(lengths.reduce((sum, length) => sum + length, 0)),
    };
  };
}
