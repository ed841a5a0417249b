// The official engine.io-client 3.5 in Node, which speaks revision 3 of the protocol, against
// `stand-in engine-v3`: an echo with a heartbeat of 300 ms, which the client begins.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import client from "engine.io-client-3";
import { exchangeCases } from "./support/engine-exchange.mjs";
import { standIn } from "./support/program.mjs";
import { event } from "./support/waiting.mjs";

let server;
before(async () => {
  server = await standIn("engine-v3", "--ping-timeout", "20000");
});
after(() => server?.stop());

exchangeCases({
  connect: (options) => client(server.url, options),
  heartbeat: "pong",
  more(open, transports) {
    test("speaks revision 3", async (t) => {
      const { socket } = await open(t, { transports });
      assert.equal(socket.transport.query.EIO, 3);
      assert.match(socket.id, /^[\w-]{20}$/);
    });
  },
});

test("an unknown session is an error", async () => {
  const socket = client(server.url, { transports: ["polling"], query: { sid: "abc" } });
  const [error] = await event(socket, "error");
  assert.equal(error.description, 400);
});
