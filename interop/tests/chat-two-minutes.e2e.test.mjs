// Two people on two devices, from the start of the program to both messages seen, by nothing but what the program prints
// and what the screens say: the page of whoever starts it, and a phone that opens the link.
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { Chat, PHONE } from "./support/chat.mjs";
import { until } from "./support/waiting.mjs";

/** What the README promises. */
const SECONDS_MAX = 120;
/** How long somebody takes to type a character, and to find what to press next. */
const TYPING = { delay: 60 };

test("two people on two devices talk within two minutes of the program's start", async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const start = performance.now();
  const chat = await Chat.startAsItComes("--host", "0.0.0.0");
  t.after(() => chat.stop());

  // 1. The line that begins with `open`.
  const [, address] = await until("the line to open", () => /^open (http\S+)/m.exec(chat.server.log));
  const desk = await openPage(browser);
  await desk.goto(address);
  await desk.getByLabel("Name", { exact: true }).pressSequentially("Mina", TYPING);
  await desk.getByLabel("Password", { exact: true }).pressSequentially("a long password", TYPING);
  await desk.getByRole("button", { name: "Make the first account" }).click();

  // 2. The page shows a link for everybody else, which another device can open.
  const field = desk.getByLabel("Invitation link");
  const link = await until("the link", async () => {
    const value = await field.inputValue();
    return value.includes("/invite#") && value;
  });
  const { hostname, port } = new URL(link);
  const others = Object.values(networkInterfaces()).flat().filter(({ internal }) => !internal).map((one) => one.address);
  if (others.length > 0) assert.ok(!["localhost", "127.0.0.1", "[::1]"].includes(hostname), `${link} leads to this machine only`);
  assert.equal(Number(port), chat.port);
  assert.equal(await desk.getByText("--host 0.0.0.0").count(), 0, "there is no more to do for it");
  await desk.getByRole("button", { name: "To the rooms" }).click();

  const phone = await openPage(browser, { ...PHONE, locale: "ko-KR" });
  await phone.goto(link);
  await phone.getByLabel("이름", { exact: true }).pressSequentially("준", TYPING);
  await phone.getByLabel("비밀번호", { exact: true }).pressSequentially("아주 긴 비밀번호", TYPING);
  await phone.getByRole("button", { name: "계정 만들기" }).click();
  await phone.getByRole("link", { name: /로비/ }).click();
  await phone.getByRole("textbox", { name: "메시지" }).pressSequentially("저 왔어요!", TYPING);
  await phone.getByRole("button", { name: "보내기" }).click();

  await desk.getByRole("link", { name: /Lobby/ }).click();
  const log = desk.getByRole("log");
  await log.getByText("저 왔어요!").waitFor();
  await desk.getByRole("textbox", { name: "Message" }).pressSequentially("Welcome!", TYPING);
  await desk.keyboard.press("Enter");
  await phone.getByRole("log").getByText("Welcome!").waitFor();
  const seconds = (performance.now() - start) / 1_000;
  t.diagnostic(`${seconds.toFixed(1)} s from the program's start to both messages seen`);
  assert.ok(seconds < SECONDS_MAX, `${seconds} s`);
  assert.deepEqual([...desk.problems, ...phone.problems], []);
});
