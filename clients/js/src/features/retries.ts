// Option `retries`: one packet at a time, again until acknowledged or out of tries.

import { type Ack, type Flags, takeAck } from "../socket.js";
import type { Socket } from "./socket.js";

/** Puts an event into the queue of a socket. */
export function enqueue(socket: Socket, args: unknown[], flags: Flags): void {
  const ack = takeAck(args);
  let tries = 0;
  const answered: Ack = (error, ...answer) => {
    // A late answer to an earlier try.
    if (send !== socket._queue[0]) return;
    socket._trying = false;
    if (!error || tries > socket._opts.retries!) {
      socket._queue.shift();
      ack?.(error, ...answer);
    }
    sendQueued(socket);
  };
  answered._withError = true;
  const send = () => {
    tries++;
    socket.flags = { ...flags, _fromQueue: true };
    socket.emit(...(args as [string]), answered);
  };
  socket._queue.push(send);
  sendQueued(socket);
}

/** Sends the first event of the queue unless that was done on this connection. */
export function sendQueued(socket: Socket): void {
  if (!socket.connected || socket._trying || !socket._queue[0]) return;
  socket._trying = true;
  socket._queue[0]();
}
