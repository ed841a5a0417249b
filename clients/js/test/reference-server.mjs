// The server that test/behaviour.test.mjs describes, made with npm's socket.io.
//
//   node test/reference-server.mjs [--port N]
//
// prints `listening on http://127.0.0.1:PORT` when it is ready.

import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import { Server } from "socket.io";

/** Starts it; resolves with its address and a function that ends it. */
export async function startServer(port = 0) {
  const http = createServer();
  const server = new Server(http, {
    pingInterval: 500,
    pingTimeout: 20_000,
    maxHttpBufferSize: 100_000,
  });
  const reasons = new Map();

  server.of("/").on("connection", (socket) => serve(socket, reasons));
  server.of("/other").on("connection", (socket) => serve(socket, reasons));
  server.of("/refuse").use((socket, next) => {
    next(Object.assign(new Error("refused"), { data: { code: 7, list: ["a", null] } }));
  });
  server.of("/token").use((socket, next) => {
    const { token } = socket.handshake.auth;
    if (token === "secret") return next();
    next(Object.assign(new Error("bad token"), { data: { token: token ?? null } }));
  });
  server.of("/token").on("connection", (socket) => serve(socket, reasons));

  await new Promise((resolve) => http.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${http.address().port}`,
    io: server,
    close: () => server.close(),
  };
}

function serve(socket, reasons) {
  socket.on("echo", (...args) => {
    if (typeof args.at(-1) === "function") args.pop()(...args);
    else socket.emit("echo", ...args);
  });
  socket.on("auth", (ack) => ack(socket.handshake.auth));
  socket.on("query", (name, ack) => ack(socket.handshake.query[name] ?? null));
  socket.on("transport", (ack) => ack(socket.conn.transport.name));
  socket.on("ask", (...args) => {
    socket.emit("question", ...args, (...answers) => socket.emit("answer", ...answers));
  });
  socket.on("bytes", (count, ack) => {
    const bytes = Buffer.from(Array.from({ length: count }, (_, index) => index % 256));
    if (ack) ack(bytes, { nested: [bytes] });
    else socket.emit("bytes", bytes, { nested: [bytes] });
  });
  socket.on("burst", (count) => {
    for (let index = 0; index < count; index++) socket.emit("burst", index);
  });
  socket.on("join", async (room, ack) => {
    await socket.join(room);
    ack();
  });
  socket.on("leave", async (room, ack) => {
    await socket.leave(room);
    ack();
  });
  socket.on("to-room", (room, ...args) => socket.to(room).emit("room", ...args));
  socket.on("in-room", (room, ...args) => socket.nsp.in(room).emit("room", ...args));
  socket.on("others", (...args) => socket.broadcast.emit("others", ...args));
  socket.on("all", (...args) => socket.nsp.emit("all", ...args));
  socket.on("disconnect-me", (close) => socket.disconnect(close));
  socket.on("drop", () => socket.conn.close());
  socket.on("disconnect", (reason) => reasons.set(socket.id, reason));
  socket.on("reason-of", (id, ack) => ack(reasons.get(id) ?? null));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const index = process.argv.indexOf("--port");
  const { url } = await startServer(index < 0 ? 0 : Number(process.argv[index + 1]));
  console.log(`listening on ${url}`);
}
