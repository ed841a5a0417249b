// Compiled, never run: the types that users see, by `require`.

import io = require("sockeye-client");

interface Events {
  chat: (text: string, ack: (id: number) => void) => void;
}

const socket: io.Socket<Events> = io<Events>("http://a", { forceNew: true });
socket.on("chat", (text, ack) => ack(text.length));
const named: io.Socket = io.io("http://a");
const manager: io.Manager = new io.Manager("http://a");
const options: io.ManagerOptions = { reconnection: false };
const reason: io.DisconnectReason = "transport close";

// @ts-expect-error no such event
socket.on("nothing", () => {});

const described: io.DisconnectDescription = new Error("x");
const told: io.Socket.DisconnectReason = reason;
const isOne: boolean = socket instanceof io.Socket;
const transports = [io.WebSocket, io.Fetch];
// A function written for socket.io-client's types fits.
socket.timeout(5).emit("chat", "hello", (error: Error, id: number) => void [error, id]);

// Answers that are errors.
const failed: io.Answer<number> = { error: { code: "full", message: "no room" } };
const code: string = new io.RemoteError(failed.error).code;
const answered: Promise<number> = socket.request("chat", "hello");
const problem = (error: unknown): string => (error instanceof io.RemoteError ? error.code : "");
const isError: boolean = io.isErrorAnswer(failed);

export = { code, answered, problem, isError, named, manager, options, reason, byDefault: io.default, described, told, isOne, transports };
