// Written from src/contract.rs by its test; to change it, change that file and run
// UPDATE_CONTRACT=1 cargo test -p sockeye-chat contract

/** Who wants to enter which room. */
export type Join = {
  /** The room's name. */
  room: string,
  /** The nickname to use there. */
  name: string,
  /**
   * What the sender is known by from one visit to the next, 1 to 64 printable ASCII bytes that
   * nobody else can guess: messages' keys are the sender's own. Without it they are those of the
   * sender's address.
   */
  sender?: string,
};

/** A message on its way to the server. */
export type NewMessage = {
  /** The nickname given when joining. */
  name: string,
  /** The text. */
  msg: string,
  /**
   * What the sender calls this message: sent again by the same sender under the same key, it is
   * stored once and answered with what was stored the first time.
   */
  key?: string,
};

/** A message in the database. */
export type StoredMessage = {
  /** Grows with every message of the server; rooms share one sequence. */
  id: number,
  /** Who wrote it. */
  name: string,
  /** The text. */
  msg: string,
  /** When it was stored, in milliseconds since 1970-01-01 UTC. */
  at: number,
};

/** Somebody who came or went. */
export type Presence = {
  /** The room. */
  room: string,
  /** The nickname. */
  name: string,
  /** How many connections are in the room now. */
  people: number,
};

/** Why something was refused. */
export type Refusal = {
  /** A word for programs, such as `name_empty` or `too_fast`. */
  code: string,
  /** A sentence for people. */
  message: string,
  /** When it may be tried again, in seconds; only where waiting helps. */
  retry_after?: number,
};

/** One line in the list of rooms. */
export type RoomSummary = {
  /** The room's name. */
  name: string,
  /** How many connections are in it now. */
  people: number,
  /** Its newest message; the text may be cut short. */
  last: StoredMessage | null,
};

/** What a page is told with its HTML, so that it need not ask. */
export type Boot = { "page": "rooms",
/** The rooms, the busiest of late first. */
rooms: Array<RoomSummary>,
/** Whether the lab is served as well, at `/lab`. */
lab: boolean,
} | { "page": "room",
/** The room's name. */
room: string,
/** Whether the lab is served as well, at `/lab`. */
lab: boolean,
} | { "page": "missing" };

/** What a refused event is answered with. */
export type Refused = { error: Refusal };

/** What the page sends: payload and answer. */
export interface Requests {
  join: { payload: Join; answer: Array<StoredMessage> };
  chat: { payload: NewMessage; answer: StoredMessage };
  leave: { payload: undefined; answer: undefined };
}

/** What the page is sent. */
export interface Notices {
  join: Presence;
  chat: StoredMessage;
  leave: Presence;
}

export const FIRST_ROOM = "lobby";
export const HISTORY_MESSAGES_MAX = 100;
export const ROOM_CHARS_MAX = 50;
export const NICKNAME_CHARS_MAX = 32;
export const MESSAGE_CHARS_MAX = 4000;
