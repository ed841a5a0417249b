// The official server with the events that the client's tests use. Its one argument is JSON: options
// for the server. Prints one line when it is ready.
import { createServer } from "node:http";
import { Server } from "socket.io";

const options = JSON.parse(process.argv[2] ?? "{}");
const http = createServer();
const io = new Server(http, options);

const seen = [];

io.on("connection", (socket) => {
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("ack", (...args) => args.pop()(...args));
  socket.on("silent", () => {});
  socket.on("ask", (question) => {
    socket.timeout(5000).emit("question", question, (error, ...answer) => {
      socket.emit("answered", error ? "timeout" : answer);
    });
  });
  socket.on("burst", (count) => {
    for (let number = 0; number < count; number += 1) socket.emit("number", number);
  });
  socket.on("note", (note) => seen.push(note));
  socket.on("seen", (answer) => answer(seen));
  socket.on("auth", (answer) => answer(socket.handshake.auth));
  socket.on("query", (name, answer) => answer(socket.handshake.query[name]));
  socket.on("expel", () => socket.disconnect());
  // Ends the connection under the session, as a network would.
  socket.on("cut", () => {
    const { transport } = socket.conn;
    if (transport.name === "websocket") transport.socket.terminate();
    else socket.conn.close(true);
  });
  socket.on("disconnect", (reason) => seen.push(`left: ${reason}`));
});

io.of("/chat").on("connection", (socket) => {
  socket.on("join", (room, answer) => {
    socket.join(room);
    answer(socket.id);
  });
  socket.on("say", (room, text) => io.of("/chat").to(room).emit("said", text));
});

io.of("/guarded").use((socket, next) => {
  if (socket.handshake.auth.token === "secret") return next();
  const error = new Error("unauthorized");
  error.data = { code: 7 };
  next(error);
});

http.listen(0, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
// The test ends us by closing our input.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
