// The chat with a certificate of its own, as a phone on the same network opens it: everything, the
// upgrade to WebSocket included, goes over one connection of HTTP/2 (RFC 8441).
import assert from "node:assert/strict";
import { test } from "node:test";
import { launch, openPage } from "./support/browser.mjs";
import { Chat, Person } from "./support/chat.mjs";
import { NetworkLog } from "./support/network.mjs";
import { until } from "./support/waiting.mjs";

for (const [name, flags, status] of [
  ["over HTTP/2", [], 200],
  ["over HTTP/1.1", ["--disable-http2"], 101],
]) {
  test(`carries messages both ways ${name}`, async (t) => {
    const browser = await launch(flags);
    t.after(() => browser.close());
    const chat = await Chat.start("--tls-self-signed");
    t.after(() => chat.stop());
    assert.match(chat.server.log, /^listening on https:/m);
    const people = [];
    for (const nickname of ["Mina", "Joon"]) {
      const page = await openPage(browser, { ignoreHTTPSErrors: true });
      const network = await NetworkLog.of(page);
      const person = new Person(page);
      await person.enter(chat.room("lobby"), nickname);
      people.push({ person, network });
    }
    const [mina, joon] = people;
    // The session has moved to the WebSocket, whose handshake was answered as its version of HTTP does.
    for (const { network } of people) {
      await until("the upgrade packet", () => network.frames.some(({ sent, data }) => sent && data === "5"));
      assert.deepEqual(network.webSockets.map((socket) => socket.status), [status]);
      assert.equal(network.webSockets[0].url.protocol, "wss:");
    }
    await mina.person.say("hello from Mina");
    await joon.person.sees("hello from Mina");
    await joon.person.say("and from 준");
    await mina.person.sees("and from 준");
    await until("the message in a frame", () => joon.network.frames.some(({ data }) => data.includes("hello from Mina")));
    // The cookie of a session goes over TLS only, to no other site, and no script reads it.
    const cookies = await mina.person.page.context().cookies();
    assert.deepEqual(cookies.map(({ secure, httpOnly, sameSite }) => ({ secure, httpOnly, sameSite })), [
      { secure: true, httpOnly: true, sameSite: "Lax" },
    ]);
    for (const { person } of people) assert.deepEqual(person.page.problems, []);
  });
}
