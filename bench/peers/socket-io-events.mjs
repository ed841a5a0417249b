// What every Socket.IO server here does with events.
export function serve(io) {
  io.on("connection", (socket) => {
    socket.on("echo", (...args) => socket.emit("echo", ...args));
    socket.on("broadcast", (...args) => io.emit("broadcast", ...args));
    socket.on("ack", (...args) => args.pop()(...args));
  });
}
