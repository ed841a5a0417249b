// Compiled, never run: the types that users see, by `import`.

import defaultIo, {
  type Answer,
  type ConnectOptions,
  connect,
  type DisconnectReason,
  io,
  isErrorAnswer,
  Manager,
  PayloadTooLarge,
  protocol,
  RemoteError,
  Socket,
  WebSocket,
  XHR,
} from "sockeye-client";
import { type Answer as CoreAnswer, io as coreIo, type Socket as CoreSocket } from "sockeye-client/core";
import { io as smallIo } from "sockeye-client/websocket";
import { isErrorAnswer as isSmallError, RemoteError as CoreError, request } from "sockeye-client/request";
import { io as officialIo, type Socket as OfficialSocket } from "socket.io-client";
import { Socket as Engine } from "sockeye-client/engine";
import { outbox } from "sockeye-client/outbox";
import { type Status, useEvent, useSocket, useStatus } from "sockeye-client/react";
import { shared } from "sockeye-client/shared";
import { connection, latest, type Readable } from "sockeye-client/svelte";
import { url } from "sockeye-client/url";

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

// Answers that are errors: `emitWithAck` gives them as values, `request` does not.
const answers: Promise<unknown>[] = [];
{
  interface ToServer {
    join: (room: string, ack: (answer: Answer<{ people: number }>) => void) => void;
    own: (ack: (answer: string | { error: { code: "full"; message: string } }) => void) => void;
    mixed: (ack: (answer: { error?: undefined; id: number } | { error: { code: string; message: string }; id: 0 }) => void) => void;
    last: (ack: (answer: number, more: string) => void) => void;
    leave: (room: string) => void;
  }
  const socket: Socket<FromServer, ToServer> = io();
  const joined: Promise<{ people: number }> = socket.request("join", "room");
  const timed: Promise<{ people: number }> = socket.timeout(5).request("join", "room");
  const dropped: Promise<{ people: number }> = socket.volatile.request("join", "room");
  const own: Promise<string> = socket.request("own");
  const mixed: Promise<{ id: number }> = socket.request("mixed");
  const first: Promise<number> = socket.request("last");
  const untyped: Promise<any> = connect().request("anything", 1);
  const raw: Promise<CoreAnswer<{ people: number }>> = socket.emitWithAck("join", "room");
  answers.push(joined, timed, dropped, own, mixed, first, untyped, raw);
  answers.push(outbox(socket).request("join", "room").then(({ people }) => people));
  answers.push(shared(() => socket).timeout(5).request("own").then((text) => text.length));
  answers.push(useSocket<FromServer, ToServer>("/chat").request("join", "room").then(({ people }) => people));
  const small: CoreSocket<FromServer, ToServer> = coreIo();
  const smallest: CoreSocket<FromServer, ToServer> = smallIo();
  const official: OfficialSocket<FromServer, ToServer> = officialIo();
  // @ts-expect-error the core does not have it
  small.request("join", "room");
  const separate: Promise<{ people: number }>[] = [
    request(small, "join", "room"),
    request(small.timeout(5), "join", "room"),
    request(small.volatile, "join", "room"),
    request(small.volatile.timeout(5), "join", "room"),
    request(smallest, "join", "room"),
    request(socket, "join", "room"),
    request(socket.timeout(5), "join", "room"),
    request(official, "join", "room"),
    request(official.timeout(5), "join", "room"),
    request(official.volatile, "join", "room"),
  ];
  const texts: Promise<string>[] = [request(small, "own"), request(official, "own"), request(small.timeout(5), "own")];
  const ids: Promise<{ id: number }>[] = [request(small, "mixed"), request(official.timeout(5), "mixed")];
  const numbers: Promise<number>[] = [request(small, "last"), request(small.timeout(5), "last"), request(official, "last")];
  const anything: Promise<any>[] = [request(coreIo(), "anything", 1), request(officialIo(), "anything", 1)];
  answers.push(...separate, ...texts, ...ids, ...numbers, ...anything);
  // @ts-expect-error a shared socket has it as a method
  request(shared(() => socket), "join", "room");
  // @ts-expect-error an argument is missing
  request(small, "join");
  // @ts-expect-error another type
  request(small, "join", 5);
  // @ts-expect-error no such event
  request(small, "nothing");
  // @ts-expect-error the error is not among what it resolves with
  request(small, "join", "room").then(({ error }) => error);
  // @ts-expect-error nor after a timeout
  request(small.timeout(5), "join", "room").then(({ error }) => error);
  raw.then((answer) => {
    // @ts-expect-error it may be an error
    answer.people;
    const people: number | string = isErrorAnswer(answer) ? answer.error.code : answer.people;
    return [people, isSmallError(answer) || answer.people.toFixed()];
  });
  joined.catch((error: unknown) => {
    if (error instanceof RemoteError) return [error.code.length, error.message, error.data];
    if (error instanceof CoreError) return error.code.length;
    return error;
  });
  // @ts-expect-error an argument is missing
  socket.request("join");
  // @ts-expect-error another type
  socket.request("join", 5);
  // @ts-expect-error no such event
  socket.request("nothing");
  // @ts-expect-error the error is not among what it resolves with
  socket.request("join", "room").then(({ error }) => error);
}

// The separate imports know the events as well.
const separate: object[] = [];
{
  interface ToServer {
    post: (text: string, ack: (id: number) => void) => void;
  }
  interface FromServer {
    chat: (from: string, text: string) => void;
  }
  const socket: Socket<FromServer, ToServer> = io();
  const id: Promise<number> = outbox(socket).emit("post", "hello");
  const saved: Promise<void> = outbox(socket).saved();
  socket.on("disconnect", (reason: Socket.DisconnectReason) => reason);
  socket.timeout(5).emit("post", "hello", (error: Error, id: number) => void [error, id]);
  // @ts-expect-error no such event
  outbox(socket).emit("nothing");
  const tab = shared(() => socket);
  tab.on("chat", (from, text) => from + text);
  tab.on("leader", () => {});
  const answer: Promise<number> = tab.emitWithAck("post", "hello");
  const hooked: Socket<FromServer, ToServer> = useSocket<FromServer, ToServer>("/chat");
  useEvent(hooked, "chat", (from, text) => void (from + text));
  const { connected, error }: Status = useStatus(hooked);
  const last: Readable<string | undefined> = latest(socket, "chat");
  connection<FromServer, ToServer>("/chat").socket.emit("post", "x", (id) => id.toFixed());
  const small: CoreSocket<FromServer, ToServer> = coreIo();
  const kept: Promise<number> = outbox(small).emit("post", "hello");
  useEvent(small, "chat", (from, text) => void (from + text));
  const ofSmall: Readable<string | undefined> = latest(small, "chat");
  const byHand = new Socket<FromServer, ToServer>(new Manager("http://a", { autoConnect: false }), "/chat");
  separate.push(byHand, kept, ofSmall, useStatus(small), small.io.socket("/other"));
  // @ts-expect-error not in the core
  small.onAny(() => {});
  const tooLarge: number = new PayloadTooLarge(1, 2).limit;
  const { host, port } = url("http://a/");
  const session = new Engine("http://a", { transports: [WebSocket, XHR] });
  session.on("message", (data) => data);
  separate.push({ id, answer, connected, error, last, tooLarge, host, port, session });
}

export { active, answer, answers, constructors, id, number, options, own, same, second, separate, size };
