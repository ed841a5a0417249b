// Option `retries`: one packet at a time, again until acknowledged or out of tries.

import { type Ack, type Flags, Socket, takeAck } from "../socket.js";

declare module "../socket.js" {
  interface Socket<Listen, Emit> {
    /** Packets of the option `retries`, as functions that send them; the first one is under way. */
    _queue: (() => void)[];
    /** Whether the first one was sent on this connection. */
    _trying: boolean;
  }

  interface Flags {
    /** A try of the queue, not an event of the application. */
    fromQueue?: boolean;
  }
}

const { emit, onconnect } = Socket.prototype;

Socket.prototype.emit = function (event, ...args) {
  const { flags, _opts: opts } = this;
  if (!opts.retries || flags.fromQueue || flags.volatile) return emit.call(this, event, ...args);
  this.flags = {};
  enqueue(this, [event, ...args], flags);
  return this;
};

Socket.prototype.onconnect = function (id, privateId) {
  onconnect.call(this, id, privateId);
  // On a new connection the answer to the try under way will not come.
  this._trying = false;
  sendQueued(this);
};

Object.defineProperty(Socket.prototype, "_queue", {
  get(this: Socket) {
    const value: (() => void)[] = [];
    Object.defineProperty(this, "_queue", { value });
    return value;
  },
});

function enqueue(socket: Socket, args: any[], flags: Flags): void {
  const ack = takeAck(args);
  let tries = 0;
  const answered: Ack = (error: Error | null, ...answer: any[]) => {
    // A late answer to an earlier try.
    if (send !== socket._queue[0]) return;
    socket._trying = false;
    if (!error || tries > socket._opts.retries!) {
      socket._queue.shift();
      ack?.(error, ...answer);
    }
    sendQueued(socket);
  };
  answered.withError = true;
  const send = () => {
    tries++;
    socket.flags = { ...flags, fromQueue: true };
    socket.emit(...(args as [string]), answered);
  };
  socket._queue.push(send);
  sendQueued(socket);
}

function sendQueued(socket: Socket): void {
  if (!socket.connected || socket._trying || !socket._queue[0]) return;
  socket._trying = true;
  socket._queue[0]();
}
