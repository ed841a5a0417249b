// The real transports of both builds, against HTTP servers that play a part.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, describe, it } from "node:test";

import { Server } from "socket.io";
import { WebSocket } from "ws";

const builds = {
  node: await import("../dist/node/index.mjs"),
  browser: await import("../dist/socket.io.esm.min.js"),
};

const OPEN = JSON.stringify({
  sid: "session",
  upgrades: [],
  pingInterval: 25_000,
  pingTimeout: 20_000,
  maxPayload: 100,
});

/** An HTTP server; `handle(request, response, body)` is called when the body is complete. */
async function serve(handle) {
  const server = http.createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk) => (body += chunk));
    request.on("end", () => handle(request, response, body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    server,
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const event = (emitter, name) =>
  new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));

async function condition(holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

for (const [build, { io, Manager }] of Object.entries(builds)) {
  describe(`polling of the ${build} build`, { timeout: 180_000 }, () => {
    if (build === "browser" && !globalThis.WebSocket) {
      before(() => (globalThis.WebSocket = WebSocket));
      after(() => delete globalThis.WebSocket);
    }

    it("cuts POST bodies at maxPayload, counted in bytes, and loses nothing", async () => {
      const bodies = [];
      const { url, close } = await serve((request, response, body) => {
        if (request.method === "POST") {
          bodies.push(body);
          return response.end("ok");
        }
        if (request.url.includes("sid=")) return;
        response.end(`0${OPEN}\x1e40{"sid":"id"}`);
      });
      const socket = io(url, { transports: ["polling"], forceNew: true });
      await event(socket, "connect");
      const texts = [
        "a".repeat(80),
        "한".repeat(20),
        "",
        "b".repeat(90),
        "c",
        "👋".repeat(10),
        "d",
      ];
      for (const text of texts) socket.emit("x", text);
      socket.emit("bin", new Uint8Array(30), "e");
      const expected = [
        "40",
        ...texts.map((text) => `42["x","${text}"]`),
        '451-["bin",{"_placeholder":true,"num":0},"e"]',
        `b${"A".repeat(40)}`,
      ];
      const packets = () => bodies.flatMap((body) => body.split("\x1e"));
      await condition(() => packets().length === expected.length);
      assert.deepEqual(packets(), expected);
      for (const body of bodies) {
        assert.ok(Buffer.byteLength(body) <= 100 || !body.includes("\x1e"), body);
      }
      // As few as fit: another packet would have been too much.
      assert.ok(bodies.length < expected.length - 2, String(bodies.length));
      socket.disconnect();
      close();
    });

    it("says with which status and body it was refused", async () => {
      const { url, close } = await serve((request, response) => {
        response.writeHead(403).end('{"code":4,"message":"Forbidden"}');
      });
      const socket = io(url, { transports: ["polling"], reconnection: false, forceNew: true });
      const [error] = await event(socket, "connect_error");
      assert.equal(error.message, "xhr poll error");
      assert.equal(error.type, "TransportError");
      assert.equal(error.description, 403);
      assert.equal(error.status, 403);
      assert.equal(error.reason, '{"code":4,"message":"Forbidden"}');
      assert.equal(error.context.status, 403);
      assert.equal(error.context.responseText, '{"code":4,"message":"Forbidden"}');
      close();
    });

    it("says that nobody answered", async () => {
      const { url, close } = await serve(() => {});
      close();
      for (const [transport, message] of [
        ["polling", "xhr poll error"],
        ["websocket", "websocket error"],
      ]) {
        const socket = io(url, { transports: [transport], reconnection: false, forceNew: true });
        const [error] = await event(socket, "connect_error");
        assert.equal(error.message, message);
      }
    });

    it("connects when the server comes back", async () => {
      const first = new Server(0);
      const { port } = first.httpServer.address();
      const socket = io(`http://localhost:${port}`, {
        forceNew: true,
        reconnectionDelay: 20,
        reconnectionDelayMax: 40,
      });
      await event(socket, "connect");
      const lost = event(socket, "disconnect");
      first.close();
      await lost;
      socket.emit("waits");
      await event(socket.io, "reconnect_error");
      const second = new Server(port);
      const arrived = new Promise((resolve) =>
        second.on("connection", (peer) => peer.on("waits", resolve)),
      );
      await event(socket, "connect");
      await arrived;
      socket.disconnect();
      second.close();
    });

    it("sends its query, headers and path", async () => {
      const requests = [];
      const { url, close } = await serve((request, response) => {
        requests.push(request);
        response.writeHead(400).end();
      });
      const ask = async (options) => {
        const common = { transports: ["polling"], reconnection: false, forceNew: true };
        await event(io(`${url}/nsp`, { ...common, ...options }), "connect_error");
        return requests.at(-1);
      };
      const plain = new URL((await ask({})).url, url);
      assert.equal(plain.pathname, "/socket.io/");
      const { t, ...query } = Object.fromEntries(plain.searchParams);
      assert.deepEqual(query, { EIO: "4", transport: "polling" });
      assert.ok(t);

      const other = await ask({
        path: "/my/path/",
        addTrailingSlash: false,
        query: { "a&b": "1 +한" },
        extraHeaders: { "x-test": "yes" },
        timestampRequests: false,
        forceBase64: true,
      });
      assert.equal(other.headers["x-test"], "yes");
      const { pathname, searchParams } = new URL(other.url, url);
      assert.equal(pathname, "/my/path");
      assert.deepEqual(Object.fromEntries(searchParams), {
        "a&b": "1 +한",
        EIO: "4",
        transport: "polling",
        b64: "1",
      });
      const stamp = new URL((await ask({ timestampParam: "ts" })).url, url).searchParams;
      assert.deepEqual([...stamp.keys()].sort(), ["EIO", "transport", "ts"]);
      const special = await ask({
        transportOptions: { polling: { extraHeaders: { "x-test": "polling" } } },
      });
      assert.equal(special.headers["x-test"], "polling");
      close();
    });

    it("gives up a request after requestTimeout", async () => {
      const { url, close } = await serve(() => {});
      const options = { transports: ["polling"], reconnection: false, forceNew: true };
      const socket = io(url, { ...options, requestTimeout: 30 });
      const [error] = await event(socket, "connect_error");
      assert.equal(error.message, "xhr poll error");
      close();
    });

    it("leaves no session behind, whenever it is closed", async () => {
      const server = new Server(0);
      const url = `http://localhost:${server.httpServer.address().port}`;
      const opened = [];
      server.engine.on("connection", (session) => opened.push(session));
      const ends = [
        (socket) => socket.disconnect(),
        (socket) => setImmediate(() => socket.disconnect()),
        (socket) => setTimeout(() => socket.disconnect(), 3),
        (socket) => socket.io.once("open", () => socket.disconnect()),
        (socket) => socket.once("connect", () => socket.disconnect()),
        (socket) => socket.once("connect", () => socket.emit("x", "y").disconnect()),
        (socket) => socket.io.engine.once("upgrading", () => socket.disconnect()),
        (socket) => socket.io.engine.once("upgrade", () => socket.disconnect()),
      ];
      for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
        for (const end of transports.length > 1 ? ends : ends.slice(0, 6)) {
          const socket = io(url, { transports, forceNew: true });
          end(socket);
          await condition(() => !socket.active);
        }
      }
      await condition(() => opened.length > 8 && server.engine.clientsCount === 0);
      server.close();
    });

    it("ends a poll that is waiting when it closes", async () => {
      const aborted = [];
      const posts = [];
      const { url, close } = await serve((request, response, body) => {
        if (request.method === "POST") {
          posts.push(body);
          return response.end("ok");
        }
        if (request.url.includes("sid="))
          return response.on("close", () => aborted.push(request.url));
        response.end(`0${OPEN}`);
      });
      const manager = new Manager(url, { transports: ["polling"] });
      await event(manager, "open");
      manager._close();
      await condition(() => aborted.length === 1);
      assert.deepEqual(posts, ["1"]);
      close();
    });

    it("ends with the page's or the platform's error, not with an exception, on bad answers", async () => {
      const answers = ["", "x", "0", "0{}", "\x1e", "b!", "4", "6", '0{"sid":"s"}\x1e', "1"];
      for (const answer of answers) {
        const { url, close } = await serve((request, response) => response.end(answer));
        const manager = new Manager(url, {
          transports: ["polling"],
          reconnectionAttempts: 1,
          reconnectionDelay: 1,
          timeout: 50,
        });
        await Promise.race([
          event(manager, "close"),
          event(manager, "error"),
          event(manager, "open"),
        ]);
        manager._close();
        close();
      }
    });
  });
}

