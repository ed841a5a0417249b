// The outbox of clients/js against our server: every event is kept once and in order although
// connections are lost before their answers are there. With our client and with the official one.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { io as officialIo } from "socket.io-client";
import { io as ownIo } from "../../clients/js/dist/node/index.mjs";
import { memoryStore, outbox } from "../../clients/js/dist/outbox.mjs";
import { standIn } from "./support/program.mjs";
import { PATIENCE, within } from "./support/waiting.mjs";

let server;
before(async () => {
  server = await standIn("behaviour");
});
after(() => server?.stop());

for (const [client, io] of [["our client", ownIo], ["socket.io-client", officialIo]]) {
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    test(`${client} over ${transports.join(" and ")} keeps every text once`, async (t) => {
      const socket = io(`${server.url}/outbox`, {
        transports,
        forceNew: true,
        reconnectionDelay: 10,
        reconnectionDelayMax: 50,
      });
      t.after(() => socket.close());
      let connections = 0;
      socket.on("connect", () => connections++);
      const box = outbox(socket, { store: memoryStore() });
      await within(PATIENCE, "the outbox", box.ready);
      const before = await within(PATIENCE, "what is kept", socket.emitWithAck("kept"));
      // Every third one loses the connection under it, and whatever is behind it on the way.
      const texts = Array.from({ length: 12 }, (_, n) => `${client} ${transports} ${n}`);
      const answers = await within(
        PATIENCE,
        "all answers",
        Promise.all(texts.map((text, n) => box.emit(n % 3 ? "keep" : "keep and lose", text))),
      );
      assert.deepEqual(answers, texts.map((_, n) => before.length + n + 1));
      assert.equal(box.size, 0);
      assert.ok(connections > 1, "connections were lost");
      const kept = await within(PATIENCE, "what is kept", socket.emitWithAck("kept"));
      assert.deepEqual(kept.slice(before.length), texts);
    });
  }
}
