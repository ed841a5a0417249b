// The chat as a person uses it, by the ids its page promises: the door (nickname, enter-guest, name, password,
// log-in, sign-up), the list (rooms, new-room), the conversation (message, send, messages, people, menu).
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { io } from "socket.io-client";
import { openPage } from "./browser.mjs";
import { Program } from "./program.mjs";
import { until, within } from "./waiting.mjs";

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PASSWORD = "a long password";
export const KOREAN = /[가-힣]/;

/** What the server is started with unless a test says otherwise: its tests make more rooms than people do. */
const DEFAULTS = { "--trusted-proxies": "127.0.0.1", "--rooms-per-hour": "0" };

/** `sockeye serve` with a data folder of its own, which outlives restarts. */
export class Chat {
  /** Whoever comes by `post` has an address of their own, as the proxy says: limits by address are for strangers. */
  #addresses = 0;
  /** Sockets of people without a page, to be closed in the end. */
  #lines = [];

  /** `args` are further arguments of the server. */
  static start(...args) {
    const defaults = Object.entries(DEFAULTS).filter(([option]) => !args.includes(option)).flat();
    return Chat.startAsItComes(...defaults, ...args);
  }

  /** The same with nothing but these arguments, as somebody starts it who has just found it. */
  static async startAsItComes(...args) {
    const chat = new Chat();
    chat.scheme = args.some((arg) => arg.startsWith("--tls")) ? "https" : "http";
    chat.data = await mkdtemp(path.join(os.tmpdir(), "sockeye-chat-"));
    chat.args = ["--data", chat.data, ...args];
    chat.server = await Program.start("sockeye", ["serve", "--port", "0", ...chat.args]);
    chat.port = chat.server.port;
    return chat;
  }

  get url() {
    return `${this.scheme}://localhost:${this.port}`;
  }

  /** The address of a room, by its id or title. */
  room(key) {
    return `${this.url}/room/${encodeURIComponent(key)}`;
  }

  /** A request that changes something, as the page makes it; `cookie` says who asks. */
  async post(path, body, cookie = undefined, method = "POST") {
    this.#addresses += 1;
    const from = `10.0.${this.#addresses >> 8}.${this.#addresses & 255}`;
    const headers = { "content-type": "application/json", "x-forwarded-for": from, ...(cookie && { cookie }) };
    const response = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return { body: text && JSON.parse(text), cookie: response.headers.getSetCookie()[0]?.split(";")[0] };
  }

  /** The code of the first account, as the program prints it. */
  async setupCode() {
    return (await until("the code of the first account", () => /\/setup#(\S+)/.exec(this.server.log)))[1];
  }

  /** Makes the first account, an owner; its cookie is `owner` from then on. */
  async setUp(name = "Owner", password = PASSWORD) {
    this.owner = (await this.post("/api/setup", { code: await this.setupCode(), name, password })).cookie;
    this.ownerLine = await this.line(this.owner);
  }

  /** Somebody with an account, by an invitation of the owner's; answers with `{ cookie, person }`. */
  async member(name, role = "member", rest = {}) {
    const { code } = (await this.post("/api/invitations", { role, uses: 1 }, this.owner)).body;
    const { body, cookie } = await this.post("/api/signup", { code, name, password: PASSWORD, ...rest });
    return { cookie, person: body.person };
  }

  /** Somebody without an account; answers with `{ cookie, person }`. */
  async guest(name) {
    const { body, cookie } = await this.post("/api/guests", { name });
    return { cookie, person: body.person };
  }

  /** The sockets of somebody without a page: `ask(event, payload)` in the conversations, `list` in the list. */
  async line(cookie) {
    const options = { extraHeaders: { cookie }, transports: ["websocket"], forceNew: true };
    const list = io(`${this.url}/rooms`, options);
    const rooms = list.io.socket("/chat");
    this.#lines.push(list.io);
    await Promise.all([list, rooms].map((socket) => within(30_000, "a socket", new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    }))));
    let keys = 0;
    const ask = async (event, payload) => {
      const answer = await rooms.timeout(30_000).emitWithAck(event, payload);
      if (answer?.error) throw Object.assign(new Error(`${event}: ${answer.error.code}`), answer.error);
      return answer;
    };
    const say = (room, text) => ask("say", { room, text, key: `line${keys += 1}` });
    const leave = () => list.io._close();
    return { list, rooms, ask, say, leave };
  }

  /** Makes a room of the owner's, or of whoever's `line` it is. */
  async makeRoom(title, options = {}, line = this.ownerLine) {
    return line.ask("create", { title, description: "", kind: "open", is_passing: false, ...options });
  }

  /** Makes an open room, and gives its address. */
  async newRoom(title, options = {}) {
    return this.room((await this.makeRoom(title, options)).id);
  }

  /** A page of somebody who is logged in already. */
  async page(browser, cookie, options = {}) {
    const page = await openPage(browser, options);
    if (cookie) await this.logIn(page, cookie);
    return page;
  }

  /** Gives the browser the cookie of a session. */
  async logIn(page, cookie) {
    const [name, ...value] = cookie.split("=");
    await page.context().addCookies([{ name, value: value.join("="), url: this.url, httpOnly: true, sameSite: "Lax" }]);
  }

  /** SIGTERM, as a service manager does it. */
  async interrupt() {
    assert.equal(await this.server.stop(), 0, "the server drains and exits with 0");
  }

  /** The same port and the same data again. */
  async resume() {
    this.server = await Program.start("sockeye", ["serve", "--port", String(this.port), ...this.args]);
  }

  async stop() {
    for (const line of this.#lines) line._close();
    await this.server?.stop();
    await rm(this.data, { recursive: true, force: true });
  }
}

/** One person in one page. */
export class Person {
  constructor(page) {
    this.page = page;
  }

  /** Opens the room and, if the page asks for it, comes in as a guest. */
  async enter(url, nickname) {
    await this.page.goto(url);
    const door = this.page.locator("#nickname");
    await door.or(this.page.locator("#message")).first().waitFor();
    if (await door.isVisible()) {
      await door.fill(nickname);
      await this.page.locator("#enter-guest").click();
    }
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

  /** Chooses from the menu of this button. */
  async choose(button, item) {
    await this.page.locator(button).click();
    await this.page.getByRole("menuitem", { name: item }).or(this.page.getByRole("menuitemcheckbox", { name: item })).click();
  }

  /** Leaves the room for good. */
  async leave() {
    await this.choose("#menu", /^(Leave|나가기)$/);
    await this.page.locator("#confirm-leave").click();
    await this.page.locator("#message").waitFor({ state: "detached" });
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

  /** Waits until nothing of what the page shows is on its way any more. */
  arrived() {
    return until("everything to be stored", async () =>
      (await this.page.locator("[data-state]:not([data-state=stored])").count()) === 0);
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

/** What has the focus, in words. */
export function focused(page) {
  return page.evaluate(() => {
    const { activeElement: active } = document;
    if (!active || active === document.body) return "nothing";
    return active.id ? `#${active.id}` : `${active.tagName.toLowerCase()} ${active.innerText?.trim().slice(0, 40) ?? ""}`.trim();
  });
}
