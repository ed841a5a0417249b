// Engine.IO behind a real nginx with buffering on, as docs/operations.md has it: polling, the upgrade
// and messages on their way; the client's address, the scheme and the host by the proxy's word.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Socket } from "engine.io-client";
import { nginxCommand, nginxConfiguration } from "./support/nginx.mjs";
import { standIn } from "./support/program.mjs";
import { ProxyProgram } from "./support/proxy-program.mjs";
import { upgradeUnderWay } from "./support/engine-exchange.mjs";
import { event, Inbox } from "./support/waiting.mjs";

let server;
let nginx;
before(async () => {
  server = await standIn("engine-io-client", "--trusted-proxies", "127.0.0.0/8", "--payload-bytes-max", "100000");
  nginx = await ProxyProgram.start({
    name: "nginx",
    configuration: ({ port, folder }) => configuration(folder, port, server.port),
    command: nginxCommand,
  });
});
after(async () => {
  await nginx?.stop();
  await server?.stop();
});

/** What our documentation advises, but for the folders and the port. The client is to come from
 * 203.0.113.9 by TLS: nginx says so, as one that ends TLS on another address would. */
function configuration(folder, port, upstream) {
  return nginxConfiguration(folder, `
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header Host inside.example;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-For "$http_x_forwarded_for, 203.0.113.9";
    proxy_set_header X-Forwarded-Proto https;
    proxy_read_timeout 60s;
    proxy_buffering on;
    location / { proxy_pass http://127.0.0.1:${upstream}; }
  }`);
}

async function open(t, options) {
  const socket = new Socket(nginx.url, options);
  t.after(() => socket.close());
  const messages = new Inbox();
  socket.on("message", (data) => messages.push(data));
  await event(socket, "open");
  assert.equal(await messages.next("the greeting"), "hi");
  return { socket, messages };
}

for (const [name, transports] of [
  ["polling", ["polling"]],
  ["websocket", ["websocket"]],
]) {
  test(`${name}: what the proxy says of the client is believed, what the client says is not`, async (t) => {
    const extraHeaders = { "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "gopher" };
    const { socket, messages } = await open(t, { transports, extraHeaders });
    socket.send("sendSource");
    assert.deepEqual(JSON.parse(await messages.next()), { address: "203.0.113.9", secure: true });
  });

  test(`${name}: the page's host is the one the browser asked for`, async (t) => {
    await open(t, { transports, extraHeaders: { Origin: nginx.url } });
    const foreign = new Socket(nginx.url, { transports, extraHeaders: { Origin: "http://inside.example" } });
    t.after(() => foreign.close());
    await event(foreign, "error");
  });

  test(`${name}: large messages and heartbeats pass`, async (t) => {
    const { socket, messages } = await open(t, { transports });
    const large = "x".repeat(90_000);
    socket.send(large);
    assert.equal(await messages.next(), large);
    for (let round = 0; round < 3; round += 1) await event(socket, "ping");
    socket.send("alive");
    assert.equal(await messages.next(), "alive");
  });
}

test("the upgrade goes through with messages on their way", async (t) => {
  await upgradeUnderWay(t, (options) => new Socket(nginx.url, options), "hi");
});
