// npm ws on Node: /echo and /broadcast, as `bench_server` has them.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const options = { noServer: true, perMessageDeflate: false, maxPayload: 64 * 1024 * 1024 };
const echo = new WebSocketServer({ ...options, clientTracking: false });
const broadcast = new WebSocketServer(options);

echo.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, binary) => socket.send(data, { binary }));
});

broadcast.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, binary) => {
    for (const client of broadcast.clients) {
      client.send(data, { binary });
    }
  });
});

const http = createServer((_request, response) => response.writeHead(404).end());
http.on("upgrade", (request, socket, head) => {
  const server = { "/echo": echo, "/broadcast": broadcast }[request.url];
  if (server === undefined) {
    socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
    return;
  }
  server.handleUpgrade(request, socket, head, (client) => server.emit("connection", client));
});
http.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
