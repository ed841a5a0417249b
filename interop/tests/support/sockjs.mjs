// SockJS 0.3.3 without a client library: requests and answers to the byte, and the npm server beside ours.
import http from "node:http";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import sockjs from "sockjs";
import { PATIENCE, within } from "./waiting.mjs";

/** What is added to answers that no cache may keep. */
export const NOT_CACHED = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

/** A form, as a page sends it. */
export const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** npm's server with the services of `stand-in sockjs`. */
export class Reference {
  #server;

  static async start(...options) {
    const reference = new Reference();
    reference.#server = http.createServer((_, response) => response.writeHead(404).end());
    const [heartbeat_delay, disconnect_delay] = ["--heartbeat", "--disconnect"].map((name) => {
      const at = options.indexOf(name);
      return at < 0 ? undefined : Number(options[at + 1]);
    });
    const times = { ...(heartbeat_delay && { heartbeat_delay }), ...(disconnect_delay && { disconnect_delay }) };
    const offer = (prefix, connection, more = {}) => {
      const service = sockjs.createServer({ log() {}, sockjs_url: "/sockjs.js", ...times });
      service.on("connection", connection);
      service.installHandlers(reference.#server, { prefix, ...more });
    };
    const echo = (client) => client.on("data", (message) => client.write(message));
    offer("/echo", echo, { response_limit: 4_096 });
    offer("/disabled_websocket_echo", echo, { websocket: false });
    offer("/cookie_needed_echo", echo, { jsessionid: true });
    offer("/close", (client) => client.close(3_000, "Go away!"));
    reference.#server.listen(0, "localhost");
    await once(reference.#server, "listening");
    return reference;
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    return `http://localhost:${this.port}`;
  }

  async stop() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** A whole answer: `{ status, headers, body }`. */
export async function ask(method, url, { headers = {}, body } = {}) {
  const response = await begin(method, url, headers, body).answered;
  return { status: response.statusCode, headers: response.headers, body: await textOf(response) };
}

/** What an answer says, to its end. */
export async function textOf(response) {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return text;
}

export const get = (url, options) => ask("GET", url, options);
export const post = (url, options) => ask("POST", url, options);
export const options = (url, headers) => ask("OPTIONS", url, { headers });

/** A request of its own connection, which can be given up. */
export function begin(method, url, headers = {}, body) {
  const length = method === "POST" ? { "content-length": Buffer.byteLength(body ?? "") } : {};
  const request = http.request(url, { method, headers: { ...length, ...headers }, agent: false });
  const answered = within(PATIENCE, `an answer from ${url}`, new Promise((resolve, reject) => {
    request.on("response", resolve).on("error", reject);
  }));
  answered.catch(() => {});
  request.end(body);
  return { answered, abort: () => request.destroy() };
}

/** An answer that goes on. */
export class Stream {
  #request;
  #text = "";
  #isOver = false;
  #wake = () => {};

  static async open(method, url, headers) {
    const stream = new Stream();
    stream.#request = begin(method, url, headers);
    const response = await stream.#request.answered;
    Object.assign(stream, { status: response.statusCode, headers: response.headers });
    const over = () => {
      stream.#isOver = true;
      stream.#wake();
    };
    response.setEncoding("utf8").on("end", over).on("error", over);
    response.on("data", (text) => {
      stream.#text += text;
      stream.#wake();
    });
    return stream;
  }

  /** The next `count` characters. */
  async take(count) {
    await this.#when(`${count} characters`, () => this.#text.length >= count || this.#isOver);
    const taken = this.#text.slice(0, count);
    this.#text = this.#text.slice(count);
    return taken;
  }

  /** What comes until the server ends the answer. */
  async rest() {
    await this.#when("the end of the answer", () => this.#isOver);
    return this.take(this.#text.length);
  }

  abort() {
    this.#request.abort();
  }

  async #when(what, condition) {
    const waiting = (async () => {
      while (!condition()) await new Promise((resolve) => (this.#wake = resolve));
    })();
    await within(PATIENCE, `${what} after ${JSON.stringify(this.#text.slice(-200))}`, waiting);
  }
}

/** The address of a session that nobody has used. */
export const newSession = (base) => `${base}/000/${randomUUID()}`;
