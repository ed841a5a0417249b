// The chat as a person uses it, by the ids its page promises: nickname, enter, message, send, out,
// messages.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Program } from "./program.mjs";
import { until } from "./waiting.mjs";

/** `sockeye serve` with a data folder of its own, which outlives restarts. */
export class Chat {
  /** `args` are further arguments of the server. */
  static async start(...args) {
    const chat = new Chat();
    chat.scheme = args.some((arg) => arg.startsWith("--tls")) ? "https" : "http";
    chat.data = await mkdtemp(path.join(os.tmpdir(), "sockeye-chat-"));
    chat.server = await Program.start("sockeye", ["serve", "--port", "0", "--data", chat.data, ...args]);
    chat.port = chat.server.port;
    return chat;
  }

  get url() {
    return `${this.scheme}://localhost:${this.port}`;
  }

  room(name) {
    return `${this.url}/room/${encodeURIComponent(name)}`;
  }

  /** A request that changes something, as the page makes it; `cookie` says who asks. */
  async post(path, body, cookie = undefined) {
    const headers = { "content-type": "application/json", ...(cookie && { cookie }) };
    const response = await fetch(this.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return { body: text && JSON.parse(text), cookie: response.headers.getSetCookie()[0]?.split(";")[0] };
  }

  /** Makes the first account, an owner; its cookie is `owner` from then on. */
  async setUp(name = "Owner", password = "a long password") {
    const printed = await until("the code of the first account", () => /\/setup#(\S+)/.exec(this.server.log));
    this.owner = (await this.post("/api/setup", { code: printed[1], name, password })).cookie;
  }

  /** SIGTERM, as a service manager does it. */
  async interrupt() {
    assert.equal(await this.server.stop(), 0, "the server drains and exits with 0");
  }

  /** The same port and the same data again. */
  async resume() {
    const { port, data } = this;
    this.server = await Program.start("sockeye", ["serve", "--port", String(port), "--data", data]);
  }

  async stop() {
    await this.server?.stop();
    await rm(this.data, { recursive: true, force: true });
  }
}

/** One person in one page. */
export class Person {
  constructor(page) {
    this.page = page;
  }

  /** Opens the room and, if the page asks for it, gives the nickname. */
  async enter(url, nickname) {
    await this.page.goto(url);
    await this.page.locator("#nickname").fill(nickname);
    await this.page.locator("#enter").click();
    await this.entered();
  }

  /** Waits until messages can be written. */
  async entered() {
    await until("the message field", () => this.page.locator("#message").isEnabled());
  }

  async say(text) {
    await this.page.locator("#message").fill(text);
    await this.page.locator("#send").click();
  }

  /** How far the message with this text is: `waiting`, `sent`, `failed` or `stored`. */
  state(text) {
    return this.page.locator(".message", { hasText: text }).getAttribute("data-state");
  }

  /** Everything in the list of messages, as it can be read. */
  shown() {
    return this.page.locator("#messages").innerText();
  }

  /** Waits until a text can be read. */
  sees(text) {
    return until(`${JSON.stringify(text)} in the messages`, async () => (await this.shown()).includes(text));
  }

  /** Asserts that these texts are there, each exactly once and in this order. */
  async assertShown(texts) {
    const shown = await this.shown();
    let position = -1;
    for (const text of texts) {
      const parts = shown.split(text).length - 1;
      assert.equal(parts, 1, `${JSON.stringify(text)} is shown ${parts} times in:\n${shown}`);
      assert.ok(shown.indexOf(text) > position, `${JSON.stringify(text)} comes too early in:\n${shown}`);
      position = shown.indexOf(text);
    }
  }
}
