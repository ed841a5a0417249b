import { Manager, type Socket } from "sockeye-client";

import type { ChatNotices, ChatRequests, Refused, RoomsNotices, RoomsRequests } from "./contract.ts";
import { isRefused, RefusedError } from "./refusal.ts";

type Heard<Notices> = { [Notice in keyof Notices]: (notice: Notices[Notice]) => void };
type Sent<Requests> = {
  [Request in keyof Requests]: Requests[Request] extends { payload: infer Payload; answer: infer Answer }
    ? (...args: [...Given<Payload>, answer: (answer: Answer | Refused) => void]) => void
    : never;
};
/** What travels: an event without a payload has no argument but the answer. */
type Given<Payload> = Payload extends null ? [] : [payload: Payload];
type Asked = { payload: unknown; answer: unknown };

/** The client's sockets, with the events of the contract. */
export type RoomsSocket = Socket<Heard<RoomsNotices>, Sent<RoomsRequests>>;
export type ChatSocket = Socket<Heard<ChatNotices>, Sent<ChatRequests>>;
export type ChatEvents = Sent<ChatRequests>;

/** How long an answer may take, milliseconds. */
const ANSWER_TIMEOUT = 20_000;
/** Pause before coming back after the server has disconnected the sockets, milliseconds. */
const RETURN_DELAY = 1_000;

/** The one connection of the page: the list in `/rooms`, the conversations in `/chat`. */
export class Connection {
  /** Whether the conversations are reached. */
  isOnline = $state(false);
  /** Whether the connection is missed: it was lost, or could not be made. */
  isLost = $state(false);
  /** Since when it is lost, milliseconds since 1970; undefined before there ever was one. */
  lostSince = $state<number>();
  /** Whether an attempt to get it back is under way. */
  isTrying = $state(false);

  private isClosed = false;

  constructor(
    readonly rooms: RoomsSocket,
    readonly chat: ChatSocket,
    /** The session is over. */
    private readonly onUnauthorized: () => void,
  ) {
    chat.on("connect", () => {
      this.isOnline = true;
      this.isLost = this.isTrying = false;
      this.lostSince = undefined;
    });
    chat.on("disconnect", () => {
      this.isOnline = false;
      if (this.isClosed) return;
      this.isLost = true;
      this.lostSince ??= Date.now();
    });
    for (const socket of [chat, rooms] as Socket[]) {
      socket.on("disconnect", (reason) => {
        // The library comes back by itself unless the server has disconnected this very socket.
        if (reason === "io server disconnect") setTimeout(() => this.isClosed || socket.connect(), RETURN_DELAY);
      });
      socket.on("connect_error", ({ message }) => {
        this.isTrying = false;
        if (this.isClosed) return;
        this.isLost = true;
        if (message === "unauthorized") this.onUnauthorized();
        // Refused for another reason, such as a server that cannot read its database: not for ever.
        else if (!socket.active) setTimeout(() => this.isClosed || socket.connect(), RETURN_DELAY);
      });
    }
    chat.io.on("reconnect_attempt", () => (this.isTrying = true));
  }

  connect(): void {
    this.rooms.connect();
    this.chat.connect();
  }

  /** Tries again at once to get the connection back. */
  tryNow(): void {
    if (this.chat.connected || this.isClosed) return;
    this.isTrying = true;
    this.chat.io.backoff.reset();
    this.chat.io.open();
  }

  close(): void {
    this.isClosed = true;
    this.isOnline = false;
    this.rooms.disconnect();
    this.chat.disconnect();
  }

  /** Asks something of the conversations. It is sent before this returns; rejects with a `RefusedError`. */
  ask<Event extends keyof ChatRequests>(
    event: Event,
    payload: ChatRequests[Event]["payload"],
  ): Promise<ChatRequests[Event]["answer"]> {
    return ask(this.chat as unknown as Socket, event, payload) as Promise<ChatRequests[Event]["answer"]>;
  }

  /** Asks something of the list. */
  askList<Event extends keyof RoomsRequests>(
    event: Event,
    payload: RoomsRequests[Event]["payload"],
  ): Promise<RoomsRequests[Event]["answer"]> {
    return ask(this.rooms as unknown as Socket, event, payload) as Promise<RoomsRequests[Event]["answer"]>;
  }
}

function ask(socket: Socket, event: string, payload: Asked["payload"]): Promise<Asked["answer"]> {
  return new Promise((resolve, reject) => {
    // What is asked by a press is not to happen by itself a minute later.
    if (!socket.connected) return reject(new RefusedError({ code: "offline" }));
    const args = payload === null ? [] : [payload];
    socket.timeout(ANSWER_TIMEOUT).emit(event, ...args, (error: Error | null, answer: unknown) => {
      if (error) reject(new RefusedError({ code: "offline" }));
      else if (isRefused(answer)) reject(new RefusedError(answer.error));
      else resolve(answer);
    });
  });
}

/** The sockets, which do not connect yet. */
export function openSockets(): { rooms: RoomsSocket; chat: ChatSocket } {
  const manager = new Manager({ autoConnect: false, reconnectionDelay: 500, reconnectionDelayMax: 5_000 });
  return {
    rooms: manager.socket("/rooms") as unknown as RoomsSocket,
    chat: manager.socket("/chat") as unknown as ChatSocket,
  };
}
