// npm sockjs-client 1.6.1 in Node, on each transport that lives there, against `stand-in sockjs`.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import SockJS from "sockjs-client";
import { standIn } from "./support/program.mjs";
import { SteppingProxy } from "./support/steps.mjs";
import { Inbox, PATIENCE, within } from "./support/waiting.mjs";

let server;
before(async () => {
  server = await standIn("sockjs");
});
after(() => server?.stop());

/** A client on one transport alone, with its messages and its end. */
class Client {
  #inbox = new Inbox();

  static async open(url, transport) {
    const client = new Client();
    client.socket = new SockJS(url, null, { transports: transport, timeout: PATIENCE });
    client.closed = new Promise((resolve) => {
      client.socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
    });
    client.socket.onmessage = ({ data }) => client.#inbox.push(data);
    const opened = new Promise((resolve) => (client.socket.onopen = resolve));
    const end = client.closed.then((end) => {
      throw new Error(`closed instead of opened: ${JSON.stringify(end)}`);
    });
    end.catch(() => {});
    await within(PATIENCE, "the opening", Promise.race([opened, end]));
    return client;
  }

  send(text) {
    this.socket.send(text);
  }

  next() {
    return this.#inbox.next();
  }

  end() {
    return within(PATIENCE, "the end", this.closed);
  }

  async close() {
    this.socket.close();
    await this.end();
  }
}

for (const transport of ["websocket", "xhr-streaming", "eventsource", "xhr-polling"]) {
  describe(transport, () => {
    test("is the transport that is used", async () => {
      const client = await Client.open(`${server.url}/echo`, transport);
      assert.equal(client.socket.transport, transport);
      await client.close();
    });

    test("a thousand messages, once and in order", async () => {
      const client = await Client.open(`${server.url}/echo`, transport);
      for (let number = 0; number < 1_000; number += 1) client.send(`message ${number}`);
      for (let number = 0; number < 1_000; number += 1) assert.equal(await client.next(), `message ${number}`);
      await client.close();
    });

    test("large messages, whatever a stream may carry", async () => {
      const client = await Client.open(`${server.url}/echo`, transport);
      for (const size of [1, 4_095, 4_096, 4_097, 65_536, 500_000]) {
        client.send("x".repeat(size));
        assert.equal((await client.next()).length, size);
      }
      await client.close();
    });

    test("every text comes back as it was", async () => {
      const client = await Client.open(`${server.url}/echo`, transport);
      const texts = [
        "", " ", "\u0000", "\n\r\t\"\\", "한국어 👩‍🚀", "100% %20 %zz", "\u200b\u2028\u2029\ufeff\uffff", "[]", '["a"]', "o", "h",
        "c[3000,\"no\"]", "</script>", "data: x",
      ];
      for (const text of texts) client.send(text);
      for (const text of texts) assert.equal(await client.next(), text);
      await client.close();
    });

    test("the server's code and reason are told", async () => {
      const client = await Client.open(`${server.url}/close`, transport);
      assert.deepEqual(await client.end(), { code: 3_000, reason: "Go away!", wasClean: true });
    });

    test("the page's own close is clean", async () => {
      const client = await Client.open(`${server.url}/echo`, transport);
      client.socket.close(3_001, "done");
      assert.deepEqual(await client.end(), { code: 3_001, reason: "done", wasClean: true });
    });

    test("many messages in one direction", async () => {
      const client = await Client.open(`${server.url}/amplify`, transport);
      for (let power = 1; power < 19; power += 1) {
        client.send(String(power));
        assert.equal((await client.next()).length, 2 ** power);
      }
      await client.close();
    });

    test("others hear what one says", async () => {
      const clients = [];
      for (let count = 0; count < 3; count += 1) clients.push(await Client.open(`${server.url}/broadcast`, transport));
      const text = `to all on ${transport}`;
      clients[0].send(text);
      for (const client of clients) assert.equal(await client.next(), text);
      for (const client of clients) await client.close();
    });

    // By a reset: an answer whose connection ends in order before its end is not noticed by the client's own
    // request in Node (`xhr-streaming`), with npm's server as with ours.
    test("a connection that is lost ends it, and a new one serves", async (t) => {
      const proxy = await SteppingProxy.start(server.port);
      t.after(() => proxy.stop());
      const client = await Client.open(`${proxy.url}/echo`, transport);
      client.send("before");
      assert.equal(await client.next(), "before");
      proxy.cut();
      const { wasClean } = await client.end();
      assert.equal(wasClean, false);
      const again = await Client.open(`${proxy.url}/echo`, transport);
      again.send("after");
      assert.equal(await again.next(), "after");
      await again.close();
    });
  });
}

test("without WebSockets the client takes the next transport", async () => {
  const client = await Client.open(`${server.url}/disabled_websocket_echo`, undefined);
  assert.equal(client.socket.transport, "xhr-streaming");
  client.send("a");
  assert.equal(await client.next(), "a");
  await client.close();
});
