// npm socket.io on Node.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { serve } from "./socket-io-events.mjs";

const http = createServer();
serve(new Server(http, { serveClient: false, maxHttpBufferSize: 64 * 1024 * 1024 }));
http.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
