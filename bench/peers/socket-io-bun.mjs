// npm socket.io on Bun with the engine made for it.
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { serve } from "./socket-io-events.mjs";

const io = new Server();
const engine = new Engine({ path: "/socket.io/", maxHttpBufferSize: 64 * 1024 * 1024 });
io.bind(engine);
serve(io);
const server = Bun.serve({
  ...engine.handler(),
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
});
console.log(`listening on http://127.0.0.1:${server.port}`);
process.on("SIGTERM", () => process.exit(0));
