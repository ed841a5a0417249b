// Bun's own WebSocket server: /echo and /broadcast (its publish/subscribe), as `bench_server`.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  fetch(request, server) {
    const data = new URL(request.url).pathname;
    if ((data === "/echo" || data === "/broadcast") && server.upgrade(request, { data })) {
      return undefined;
    }
    return new Response(null, { status: 404 });
  },
  websocket: {
    perMessageDeflate: false,
    maxPayloadLength: 64 * 1024 * 1024,
    idleTimeout: 0,
    open(socket) {
      if (socket.data === "/broadcast") {
        socket.subscribe("all");
      }
    },
    message(socket, message) {
      if (socket.data === "/broadcast") {
        server.publish("all", message);
      } else {
        socket.send(message);
      }
    },
  },
});
console.log(`listening on http://127.0.0.1:${server.port}`);
process.on("SIGTERM", () => process.exit(0));
