// Compiled, never run: the types that users see, by `import`.

import defaultIo, {
  type ConnectOptions,
  connect,
  type DisconnectReason,
  io,
  Manager,
  protocol,
  Socket,
} from "sockeye-client";

interface FromServer {
  chat: (name: string, text: string) => void;
  question: (value: number, answer: (yes: boolean) => void) => void;
}

interface ToServer {
  join: (room: string) => void;
  chat: (text: string, ack: (id: number) => void) => void;
  upload: (data: Uint8Array, ack: (size: number, hash: string) => void) => void;
}

const socket: Socket<FromServer, ToServer> = io("https://example.com/chat", {
  auth: { token: "t" },
  transports: ["websocket", "polling"],
  query: { a: 1 },
});

socket.on("connect", () => {});
socket.on("connect_error", (error) => error.message + error.data?.reason);
socket.on("disconnect", (reason: DisconnectReason, details) => [reason, details]);
socket.on("chat", (name, text) => name.toUpperCase() + text.length);
socket.once("question", (value, answer) => answer(value > 1));
socket.off("chat").off().offAny();
socket.onAny((event, ...args) => [event.length, args]);
socket.emit("join", "room");
socket.emit("chat", "text", (id) => id.toFixed());
socket.volatile.compress(false).emit("join", "room");
socket.timeout(5000).emit("chat", "text", (error, id) => [error?.message, id.toFixed()]);
socket.send("anything", 1);
const id: Promise<number> = socket.emitWithAck("chat", "text");
const size: Promise<number> = socket.timeout(10).emitWithAck("upload", new Uint8Array(1));
socket.io.on("reconnect_attempt", (attempt) => attempt.toFixed());
socket.io
  .on("reconnect", () => {})
  .reconnectionDelay(10)
  .timeout(false);
socket.connect().disconnect();
const active: boolean = socket.active && socket.connected && socket.disconnected;
const own: string | undefined = socket.id;

// @ts-expect-error no such event
socket.on("nothing", () => {});
// @ts-expect-error another type
socket.on("chat", (name: number) => name);
// @ts-expect-error an argument is missing
socket.emit("join");
// @ts-expect-error another type
socket.emit("chat", 5, () => {});
// @ts-expect-error no such event
socket.emit("question", 1, () => {});
// @ts-expect-error no such transport
io({ transports: ["pigeon"] });
// @ts-expect-error no such option
io("http://a", { reconnect: true });

const untyped: Socket = connect();
untyped.on("anything", (a, b) => [a, b]);
untyped.emit("anything", 1, () => {});
const answer: Promise<any> = untyped.emitWithAck("anything", 1);

const options: Partial<ConnectOptions> = { auth: (provide) => provide({ token: "t" }) };
const manager = new Manager("http://a", { autoConnect: false });
const second: Socket = manager.socket("/b", { ackTimeout: 10, retries: 2 });
const same: typeof io = defaultIo;
const number: number = protocol;
const constructors = [io.Manager, io.Socket, io.connect, io.io, io.protocol];

export { active, answer, constructors, id, number, options, own, same, second, size };
