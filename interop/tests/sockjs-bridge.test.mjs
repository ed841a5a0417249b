// The script of docs/guide/sockjs.md as it stands there: a page that speaks SockJS in a namespace, beside the official client.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import SockJS from "sockjs-client";
import { standIn } from "./support/program.mjs";
import { PATIENCE, event, within } from "./support/waiting.mjs";

let server, connect;
before(async () => {
  server = await standIn("behaviour");
  const page = await readFile(new URL("../../docs/guide/sockjs.md", import.meta.url), "utf8");
  const script = page.split("```js\n")[1].split("\nconst chat")[0];
  assert.match(script, /^function connect/);
  connect = new Function("SockJS", `${script}; return connect;`);
});
after(() => server?.stop());

/** A page on one transport, whose events are waited for. */
async function open(transport) {
  const Client = function (url) {
    return new SockJS(url, null, { transports: transport, timeout: PATIENCE });
  };
  const waiting = new Map();
  const heard = new Proxy({}, { get: (_, name) => (...args) => waiting.get(name)?.(args) });
  const next = (name) => within(PATIENCE, name, new Promise((resolve) => waiting.set(name, resolve)));
  const connected = next("connect");
  const page = connect(Client)(`${server.url}/sockjs`, heard);
  const [id] = await connected;
  return { ...page, id, next };
}

describe("a page that speaks SockJS", () => {
  for (const transport of ["websocket", "xhr-streaming", "eventsource", "xhr-polling"]) {
    test(`takes part in a namespace, by ${transport}`, async () => {
      const official = io(server.url);
      await event(official, "connect");
      const page = await open(transport);
      assert.equal(typeof page.id, "string");
      const told = event(official, "others");
      page.emit("others", "hello", { n: 1, text: "100 % \u2028 😀" });
      assert.deepEqual(await told, ["hello", { n: 1, text: "100 % \u2028 😀" }]);
      const heard = page.next("others");
      official.emit("others", "back");
      assert.deepEqual(await heard, ["back"]);
      const ended = page.next("disconnect");
      page.emit("drop");
      assert.deepEqual(await ended, [1000, "Normal closure"]);
      official.close();
    });
  }
});
