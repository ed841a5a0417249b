// The example `video` in Chromium. Every picture of the clip bears its number, which is read back from what
// a viewer is shown.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, openPage, picture } from "./support/browser.mjs";
import { Program } from "./support/program.mjs";
import { StallingProxy } from "./support/stalling.mjs";
import { until } from "./support/waiting.mjs";

const PICTURES_PER_SECOND = 20;

let browser;
let server;
before(async () => {
  browser = await launch();
  server = await Program.start(path.join("examples", "video"), ["0"]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** In place of the camera: 15 bits of the picture's number and their parity as colour blocks, and noise below,
 * of which no picture says anything about the next. */
function clip({ picturesPerSecond, bitsPerSecond, pieceMs }) {
  window.MediaRecorder = class extends MediaRecorder {
    constructor(stream, options) {
      super(stream, { ...options, videoBitsPerSecond: bitsPerSecond ?? options.videoBitsPerSecond });
    }

    start(ms) {
      super.start(pieceMs ?? ms);
    }
  };
  navigator.mediaDevices.getUserMedia = async ({ audio }) => {
    if (audio) throw new DOMException("it is silent", "NotFoundError");
    const canvas = Object.assign(document.createElement("canvas"), { width: 480, height: 270 });
    const context = canvas.getContext("2d");
    const noise = context.createImageData(480, 210);
    window.number = 0;
    const draw = () => {
      window.number += 1;
      const words = new Uint32Array(noise.data.buffer);
      for (let at = 0; at < words.length; at += 16_384) crypto.getRandomValues(words.subarray(at, at + 16_384));
      for (let at = 3; at < noise.data.length; at += 4) noise.data[at] = 255;
      context.putImageData(noise, 0, 60);
      let parity = 0;
      for (let bit = 0; bit < 16; bit += 1) {
        const isSet = bit === 15 ? parity : (window.number >> bit) & 1;
        parity ^= isSet;
        context.fillStyle = isSet ? "#ffee00" : "#0022aa";
        context.fillRect(bit * 30, 0, 30, 60);
      }
    };
    draw();
    setInterval(draw, 1_000 / picturesPerSecond);
    return canvas.captureStream(picturesPerSecond);
  };
}

/** The pictures that are shown, in the order in which they are: of which answer, and the number, `NaN` if it
 * cannot be read. */
function reading() {
  window.shown = [];
  const context = new OffscreenCanvas(320, 1).getContext("2d", { willReadFrequently: true });
  addEventListener("DOMContentLoaded", () => {
    const video = document.getElementById("video");
    const read = () => {
      context.drawImage(video, 0, video.videoHeight / 9, video.videoWidth, 1, 0, 0, 320, 1);
      const { data } = context.getImageData(0, 0, 320, 1);
      let [number, parity] = [0, 0];
      for (let bit = 0; bit < 16; bit += 1) {
        const at = (bit * 20 + 10) * 4;
        const isSet = data[at] > data[at + 2] ? 1 : 0;
        parity ^= isSet;
        if (bit < 15) number |= isSet << bit;
      }
      window.shown.push({ stream: measure.streams, number: parity === 0 ? number : NaN });
      video.requestVideoFrameCallback(read);
    };
    video.requestVideoFrameCallback(read);
  });
}

async function open(t, url, { script = reading, bitsPerSecond, pieceMs, ...options } = {}) {
  const page = await openPage(browser, options);
  t.after(() => page.context().close());
  page.longest = 0;
  page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => {
    page.longest = Math.max(page.longest, payload.length);
  }));
  await page.addInitScript(script, { picturesPerSecond: PICTURES_PER_SECOND, bitsPerSecond, pieceMs });
  await page.goto(url);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it fits");
  return page;
}

const state = (page, ...states) => page.waitForFunction((states) => states.includes(document.body.dataset.state), states);
const now = (live) => live.evaluate(() => number);
/** What was shown of its first answer, or of a later one. */
const shown = async (page, of = 1) => {
  const all = await page.evaluate(() => window.shown);
  return all.filter(({ stream }) => stream === of).map(({ number }) => number);
};
const measured = (page) => page.evaluate(() => measure);
/** A picture that was not taken yet is seen. */
async function seesNewer(live, viewer) {
  const number = await now(live);
  await viewer.waitForFunction((number) => shown.some((seen) => seen.number > number), number);
}
/** Forwards, and each one legible. On a busy machine the camera has one twice. */
function areInOrder(numbers) {
  assert.ok(numbers.every((number, index) => number >= (numbers[index - 1] ?? 1)), String(numbers));
}
async function goLive(t, url, options) {
  const live = await open(t, url, { script: clip, ...options });
  await live.click("#go");
  await state(live, "air");
  return live;
}
async function ends(live, ...viewers) {
  await live.click("#go");
  for (const viewer of viewers) await viewer.getByText("The broadcast is over.").waitFor();
}

describe("the live video", () => {
  test("is seen by who was there, and by who comes late from a keyframe on", async (t) => {
    const first = await open(t, server.url);
    const second = await open(t, server.url, { viewport: { width: 390, height: 844 }, colorScheme: "dark", locale: "ko-KR" });
    await state(first, "idle");
    await state(second, "idle");
    await picture(first, "video-idle");
    await picture(second, "video-idle-phone-dark-ko");
    const live = await goLive(t, server.url);
    for (const viewer of [first, second]) await seesNewer(live, viewer);
    await live.waitForFunction((number) => window.number > number, 8 * PICTURES_PER_SECOND);

    const joinedAt = await now(live);
    const late = await open(t, server.url);
    await seesNewer(live, late);
    const [from] = await shown(late);
    // Not before the keyframe that was the newest, which is a second old at most, and on its way for another.
    assert.ok(from > joinedAt - 3 * PICTURES_PER_SECOND, `it came at ${joinedAt} and saw ${from}`);
    for (const viewer of [first, second, late]) {
      await state(viewer, "live");
      const [newest, numbers] = [await now(live), await shown(viewer)];
      areInOrder(numbers);
      t.diagnostic(`from ${numbers[0]} on, ${numbers.length} pictures; ${(newest - numbers.at(-1)) / PICTURES_PER_SECOND} s behind the clip`);
      assert.ok(viewer === late || numbers[0] < 3 * PICTURES_PER_SECOND, `it was there, and saw ${numbers[0]} first`);
    }
    await live.getByText("on air · viewers: 3").waitFor();
    await picture(live, "video-air");
    await picture(first, "video-live");
    await picture(second, "video-live-phone-dark-ko");

    await late.click("#go");
    await late.getByText("Somebody else is live. Wait until that is over.").waitFor();
    await seesNewer(live, late);
    await ends(live, first, late);
    await second.getByText("방송이 끝났습니다.").waitFor();
    await picture(second, "video-over-phone-dark-ko");
    assert.deepEqual([live, first, second, late].flatMap((page) => page.problems), []);
  });

  test("goes on at a keyframe for who was stalled", async (t) => {
    const proxy = await StallingProxy.start(server.port);
    t.after(() => proxy.stop());
    const live = await goLive(t, server.url, { bitsPerSecond: 12e6 });
    const viewer = await open(t, proxy.url);
    await seesNewer(live, viewer);
    proxy.hold();
    const [carried, { sent }, heldAt] = [proxy.carried, await measured(live), await now(live)];
    // More than what the system and the server hold for a connection.
    await live.waitForFunction((bytes) => measure.sent > bytes, sent + 12e6);
    await state(viewer, "behind");
    await picture(viewer, "video-behind");
    const releasedAt = await now(live);
    proxy.release();
    await viewer.waitForFunction((number) => shown.some((seen) => seen.number > number), releasedAt).catch(async (error) => {
      const what = await viewer.evaluate(() => ({
        state: document.body.dataset.state, measure, shown: shown.slice(-3), at: video.currentTime, ready: video.readyState,
        paused: video.paused, seeking: video.seeking, error: video.error?.message,
        buffered: Array.from(video.buffered, (_, i) => [video.buffered.start(i), video.buffered.end(i)]),
      }));
      throw new Error(`${JSON.stringify({ ...what, carried: proxy.carried - carried, releasedAt })}`, { cause: error });
    });
    await state(viewer, "live");
    const gone = await measured(live);
    const numbers = await shown(viewer);
    areInOrder(numbers);
    const missed = Math.max(...numbers.map((number, index) => number - (numbers[index - 1] ?? number)));
    const share = (proxy.carried - carried) / (gone.sent - sent);
    t.diagnostic(`stalled for ${(releasedAt - heldAt) / PICTURES_PER_SECOND} s; ${missed} pictures are missed, ${(share * 100).toFixed(0)} % of the bytes came`);
    assert.ok(missed > PICTURES_PER_SECOND, "it jumped");
    assert.ok(share < 0.9, "the server left out what was old");
    const { streams, jumps } = await measured(viewer);
    assert.equal(streams, 1, "by the same answer");
    assert.ok(jumps > 0);
    await ends(live, viewer);
    assert.deepEqual([live, viewer].flatMap((page) => page.problems), []);
  });

  test("goes on near to the newest picture when it stands, though there is more", async (t) => {
    const live = await goLive(t, server.url);
    const viewer = await open(t, server.url);
    await seesNewer(live, viewer);
    const [stood, jumps] = await viewer.evaluate(() => {
      video.playbackRate = 0;
      Object.defineProperty(video, "playbackRate", { set() {}, configurable: true });
      return [video.currentTime, measure.jumps];
    });
    await viewer.waitForFunction((jumps) => measure.jumps > jumps, jumps);
    const seconds = (await viewer.evaluate(() => video.currentTime)) - stood;
    await viewer.evaluate(() => delete video.playbackRate);
    // It would have been let go at 6 s for being far behind.
    assert.ok(seconds > 1 && seconds < 5, `it jumped over ${seconds} s`);
    await seesNewer(live, viewer);
    await ends(live, viewer);
  });

  test("sends pieces that are longer than a message in slices", async (t) => {
    const live = await goLive(t, server.url, { bitsPerSecond: 12e6, pieceMs: 2_000 });
    const viewer = await open(t, server.url);
    await seesNewer(live, viewer);
    await live.waitForFunction(() => measure.sent > 3e6);
    assert.equal(live.longest, 256 * 1024);
    areInOrder(await shown(viewer));
    await ends(live, viewer);
    assert.deepEqual([live, viewer].flatMap((page) => page.problems), []);
  });

  test("comes back by itself, for viewers and for who is live", async (t) => {
    const [near, far] = [await StallingProxy.start(server.port), await StallingProxy.start(server.port)];
    t.after(() => Promise.all([near.stop(), far.stop()]));
    const live = await goLive(t, near.url);
    const viewer = await open(t, far.url);
    await seesNewer(live, viewer);

    far.cut();
    await state(viewer, "away");
    await picture(viewer, "video-away");
    far.mend();
    await seesNewer(live, viewer);
    await state(viewer, "live");
    assert.equal((await measured(viewer)).streams, 2);
    areInOrder(await shown(viewer, 1));
    areInOrder(await shown(viewer, 2));

    near.cut();
    await state(live, "away");
    near.mend();
    await state(live, "air");
    await seesNewer(live, viewer);
    await state(viewer, "live");
    areInOrder(await shown(viewer, 3));
    await ends(live, viewer);
    assert.deepEqual([live, viewer].flatMap((page) => page.problems), []);
  });

  test("ends with its page, and the next one begins for who stayed; a drawing does without a camera", async (t) => {
    const viewer = await open(t, server.url);
    const live = await goLive(t, server.url);
    await seesNewer(live, viewer);
    await live.close();
    await viewer.getByText("The broadcast is over.").waitFor();

    // Who does not allow the camera has not taken the stage.
    const refused = await open(t, server.url, { script: () => {
      navigator.mediaDevices.getUserMedia = async () => Promise.reject(new DOMException("no", "NotAllowedError"));
    } });
    await refused.click("#go");
    await refused.getByText("The camera may not be used.").waitFor();
    await state(refused, "idle");
    await picture(refused, "video-refused");

    const drawing = await open(t, server.url, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    await drawing.click("#go");
    await drawing.getByText("There is no camera, so a drawing is sent.").waitFor();
    await state(drawing, "air");
    await state(viewer, "live");
    await viewer.waitForFunction(() => video.currentTime > 1 && video.videoWidth === 640);
    await until("a picture that moves", () => viewer.evaluate(() => video.getVideoPlaybackQuality().totalVideoFrames > 20));
    await picture(drawing, "video-drawing-phone-dark");
    await ends(drawing, viewer, refused);
    await picture(viewer, "video-over");
    assert.deepEqual([viewer, refused, drawing].flatMap((page) => page.problems), []);
  });

  test("has sound, where there is some", async (t) => {
    const own = await launch(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]);
    t.after(() => own.close());
    const [live, viewer] = [await openPage(own, { colorScheme: "dark" }), await openPage(own, { viewport: { width: 390, height: 844 } })];
    for (const page of [live, viewer]) await page.goto(server.url);
    await live.click("#go");
    await state(live, "air");
    assert.match((await fetch(`${server.url}/live.webm`)).headers.get("content-type"), /^video\/webm; codecs="vp[89],opus"$/);
    await viewer.getByRole("button", { name: "Sound" }).click();
    await viewer.getByRole("button", { name: "Sound", pressed: true }).waitFor();
    assert.equal(await viewer.evaluate(() => video.muted), false);
    const from = await viewer.evaluate(() => video.currentTime);
    await viewer.waitForFunction((from) => video.currentTime > from + 1, from);
    await state(viewer, "live");
    await picture(viewer, "video-sound-phone");
    await picture(live, "video-air-dark");
    await ends(live, viewer);
    assert.deepEqual([live, viewer].flatMap((page) => page.problems), []);
  });

  test("forgets what was seen", async (t) => {
    const live = await goLive(t, server.url);
    const viewer = await open(t, server.url);
    await viewer.waitForFunction(() => measure.newest > 33);
    await viewer.waitForFunction(() => measure.oldest > 15);
    await seesNewer(live, viewer);
    areInOrder(await shown(viewer));
    await ends(live, viewer);
  });
});
