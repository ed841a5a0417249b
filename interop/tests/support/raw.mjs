// Engine.IO 4 without a client library: what goes over the wire is what a test writes.
import WebSocket from "ws";
import { Inbox, PATIENCE, within } from "./waiting.mjs";

const SEPARATOR = "\x1e";

/** A WebSocket that records what it receives. */
export class RawWebSocket {
  #socket;
  #inbox = new Inbox();

  constructor(url, options) {
    this.#socket = new WebSocket(url, options);
    this.#socket.on("message", (data, isBinary) => this.#inbox.push(isBinary ? data : data.toString()));
    this.closed = new Promise((resolve) => {
      this.#socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    this.opened = new Promise((resolve, reject) => {
      this.#socket.on("open", () => resolve(this));
      this.#socket.on("error", reject);
    });
    // Whoever does not wait for the opening waits for the end instead.
    this.opened.catch(() => {});
  }

  /** Resolves when the handshake is done, rejects with the error of `ws` when it was refused. */
  static open(url, options) {
    return within(PATIENCE, "the WebSocket handshake", new RawWebSocket(url, options).opened);
  }

  send(data) {
    this.#socket.send(data);
  }

  /** The next message: a string, or a Buffer for a binary one. */
  next() {
    const message = this.#inbox.next("a WebSocket message");
    const end = this.closed.then(({ code }) => {
      throw new Error(`closed with ${code} instead of a message`);
    });
    return Promise.race([message, end]);
  }

  get unread() {
    return this.#inbox.length;
  }

  /** Waits until the server has closed the connection. */
  end() {
    return within(PATIENCE, "the end of the WebSocket", this.closed);
  }

  close() {
    this.#socket.close();
  }

  /** Cuts the connection without a close frame. */
  terminate() {
    this.#socket.terminate();
  }
}

/** One server and one path of it. */
export class Endpoint {
  constructor(url, path) {
    this.http = `${url}${path}`;
    this.ws = this.http.replace("http", "ws");
  }

  /** A request with these query parameters. */
  request(query, init) {
    return fetch(`${this.http}?${new URLSearchParams(query)}`, init);
  }

  /** Gives what was sent before on another connection the time of two requests to arrive. */
  async settle() {
    for (let round = 0; round < 2; round += 1) await (await this.request({})).text();
  }

  /** Opens a polling session. */
  async poll() {
    const response = await this.request({ EIO: "4", transport: "polling" });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`handshake: ${response.status} ${text}`);
    return new PollingSession(this, JSON.parse(text.slice(1)));
  }

  /** The address of a WebSocket with these query parameters besides `EIO` and `transport`. */
  address(query = {}) {
    return `${this.ws}?${new URLSearchParams({ EIO: "4", transport: "websocket", ...query })}`;
  }

  /** Opens a WebSocket session and reads its OPEN packet. */
  async webSocket() {
    const socket = await RawWebSocket.open(this.address());
    socket.handshake = JSON.parse((await socket.next()).slice(1));
    return socket;
  }
}

/** A session whose requests the test sends one by one. */
export class PollingSession {
  constructor(endpoint, handshake) {
    this.endpoint = endpoint;
    this.handshake = handshake;
    this.sid = handshake.sid;
  }

  request(init) {
    return this.endpoint.request({ EIO: "4", transport: "polling", sid: this.sid }, init);
  }

  /** One poll: status and body. */
  async get(init) {
    const response = await this.request(init);
    return { status: response.status, text: await response.text() };
  }

  /** One poll: its packets. */
  async packets() {
    const { status, text } = await this.get();
    if (status !== 200) throw new Error(`poll: ${status} ${text}`);
    return text.split(SEPARATOR);
  }

  async post(...packets) {
    const response = await this.request({ method: "POST", body: packets.join(SEPARATOR) });
    return { status: response.status, text: await response.text() };
  }

  /** Polls until the server no longer knows the session. */
  async gone() {
    for (;;) {
      const { status, text } = await within(PATIENCE, "the end of the session", this.get());
      if (status === 400) return JSON.parse(text);
    }
  }
}
