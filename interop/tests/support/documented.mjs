// The proxies of docs/operations.md: each is started with the configuration that stands there, but for
// the port, the certificate and the ports of the servers, and has to do all that the page says.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { standIn } from "./program.mjs";
import { ProxyProgram } from "./proxy-program.mjs";
import { event } from "./waiting.mjs";

const PAGE = new URL("../../../docs/operations.md", import.meta.url);
const HOST = "chat.example";
/** Beside 127.0.0.1, which the proxy has and the servers trust. */
const CLIENT = "127.0.0.2";

/** What a client may say of itself, in either family. */
const FORGED = {
  "X-Forwarded-For": "6.6.6.6",
  "X-Forwarded-Proto": "https",
  "X-Forwarded-Host": HOST,
  Forwarded: `for=6.6.6.6;proto=https;host=${HOST}`,
};

/** The text in a fence of this language. */
async function block(language) {
  const page = await readFile(PAGE, "utf8");
  const found = page.split(`\`\`\`${language}\n`);
  assert.equal(found.length, 2, `one block of ${language} in docs/operations.md`);
  return found[1].slice(0, found[1].indexOf("```"));
}

/** Replaces what stands there exactly once. */
function replaceOnce(text, pattern, replacement) {
  assert.equal(text.split(pattern).length, 2, `${pattern} once in:\n${text}`);
  return text.replace(pattern, replacement);
}

/** The documented proxy, in front of these servers. */
function start({ language, configuration, command }, servers) {
  return ProxyProgram.start({
    name: language,
    async configuration({ port, folder }) {
      let text = await block(language);
      const replace = (pattern, replacement) => (text = replaceOnce(text, pattern, replacement));
      for (const [index, server] of servers.entries()) {
        replace(`127.0.0.1:${3001 + index}`, `127.0.0.1:${server.port}`);
      }
      return configuration({ replace, port, folder, text: () => text });
    },
    command,
  });
}

/** The tests of one documented proxy. */
export function documentedProxy(options) {
  const servers = [];
  let proxy;
  before(async () => {
    for (let index = 0; index < (options.servers ?? 2); index += 1) {
      servers.push(await standIn("behaviour", "--trusted-proxies", "127.0.0.1", "--allowed-host", HOST));
    }
    proxy = await start(options, servers);
  });
  after(async () => {
    await proxy?.stop();
    for (const server of servers) await server.stop();
  });

  /** Connects to the proxy under its documented name, from an address of the client's own. */
  function connect(t, transports, extraHeaders = {}, localAddress = CLIENT) {
    const lookup = (_, { all }, callback) =>
      all ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4);
    const agent = new http.Agent({ localAddress, lookup });
    const socket = io(`http://${HOST}:${proxy.port}`, {
      transports, extraHeaders, agent, forceNew: true, reconnection: false,
    });
    t.after(() => {
      socket.disconnect();
      agent.destroy();
    });
    return socket;
  }

  /** A request that names a host, with its status and body. */
  function ask(host, headers = {}, path = "/socket.io/?EIO=4&transport=polling", port = proxy.port) {
    return new Promise((resolve, reject) => {
      const request = http.get({
        host: "127.0.0.1",
        port,
        localAddress: CLIENT,
        agent: false,
        path,
        headers: { host, ...headers },
      });
      request.on("error", reject).on("response", async (response) => {
        let body = "";
        for await (const chunk of response) body += chunk;
        resolve({ status: response.statusCode, body });
      });
    });
  }

  for (const [name, transports] of [["polling", ["polling"]], ["websocket", ["websocket"]]]) {
    test(`${name}: the address is the client's, whatever it says of itself`, async (t) => {
      // A header that `Connection` names is for the next hop alone (RFC 9110 §7.6.1): some proxies take
      // away what they have just written themselves.
      const hop = `${name === "polling" ? "close" : "Upgrade"}, ${Object.keys(FORGED).join(", ")}`;
      for (const headers of [{}, FORGED, { Connection: hop }, { ...FORGED, Connection: hop }]) {
        const socket = connect(t, transports, headers);
        await event(socket, "connect");
        assert.deepEqual(await socket.emitWithAck("source"), { address: CLIENT, secure: false });
        assert.equal(await socket.emitWithAck("transport"), name);
      }
    });

    test(`${name}: pages of the name connect, others do not`, async (t) => {
      const own = connect(t, transports, { Origin: `http://${HOST}:${proxy.port}` });
      await event(own, "connect");
      for (const Origin of [`http://evil.test:${proxy.port}`, `http://${HOST}:1`, "null"]) {
        const foreign = connect(t, transports, { ...FORGED, Origin });
        await event(foreign, "connect_error");
      }
    });

    test(`${name}: large messages and heartbeats pass`, async (t) => {
      const socket = connect(t, transports);
      await event(socket, "connect");
      const large = "x".repeat(90_000);
      assert.equal(await socket.emitWithAck("echo", large), large);
      for (let round = 0; round < 3; round += 1) await event(socket.io.engine, "ping");
      assert.equal(await socket.emitWithAck("echo", "alive"), "alive");
    });
  }

  test("polling goes on as a WebSocket", async (t) => {
    const socket = connect(t, ["polling", "websocket"]);
    await event(socket, "connect");
    const asked = socket.emitWithAck("echo", "on the way");
    if (socket.io.engine.transport.name !== "websocket") await event(socket.io.engine, "upgrade");
    assert.equal(await asked, "on the way");
    assert.equal(await socket.emitWithAck("transport"), "websocket");
  });

  test("each of many clients that poll stays with its server", async (t) => {
    const sockets = Array.from({ length: 12 }, (_, index) =>
      connect(t, ["polling"], {}, `127.0.0.${index + 2}`));
    await Promise.all(sockets.map((socket) => event(socket, "connect")));
    for (let round = 0; round < 3; round += 1) {
      const answers = sockets.map((socket, index) => socket.emitWithAck("echo", [round, index]));
      assert.deepEqual(await Promise.all(answers), sockets.map((_, index) => [round, index]));
    }
    assert.ok(sockets.every((socket) => socket.connected));
  });

  test("paths pass as they are", async () => {
    for (const path of ["/room/a%2Fb", "/room/a%2F%2Fb", "/room/50%25", "/room/%EC%9A%B0", "/room/a%20b?c=%2F"]) {
      const host = `${HOST}:${proxy.port}`;
      const direct = await ask(host, {}, path, servers[0].port);
      assert.deepEqual(await ask(host, {}, path), direct, path);
    }
  });

  test("another host is not answered, whatever the client says it was", async () => {
    assert.match((await ask(`${HOST}:${proxy.port}`)).body, /^0\{"sid":/);
    for (const host of ["evil.test", `evil.test:${proxy.port}`, `${HOST}.evil.test`, `evil.test.:1`]) {
      for (const headers of [{}, FORGED]) {
        const { status, body } = await ask(host, headers);
        assert.equal(status, options.otherHosts.status, host);
        assert.match(body, options.otherHosts.body);
      }
    }
  });
}