describe("what only Node has", { timeout: 180_000 }, () => {
  const { io, Manager } = builds.node;

  // First, since `ws` of other tests would miss its timers.
  it("holds on to its own timers if asked to", async (t) => {
    const { url, close } = await serve((_request, response) => response.end("0" + OPEN));
    t.after(close);
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const fails = (useNativeTimers) => {
      const manager = new Manager(url, { useNativeTimers, timeout: 1, transports: [Silent] });
      return { manager, failed: event(manager, "error") };
    };
    class Silent {
      off = () => this;
      on = () => this;
      open() {}
      close() {}
      get name() {
        return "silent";
      }
    }
    const held = fails(false);
    const free = fails(true);
    assert.equal((await free.failed)[0].message, "timeout");
    let hasFailed = false;
    held.failed.then(() => (hasFailed = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(hasFailed, false);
    t.mock.timers.tick(1);
    assert.equal((await held.failed)[0].message, "timeout");
    held.manager._close();
    free.manager._close();
  });

  it("returns the cookies that the server set, to polls and to the WebSocket", async (t) => {
    const server = http.createServer();
    const sio = new Server(server);
    const seen = { polling: [], websocket: [] };
    sio.engine.on("headers", (headers, request) => {
      seen.polling.push(request.headers.cookie);
      if (seen.polling.length === 1) headers["Set-Cookie"] = ["a=1; Max-Age=100", "b=2; Max-Age=0"];
    });
    server.on("upgrade", (request) => seen.websocket.push(request.headers.cookie));
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => sio.close());
    const address = `http://127.0.0.1:${server.address().port}`;
    const socket = io(address, { withCredentials: true, extraHeaders: { Cookie: "own=0" } });
    await event(socket.io, "open");
    await event(socket.io.engine, "upgrade");
    assert.equal(seen.polling[0], "own=0");
    assert.ok(seen.polling.slice(1).every((cookie) => cookie === "own=0; a=1"), seen.polling.join());
    assert.deepEqual(seen.websocket, ["own=0; a=1"]);
    socket.disconnect();

    seen.polling.length = 0;
    const other = io(address, { forceNew: true, transports: ["polling"] });
    await event(other, "connect");
    assert.ok(seen.polling.length > 1 && seen.polling.every((cookie) => cookie === undefined));
    other.disconnect();
  });

  it("says with which status and body a WebSocket was refused", async (t) => {
    const { url, server, close } = await serve(() => {});
    t.after(close);
    server.on("upgrade", (_request, socket) => {
      const body = '{"code":1,"message":"Session ID unknown"}';
      socket.end(`HTTP/1.1 400 Bad Request\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
    // An option that only `ws` has.
    const options = { transports: ["websocket"], reconnection: false, family: 4, forceNew: true };
    const [error] = await event(io(url, options), "connect_error");
    assert.equal(error.message, "websocket error");
    assert.equal(error.status, 400);
    assert.equal(error.reason, '{"code":1,"message":"Session ID unknown"}');
    assert.equal(error.description.type, "error");
  });

  it("compresses what is worth it", async (t) => {
    const server = http.createServer();
    const sio = new Server(server, { perMessageDeflate: true });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => sio.close());
    const address = `http://127.0.0.1:${server.address().port}`;
    for (const [perMessageDeflate, length, compresses] of [
      [{}, 10, false],
      [{}, 2000, true],
      [{ threshold: 5 }, 10, true],
    ]) {
      const options = { forceNew: true, transports: ["websocket"], perMessageDeflate };
      const socket = io(address, options);
      await event(socket, "connect");
      const { ws } = socket.io.engine.transport;
      const send = t.mock.method(ws, "send");
      socket.emit("x", "y".repeat(length));
      socket.compress(false).emit("x", "y".repeat(length));
      await condition(() => send.mock.callCount() === 2);
      const compressed = send.mock.calls.map(({ arguments: [, options] }) => options.compress);
      assert.deepEqual(compressed, [compresses, false]);
      socket.disconnect();
    }
  });
});

for (const build of ["node", "browser"]) {
  describe(`a hostile server, ${build}`, { timeout: 180_000 }, () => {
    it("cannot fill the memory with an answer that does not end", async (t) => {
      const { Manager } = await import(`../dist/${build}/index.mjs`);
      let sent = 0;
      const { url, close } = await serve((_request, response) => {
        const more = () => {
          while (!response.destroyed && (sent += 1024)) {
            if (!response.write("x".repeat(1024))) return response.once("drain", more);
          }
        };
        more();
      });
      t.after(close);
      const options = { transports: ["polling"], reconnection: false, receivedBytesMax: 100_000 };
      const manager = new Manager(url, options);
      const [error] = await event(manager, "error");
      assert.equal(error.message, "xhr poll error");
      assert.match(error.description.message, /more than 100000 bytes/);
      assert.ok(sent < 20_000_000, `${sent} bytes sent`);
    });
  });
}
