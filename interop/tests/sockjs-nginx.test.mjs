// SockJS behind nginx as it comes: it buffers answers, and has little patience with a server that says nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import SockJS from "sockjs-client";
import { nginxCommand, nginxConfiguration } from "./support/nginx.mjs";
import { standIn } from "./support/program.mjs";
import { ProxyProgram } from "./support/proxy-program.mjs";
import { Inbox, PATIENCE, until, within } from "./support/waiting.mjs";

/** After so much silence the proxy gives up. */
const PATIENCE_SECONDS = 2;
/** Our server says something more often than that. */
const HEARTBEAT_MS = 300;

let server;
let proxy;
before(async () => {
  server = await standIn("sockjs", "--heartbeat", String(HEARTBEAT_MS));
  proxy = await ProxyProgram.start({
    name: "nginx",
    configuration({ port, folder }) {
      return nginxConfiguration(folder, `
        map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
        server {
          listen 127.0.0.1:${port};
          location / {
            proxy_pass http://127.0.0.1:${server.port};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout ${PATIENCE_SECONDS}s;
          }
        }`);
    },
    command: nginxCommand,
  });
});
after(async () => {
  await proxy?.stop();
  await server?.stop();
});

for (const transport of ["websocket", "xhr-streaming", "eventsource", "xhr-polling"]) {
  test(`${transport}: each message before the next is sent, and silence for longer than the proxy waits`, async () => {
    const inbox = new Inbox();
    const socket = new SockJS(`${proxy.url}/echo`, null, { transports: transport, timeout: PATIENCE });
    let end = null;
    socket.onmessage = ({ data }) => inbox.push(data);
    const closed = new Promise((resolve) => {
      socket.onclose = (event) => {
        end = event;
        resolve(event);
      };
    });
    await within(PATIENCE, "the opening", new Promise((resolve) => (socket.onopen = resolve)));
    for (let number = 0; number < 5; number += 1) {
      socket.send(`message ${number}`);
      assert.equal(await inbox.next(), `message ${number}`);
    }
    const begun = performance.now();
    await until("the time to pass", () => end || performance.now() - begun > PATIENCE_SECONDS * 2_000);
    assert.equal(end, null, `it ended: ${end?.code} ${end?.reason}`);
    socket.send("still there");
    assert.equal(await inbox.next(), "still there");
    socket.close();
    await within(PATIENCE, "the end", closed);
  });
}
