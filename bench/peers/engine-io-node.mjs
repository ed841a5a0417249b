// npm engine.io on Node: every message goes back as it came.
import { createServer } from "node:http";
import { Server } from "engine.io";

const http = createServer((_request, response) => response.writeHead(404).end());
const engine = new Server({ maxHttpBufferSize: 64 * 1024 * 1024 });
engine.attach(http, { path: "/engine.io/" });
engine.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
http.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
