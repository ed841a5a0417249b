// Pages of our JavaScript client at the address of any server that serves a client.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { openPage } from "./browser.mjs";
import { PATIENCE } from "./waiting.mjs";

const dist = fileURLToPath(new URL("../../../clients/js/dist/", import.meta.url));

/** Lets all pages of a context load the client's files under `/client/`, at `origin`. */
export function serveClient(context, origin) {
  return context.route(`${origin}/client/**`, async (route) => {
    const name = new URL(route.request().url()).pathname.slice("/client/".length);
    route.fulfill({ contentType: "text/javascript", body: await readFile(dist + name) });
  });
}

/** A page with the global `io`, in a context of its own or in `context`. */
export async function clientPage(browser, origin, context) {
  const page = context ? await context.newPage() : await openPage(browser);
  page.setDefaultTimeout(PATIENCE);
  if (!context) await serveClient(page.context(), origin);
  await show(page, origin);
  return page;
}

/**
 * Opens the page, or opens it again. It is what the browser makes of a script of the server: one that
 * Playwright makes up would not be of this machine to Chromium, which then refuses WebSockets to it.
 */
export async function show(page, origin) {
  await page.goto(`${origin}/socket.io/socket.io.js`);
  await page.addScriptTag({ url: "/client/scripts/socket.io.js" });
}
