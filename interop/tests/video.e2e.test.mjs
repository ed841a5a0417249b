// The example `video` in Chromium: a camera (the browser's stand-in), a viewer, one who may not, the end.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { Program } from "./support/program.mjs";

const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

test("a live video is seen by who comes late, until it is over", async (t) => {
  const server = await Program.start(path.join("examples", "video"), ["0"]);
  t.after(() => server.stop());
  const browser = await launch(CAMERA);
  t.after(() => browser.close());
  const [live, viewer, other] = [await openPage(browser), await openPage(browser), await openPage(browser)];
  for (const page of [live, viewer, other]) await page.goto(server.url);
  await live.click("#go");
  await live.getByText("live, viewers: 0").waitFor();
  await viewer.click("#watch");
  await viewer.getByText("watching").waitFor();
  await live.getByText("live, viewers: 1").waitFor();
  await viewer.waitForFunction(() => document.querySelector("video").currentTime > 1);
  await other.click("#go");
  await other.getByText("somebody else is live").waitFor();
  assert.deepEqual([live.problems, viewer.problems, other.problems], [[], [], []]);
  await live.close();
  await viewer.getByText("nobody is live").waitFor();
});
