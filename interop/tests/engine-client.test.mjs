// The official engine.io-client 6 in Node against `stand-in engine-io-client`, the server that its
// own tests are written for: heartbeat of 500 ms, messages of at most 100 bytes, `hi` as greeting.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "engine.io-client";
import { bytes, exchangeCases, opener } from "./support/engine-exchange.mjs";
import { standIn } from "./support/program.mjs";
import { event } from "./support/waiting.mjs";

let server;
before(async () => {
  server = await standIn("engine-io-client");
});
after(() => server?.stop());

const connect = (options) => new Socket(server.url, options);
const open = opener(connect, "hi");

exchangeCases({
  connect,
  greeting: "hi",
  heartbeat: "ping",
  more(open, transports) {
    test("is given binary and letters beyond ASCII", async (t) => {
      const { socket, messages } = await open(t, { transports });
      socket.send("give binary");
      assert.deepEqual(bytes(await messages.next()), [0, 1, 2, 3, 4]);
      socket.send("give utf8");
      assert.equal(await messages.next(), "пойду спать всем спокойной ночи");
    });
  },
});

describe("limits and refusals, as the client tells them", () => {
  /** The reason and the details of the client's "close". */
  async function closing(options, send) {
    const socket = connect(options);
    const errors = [];
    socket.on("error", (error) => errors.push(error));
    const closed = event(socket, "close");
    let seen;
    socket.once("close", (_, { description, context }) => {
      // The client clears its request right after this event.
      const { status, responseText, code, reason } = context ?? {};
      seen = { description, context: { status, responseText, code, reason } };
    });
    if (send) {
      await event(socket, "open");
      socket.send(send);
    }
    const [reason] = await closed;
    return { reason, details: seen, errors };
  }

  test("a message of 100 bytes passes, on polling and on WebSocket", async (t) => {
    for (const transports of [["polling"], ["websocket"]]) {
      const { socket, messages } = await open(t, { transports });
      const longest = "x".repeat(99);
      socket.send(longest);
      assert.equal(await messages.next(), longest);
    }
  });

  test("an oversize POST is 413 without a body", async () => {
    const { reason, details } = await closing({ transports: ["polling"] }, "x".repeat(101));
    assert.equal(reason, "transport error");
    assert.equal(details.description, 413);
    assert.equal(details.context.status, 413);
    assert.equal(details.context.responseText, "");
  });

  test("an oversize WebSocket message is closed with 1009 and no reason", async () => {
    const { reason, details } = await closing({ transports: ["websocket"] }, "x".repeat(101));
    assert.equal(reason, "transport close");
    assert.equal(details.description, "websocket connection closed");
    assert.equal(details.context.code, 1009);
    assert.equal(details.context.reason, "");
  });

  test("an unknown session is 400 on polling, with its JSON to the letter", async () => {
    const { reason, details } = await closing({ transports: ["polling"], query: { sid: "abc" } });
    assert.equal(reason, "transport error");
    assert.equal(details.context.status, 400);
    assert.equal(details.context.responseText, '{"code":1,"message":"Session ID unknown"}');
  });

  test("an unknown session fails the WebSocket handshake itself", async () => {
    const { reason, errors } = await closing({ transports: ["websocket"], query: { sid: "abc" } });
    assert.equal(reason, "transport error");
    assert.equal(errors.length, 1, "an error comes before the close");
  });

  test("a refused handshake is 403", async () => {
    const { details } = await closing({ transports: ["polling"], query: { deny: "1" } });
    assert.equal(details.context.status, 403);
  });
});

describe("cookies and headers", () => {
  test("cookies of the handshake come back with the next request", async (t) => {
    const { socket, messages } = await open(t, { transports: ["polling"], withCredentials: true });
    socket.send("sendHeaders");
    const headers = JSON.parse(await messages.next("the headers"));
    assert.equal(headers.cookie, "1=1; 2=2");
  });

  test("extra headers travel with every request", async (t) => {
    const extraHeaders = { "x-custom": "yes" };
    const { socket, messages } = await open(t, { transports: ["polling"], extraHeaders });
    socket.send("sendHeaders");
    assert.equal(JSON.parse(await messages.next())["x-custom"], "yes");
  });
});
