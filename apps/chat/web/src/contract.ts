// Written from src/contract.rs and those of the features by a test; to change it, change them and run
// UPDATE_CONTRACT=1 cargo test -p sockeye-chat contract

/** Why something was refused. */
export type Refusal = {
  /** A word for programs, such as `name_empty` or `too_fast`. */
  code: string,
  /** A sentence for people. */
  message: string,
  /** When it may be tried again, in seconds; only where waiting helps. */
  retry_after?: number,
};

/** What somebody may do on this server. */
export type Role = "guest" | "member" | "moderator" | "owner";

/** Somebody, as everybody sees them. */
export type Person = {
  /** Never changes, and is never given to somebody else. */
  id: string,
  /** What they are called. */
  name: string,
  /** What they may do. */
  role: Role,
  /** Hue of their colour, 0 to 359. */
  colour: number,
  /** An emoji in place of the first letter of the name. */
  picture?: string,
};

/** Who this page is. */
export type Me = {
  /** As others see them. */
  person: Person,
  /** The session of this page; not the secret in its cookie. */
  session: string,
  /** When the session ends unless it is used, in milliseconds since 1970-01-01 UTC. */
  expires_at: number,
  /** Those whose messages are not to be shown. */
  blocked: Array<Blocked>,
};

/** Somebody whose messages are not to be shown. */
export type Blocked = {
  /** Their id. */
  id: string,
  /** What they are called now. */
  name: string,
};

/** What a page is told with its HTML, so that it need not ask. */
export type Boot = {
  /** Whoever is logged in. */
  me: Me | null,
  /** Whether nobody has an account yet: the first one is made with the code that the program printed. */
  needs_setup: boolean,
  /** Whether somebody without an account may come in. */
  has_guests: boolean,
  /** Whether passkeys work at this address: it is `localhost`, or a name with https. */
  has_passkeys: boolean,
  /** Whether the lab is served as well, at `/lab`. */
  has_lab: boolean,
  /** Whether the server is reached from this machine only. */
  is_local: boolean,
  /**
   * The address for links that others are given, such as `https://chat.example`. Whoever is not logged in is told
   * of no other than the public one and the one that was asked for.
   */
  address: string,
  /** The most bytes of a picture that is sent. */
  picture_bytes_max: number,
  /** Whether there is no such page; the answer has the status 404. */
  is_missing: boolean,
};

/** Makes the first account, an owner. */
export type SetUp = {
  /** What the program printed at its start. */
  code: string,
  /** What they are called, and log in with. */
  name: string,
  /** At least [`PASSWORD_CHARS_MIN`] characters. */
  password: string,
};

/** Begins a session. */
export type LogIn = {
  /** The name of the account. */
  name: string,
  /** Its password. */
  password: string,
};

/** Comes in without an account. */
export type BeGuest = {
  /** The nickname; no account may have one that looks alike. */
  name: string,
  /** Hue of the colour, 0 to 359; without it, one that follows from the name. */
  colour?: number,
};

/** Makes an account. A guest who is logged in becomes that account and keeps what they said. */
export type SignUp = {
  /** What follows the `#` of the invitation's link. */
  code: string,
  /** What they are called, and log in with. */
  name: string,
  /** At least [`PASSWORD_CHARS_MIN`] characters. */
  password: string,
  /** Hue of the colour. */
  colour?: number,
};

/** Sets a new password by an administrator's link. */
export type Reset = {
  /** What follows the `#` of the link. */
  code: string,
  /** The new password. */
  password: string,
};

/** Changes how others see oneself. What is left out stays. */
export type ChangeProfile = {
  /** Another name. */
  name?: string,
  /** Another hue. */
  colour?: number,
  /** Another emoji; empty for none. */
  picture?: string,
};

/** Changes the password. */
export type ChangePassword = {
  /** The password so far. */
  old: string,
  /** The new one. */
  new: string,
};

/** Closes one's own account: its name becomes free, what was said stays. */
export type CloseAccount = {
  /** The password; a guest has none. */
  password: string,
};

/** A session of one's own. */
export type SessionView = {
  /** Its id; not the secret in its cookie. */
  id: string,
  /** The browser, as it calls itself; at most 200 characters. */
  agent: string,
  /** Where it was used last. */
  address: string,
  /** When it began, in milliseconds since 1970-01-01 UTC. */
  created_at: number,
  /** When it was used last, within some minutes. */
  used_at: number,
  /** Whether it is the one that asks. */
  is_this: boolean,
};

/** A passkey of one's own. */
export type PasskeyView = {
  /** Its id. */
  id: string,
  /** What its owner calls it. */
  name: string,
  /** When it was made, in milliseconds since 1970-01-01 UTC. */
  created_at: number,
  /** When it was used last. */
  used_at: number | null,
};

/** An invitation by its code. */
export type Look = {
  /** What follows the `#` of the link. */
  code: string,
};

/** What whoever has the code is told. */
export type InvitationView = {
  /** What a new account may do. */
  role: Role,
  /** Who invites. */
  by: string | null,
  /** The title of the room it leads to. */
  room: string | null,
  /**
   * Whether one makes an account by it. Otherwise it is for those who are here already: people with an account,
   * and guests.
   */
  makes_account: boolean,
};

/** A new invitation. */
export type Invite = {
  /** What the new account may do: at most what the inviting one may, and never owner or guest. */
  role: Role,
  /** How often it can be used; without it as often as one likes. */
  uses?: number,
  /** How many seconds it is valid, at most a year. Default a week. */
  seconds?: number,
  /** The id of a room it leads into, whoever may enter that otherwise. */
  room?: string,
};

/** A new invitation with its code, which is shown this once. */
export type Invited = {
  /** The invitation. */
  invitation: Invitation,
  /** Its code: the page makes `<address>/invite#<code>` of it. */
  code: string,
  /** Addresses at which the server is reached, for the link and its QR code; the best one first. */
  addresses: Array<string>,
  /** The link at the first of the addresses as a QR code, an SVG image. */
  qr: string,
};

/** An invitation, without its code. */
export type Invitation = {
  /** Its id. */
  id: string,
  /** What a new account may do. */
  role: Role,
  /** How often it can still be used; `null` is as often as one likes. */
  uses_left: number | null,
  /** How often it was used. */
  used: number,
  /** When it was made, in milliseconds since 1970-01-01 UTC. */
  created_at: number,
  /** When it ends. */
  expires_at: number,
  /** Who made it. */
  by: Person | null,
  /** The room it leads into: its id and title. */
  room: [string, string] | null,
};

/** A message on its way to the server. */
export type Say = {
  /** The room's id. */
  room: string,
  /** The text; may be empty when there are pictures. */
  text: string,
  /**
   * What the sender calls this message: sent again under the same key, it is stored once and
   * answered with what was stored the first time. 1 to 64 printable ASCII bytes.
   */
  key: string,
  /** The id of the message in this room that it answers. */
  reply_to?: number,
  /** The ids of people whom it mentions: members of the room whose `@Name` stands in the text. Others are left out. */
  mentions?: Array<string>,
  /** What uploads of pictures were answered with, at most [`PICTURES_MAX`]. */
  pictures?: Array<string>,
};

/** A message in the database, as the person who is told sees it. */
export type Message = {
  /** Grows with every message of the server; rooms share one sequence. */
  id: number,
  /** The room's id. */
  room: string,
  /** Who wrote it. */
  by: Author,
  /** The text; empty when it was deleted. */
  text: string,
  /** When it was stored, in milliseconds since 1970-01-01 UTC. */
  at: number,
  /** The message that it answers. */
  reply?: Quote,
  /** Whom it mentions, as they were called then. */
  mentions?: Array<Mention>,
  /** Whether it mentions everybody in the room: one of [`MENTIONS_OF_ALL`] stands in it. */
  is_for_all?: boolean,
  /** The pictures, in order. */
  pictures?: Array<Picture>,
  /** How many people have reacted, for each emoji, the first one first. */
  reactions?: Array<Reaction>,
  /** When it was last edited, in milliseconds since 1970-01-01 UTC. */
  edited_at?: number,
  /** Whether it was deleted. */
  is_deleted?: boolean,
  /** The room's number of its last change; 0: as it was said. */
  change?: number,
};

/** Who wrote a message, as they were called then; whoever closed the account keeps the name there. */
export type Author = {
  /** The person's id. */
  id: string,
  /** The name. */
  name: string,
  /** Hue of the colour, 0 to 359. */
  colour: number,
  /** An emoji. */
  picture?: string,
};

/** The beginning of a message that another one answers. */
export type Quote = {
  /** The message's id. */
  id: number,
  /** The id of whoever wrote it; empty when the room does not keep it any more. */
  person: string,
  /** Their name. */
  name: string,
  /** At most 200 characters of the text. */
  text: string,
  /** How many pictures it has. */
  pictures?: number,
  /** Whether it was deleted, or is not kept any more. */
  is_deleted?: boolean,
};

/** Somebody whom a message mentions. */
export type Mention = {
  /** The person's id. */
  id: string,
  /** Their name then: it stands in the text behind an `@`. */
  name: string,
};

/** How many people have reacted to a message with an emoji. */
export type Reaction = {
  /** The emoji. */
  emoji: string,
  /** How many. */
  count: number,
  /** Whether one is among them oneself. */
  is_mine?: boolean,
};

/** A picture of a message. */
export type Picture = {
  /** Its id: it is at `/api/rooms/<room>/pictures/<id>`, and smaller below that at `/thumbnail`. */
  id: string,
  /** Pixels. */
  width: number,
  /** Pixels. */
  height: number,
  /** Of the whole picture. */
  bytes: number,
  /** Whether it moves; its thumbnail does not. */
  is_animated?: boolean,
};

/** The beginning of a message, for the list of rooms. */
export type Excerpt = {
  /** The message's id. */
  id: number,
  /** The id of whoever wrote it. */
  person: string,
  /** Their name. */
  name: string,
  /** At most 200 characters of the text. */
  text: string,
  /** How many pictures it has. */
  pictures?: number,
  /** When it was stored, in milliseconds since 1970-01-01 UTC. */
  at: number,
};

/**
 * Asks for a page of a room's messages: the newest ones, or those about one of them. At most one of `before`,
 * `after` and `around` counts.
 */
export type AskHistory = {
  /** The room's id. */
  room: string,
  /** Those before the message of this id. */
  before?: number,
  /** Those behind the message of this id. */
  after?: number,
  /** The message of this id, those before it and those behind it. */
  around?: number,
  /** How many, at most [`HISTORY_MESSAGES_MAX`], which is the default. */
  limit?: number,
};

/** A page of a room's messages. */
export type History = {
  /** The messages, the oldest first, without any missing between them. */
  messages: Array<Message>,
  /** Whether there are older ones. */
  has_before: boolean,
  /** Whether there are newer ones. */
  has_after: boolean,
};

/** Another text for a message that one has said. */
export type EditMessage = {
  /** The room's id. */
  room: string,
  /** The message's id. */
  message: number,
  /** The text; may be empty when there are pictures. */
  text: string,
  /** As in [`Say`]. */
  mentions?: Array<string>,
};

/** A message in a room. */
export type OneMessage = {
  /** The room's id. */
  room: string,
  /** The message's id. */
  message: number,
};

/** Reacts to a message. */
export type React = {
  /** The room's id. */
  room: string,
  /** The message's id. */
  message: number,
  /** One emoji. */
  emoji: string,
  /** Whether one reacts so, or not any more. */
  is_on: boolean,
};

/** Asks who has reacted to a message with an emoji. */
export type AskReactors = {
  /** The room's id. */
  room: string,
  /** The message's id. */
  message: number,
  /** The emoji. */
  emoji: string,
};

/**
 * A message that says something else from now on, or was deleted: then it has neither text nor pictures nor
 * reactions.
 */
export type Edited = {
  /** The room's id. */
  room: string,
  /** The message's id. */
  message: number,
  /** The text. */
  text: string,
  /** Whom it mentions. */
  mentions?: Array<Mention>,
  /** Whether it mentions everybody in the room. */
  is_for_all?: boolean,
  /** When it was edited, in milliseconds since 1970-01-01 UTC; `null`: it was deleted. */
  edited_at: number | null,
  /** The room's number of this change. */
  change: number,
};

/** Somebody has reacted to a message, or not any more. */
export type Reacted = {
  /** The room's id. */
  room: string,
  /** The message's id. */
  message: number,
  /** The emoji. */
  emoji: string,
  /** How many people react so now. */
  count: number,
  /** The id of whoever did it. */
  person: string,
  /** Whether they react so, or not any more. */
  is_on: boolean,
  /** The room's number of this change; of one that changed nothing, 0. */
  change: number,
};

/** The oldest messages of a room are gone. */
export type Pruned = {
  /** The room's id. */
  room: string,
  /** The id of the newest message that is gone, with all before it. */
  to: number,
};

/** What a message said before it was edited. */
export type Edit = {
  /** The text. */
  text: string,
  /** Until when it said so, in milliseconds since 1970-01-01 UTC. */
  until: number,
};

/** A message up to which, or from which on. */
export type Read = {
  /** The room's id. */
  room: string,
  /** The message's id. */
  message: number,
};

/** What one has not read in a room. */
export type Counts = {
  /** The room's id. */
  room: string,
  /** One's own pointer: the id of the newest message one has read; 0 before the first. */
  read: number,
  /** How many messages one has not read, at most [`UNREAD_COUNTED_MAX`]. */
  unread: number,
  /** How many of them mention one, or everybody; at most [`UNREAD_COUNTED_MAX`]. */
  mentions: number,
};

/** How far the members of a room have read, as of a [`turn`](Reading::turn). */
export type Reading = {
  /** A number that grows: what comes with a greater one is newer than this. */
  turn: number,
  /**
   * Pointers, each with how many members have it. The sum of those before a message, without its author's, is
   * how many people have not read it.
   */
  pointers: Array<[number, number]>,
  /** Members whose pointers may be before messages of their own: of those messages they are not counted. */
  behind: Array<Behind>,
};

/** Somebody whose pointer may be before a message of their own. */
export type Behind = {
  /** The person's id. */
  person: string,
  /** Their pointer. */
  read: number,
};

/** What has changed in how far the members of a room have read. */
export type ReadingMoved = {
  /** The room's id. */
  room: string,
  /** Greater than before. */
  turn: number,
  /** Pointers, each with how many members more have it, or fewer. */
  moved: Array<[number, number]>,
  /** As in [`Reading`], in place of what was told before. */
  behind: Array<Behind>,
};

/** Who has read a message, and who has not. */
export type Readers = {
  /** Those who have, at most [`READERS_MAX`]. */
  read: Array<Person>,
  /** Those who have not, at most [`READERS_MAX`]. */
  unread: Array<Person>,
  /** How many have. */
  read_count: number,
  /** How many have not. */
  unread_count: number,
};

/** Who may enter a room. */
export type RoomKind = "open" | "password" | "invited" | "direct";

/** A room, as the person who is told may see it. */
export type Room = {
  /** Never changes: it is in the room's address, `/room/<id>`. */
  id: string,
  /** What it is called; empty for direct messages, which are called by their people. */
  title: string,
  /** What it is for; may be empty. */
  description: string,
  /** Who may enter. */
  kind: RoomKind,
  /** Who may change it; `null`: nobody but the server's moderators. */
  owner: Person | null,
  /** The most people in it at once; `null` is no limit. */
  capacity: number | null,
  /**
   * For how many days its messages are kept; without it, or with more than the server keeps those of all rooms, as
   * long as the server does.
   */
  keep_days?: number,
  /** Whether it vanishes when everybody has left. */
  is_passing: boolean,
  /** How many people are in it now. */
  people: number,
  /** The people of direct messages, the one who asks among them; empty for other rooms. */
  with: Array<Person>,
  /** The newest message; `null` when there is none, or for whoever may not read it. */
  last: Excerpt | null,
  /** When it was made, in milliseconds since 1970-01-01 UTC. */
  created_at: number,
  /** When something was last said in it, or when it was made: the list is in this order, the newest first. */
  active_at: number,
};

/** What a person may do in a room. */
export type RoomRole = "member" | "moderator" | "owner";

/** One's own place in a room. */
export type Membership = {
  /** The room's id. */
  room: string,
  /** `null`: no member any more. */
  role: RoomRole | null,
  /** Listed before the others. */
  is_pinned: boolean,
  /** Its messages are no news. */
  is_silenced: boolean,
  /** Until when one may say nothing, in milliseconds since 1970-01-01 UTC. */
  muted_until: number | null,
};

/** Asks for the list of rooms. */
export type ListRooms = {
  /** Only those whose title has this in it, in any case. */
  search?: string,
  /** `next` of the page before. */
  after?: string,
  /** How many, at most [`ROOMS_PAGE_MAX`]. Default 50. */
  limit?: number,
};

/**
 * A part of the list: the first one has all pinned rooms of the person, then those with unread messages, before the
 * others.
 */
export type RoomPage = {
  /** The rooms, the newest message first. */
  rooms: Array<Room>,
  /** One's own places in them, as far as there are some. */
  memberships: Array<Membership>,
  /** What one has not read in these. */
  counts: Array<Counts>,
  /** For `after`, when there are more. */
  next: string | null,
};

/** What has changed in the list. */
export type RoomsChanged = {
  /** Rooms that are new or otherwise than before, whole. */
  changed: Array<Room>,
  /** The ids of rooms that are gone, for whoever is told. */
  removed: Array<string>,
};

/** A new room. */
export type CreateRoom = {
  /** What it is called. */
  title: string,
  /** What it is for. */
  description: string,
  /** Who may enter; not [`RoomKind::Direct`]. */
  kind: RoomKind,
  /** For [`RoomKind::Password`], 1 to 256 bytes. */
  password?: string,
  /** [`CAPACITY_MIN`] to [`CAPACITY_MAX`]. */
  capacity?: number,
  /**
   * For how many days its messages are kept, at most [`KEEP_DAYS_MAX`]; 0: as long as the server keeps those of all
   * rooms.
   */
  keep_days?: number,
  /** Whether it vanishes when everybody has left. */
  is_passing: boolean,
};

/** Direct messages with these people, at most [`DIRECT_PEOPLE_MAX`] with oneself. */
export type Direct = {
  /** Their ids. */
  people: Array<string>,
};

/** A room by its id. */
export type RoomId = {
  /** The id. */
  room: string,
};

/** Enters a room, by its id or by the title of one that everybody sees. */
export type OpenRoom = {
  /** The id, or the title. */
  room: string,
  /** The password, where one is wanted; not wanted of its members. */
  password?: string,
  /** What the page has of the room from before: then the newest messages come. */
  known?: Known,
  /** The id of a message: then it comes, with those before it and those behind it. */
  around?: number,
};

/** What a page that was away has of a room. */
export type Known = {
  /** The id of the newest message; 0 for none. */
  newest: number,
  /** The room's number of the last change. */
  change: number,
};

/** A room from within. */
export type Opened = {
  /** The room. */
  room: Room,
  /** One's own place in it. */
  membership: Membership,
  /** What one has not read in it. */
  counts: Counts,
  /** How far everybody has read; `null` when that could not be told. */
  reading: Reading | null,
  /**
   * Messages, the oldest first, without any missing between them: those about the first one that is unread, or the
   * newest ones; what else was asked for, [`OpenRoom`] says. Bounded as [`messages`](crate::messages::contract) says.
   */
  messages: Array<Message>,
  /** Whether there are older ones. */
  has_before: boolean,
  /** Whether there are newer ones. */
  has_after: boolean,
  /** The room's number of the last change of a message. */
  change: number,
  /**
   * Messages up to [`known.newest`](Known::newest) that were changed since [`known.change`](Known::change); `null`:
   * too many were, and what is known of the room is to be forgotten.
   */
  changed: Array<Message> | null,
  /** Messages up to this id are gone, because the room keeps them for a while only; 0: all are there. */
  pruned: number,
  /** Who is in it, oneself included. */
  present: PresentPerson[],
};

/** Pins or silences. What is left out stays. */
export type KeepRoom = {
  /** The room's id. */
  room: string,
  /** Whether it is listed before the others. */
  is_pinned?: boolean,
  /** Whether its messages are no news. */
  is_silenced?: boolean,
};

/** Changes a room. What is left out stays. */
export type ChangeRoom = {
  /** The room's id. */
  room: string,
  /** Another title. */
  title?: string,
  /** Another description. */
  description?: string,
  /** Who may enter from now on; those who are members stay. */
  kind?: RoomKind,
  /** Another password. */
  password?: string,
  /** Another capacity; 0 for none. */
  capacity?: number,
  /**
   * For how many days its messages are kept, at most [`KEEP_DAYS_MAX`]; 0: as long as the server keeps those of all
   * rooms. What is older is deleted within the hour, for good.
   */
  keep_days?: number,
  /** Whether it vanishes when everybody has left. */
  is_passing?: boolean,
};

/** Somebody in a room. */
export type OneInRoom = {
  /** The room's id. */
  room: string,
  /** The person's id. */
  person: string,
};

/** Makes somebody a moderator of a room, or a plain member again. */
export type Promote = {
  /** The room's id. */
  room: string,
  /** The person's id; not a guest. */
  person: string,
  /** Moderator or member. */
  role: RoomRole,
};

/** Somebody who belongs to a room, or is banned from it. */
export type RoomMember = {
  /** Who. */
  person: Person,
  /** What they may do there. */
  role: RoomRole,
  /** Until when they may say nothing. */
  muted_until: number | null,
  /** Whether they may not come in; told to its moderators only. */
  is_banned: boolean,
  /** When they were last seen on the server, in milliseconds since 1970-01-01 UTC; `null`: never, or online now. */
  seen_at: number | null,
  /** Whether they are on the server now. */
  is_online: boolean,
};

/** Removes somebody from a room. */
export type RemoveMember = {
  /** The room's id. */
  room: string,
  /** The person's id. */
  person: string,
  /** Whether they may not come back. */
  is_ban: boolean,
};

/** Lets somebody say nothing for a while. */
export type MuteMember = {
  /** The room's id. */
  room: string,
  /** The person's id. */
  person: string,
  /** How many seconds from now, at most a year; 0 lets them speak again. */
  seconds: number,
};

/** People whose names begin with something. */
export type FindPeople = {
  /** The beginning of the name, in any case; empty for the first ones of all. */
  search: string,
};

/** One is not in a room any more. */
export type Removed = {
  /** The room's id. */
  room: string,
  /** Why. */
  reason: RemovedReason,
};

/** Why one is not in a room any more. */
export type RemovedReason = "left" | "removed" | "banned" | "gone";

/** One is typing in a room that one has opened. Said again every few seconds while it goes on. */
export type Typing = {
  /** The room's id. */
  room: string,
  /** Whether one is. */
  is_typing: boolean,
};

/** What a connection says of whoever is present. */
export type Here = {
  /** The person, as everybody sees them. */
  person: Person,
  /** Since when they are typing, in milliseconds since 1970-01-01 UTC. */
  typing_at?: number,
};

/** The server at a glance. */
export type Overview = {
  /** The version of the program. */
  version: string,
  /** Since when it runs, in milliseconds since 1970-01-01 UTC. */
  started_at: number,
  /** How many have an account. */
  accounts: number,
  /** How many guests are known. */
  guests: number,
  /** How many people are on the server now. */
  online: number,
  /** How many sessions are valid. */
  sessions: number,
  /** How many rooms there are. */
  rooms: number,
  /** How many messages there are. */
  messages: number,
  /** Bytes of the database. */
  database_bytes: number,
  /** Bytes of the pictures, without their thumbnails. */
  picture_bytes: number,
  /** Bytes that are free where it lies; `null` where the system does not tell. */
  free_bytes: number | null,
  /** Bytes that have to be free for a message to be stored. */
  free_bytes_min: number,
  /** Resident memory of the program in bytes; `null` where the system does not tell. */
  memory_bytes: number | null,
  /** What is set. */
  settings: Settings,
  /** What each person and each address may do, how many MiB stay free, and by which option it is changed. */
  limits: Array<LimitRow>,
};

/** One limit. */
export type LimitRow = {
  /** The option of `sockeye serve`, without its dashes. */
  name: string,
  /** What it is; 0 is none. */
  value: number,
  /** How often it was reached since the start. */
  reached: number,
};

/** What an owner sets. */
export type Settings = {
  /** Whether people without an account may come in. */
  has_guests: boolean,
};

/** A page of the people. */
export type PeoplePage = {
  /** At most 100. */
  people: Array<PersonRow>,
  /** For `after`, when there are more. */
  next: string | null,
};

/** Somebody, for an administrator. */
export type PersonRow = {
  /** Who. */
  person: Person,
  /** When they came first, in milliseconds since 1970-01-01 UTC. */
  created_at: number,
  /** When they were seen last. */
  seen_at: number | null,
  /** Whether they are on the server now. */
  is_online: boolean,
  /** How many sessions they have. */
  sessions: number,
};

/** Changes somebody. */
export type ChangePerson = {
  /** What they may do from now on; the last owner stays one, and guests stay guests. */
  role: Role,
};

/** A link that works once. */
export type Link = {
  /** What follows the `#`: the page makes `<address>/reset#<code>` of it. */
  code: string,
  /** When it ends, in milliseconds since 1970-01-01 UTC. */
  expires_at: number,
};

/** A room, for an administrator. */
export type RoomRow = {
  /** Its id. */
  id: string,
  /** Its title; empty for direct messages and rooms by invitation that the administrator is not in. */
  title: string,
  /** Who may enter. */
  kind: RoomKind,
  /** Who owns it. */
  owner: Person | null,
  /** How many belong to it. */
  members: number,
  /** How many are in it now. */
  people: number,
  /** How many messages it has. */
  messages: number,
  /** When something was last said, in milliseconds since 1970-01-01 UTC. */
  active_at: number,
};

/** Something that somebody did with rights that others have not. */
export type AuditEntry = {
  /** Grows. */
  id: number,
  /** When, in milliseconds since 1970-01-01 UTC. */
  at: number,
  /** Who: a name as it was then, or `command line`. */
  by: string,
  /** What: a word such as `person.role` or `room.delete`. */
  what: string,
  /** About whom or what: a name as it was then. */
  about: string,
  /** Further words, such as the role. */
  detail: string,
};

/** What a refused event or request is answered with. */
export type Refused = { error: Refusal };

/** Somebody who is present, with all their connections. */
export interface PresentPerson {
  user: string;
  since: number;
  connections: { since: number; metadata: Here }[];
}

/** What has changed in who is present in a room of the library: `online`, or `room <id>`. */
export interface RoomPresence {
  room: string;
  joined: PresentPerson[];
  left: PresentPerson[];
  changed: PresentPerson[];
}

/** What the page sends in `/rooms`: payload and answer. */
export interface RoomsRequests {
  list: { payload: ListRooms; answer: RoomPage };
}

/** What the page is sent in `/rooms`. */
export interface RoomsNotices {
  rooms: RoomsChanged;
  membership: Membership;
  counts: Counts;
  person: Person;
  me: Me;
}

/** What the page sends in `/chat`: payload and answer. */
export interface ChatRequests {
  say: { payload: Say; answer: Message };
  create: { payload: CreateRoom; answer: Room };
  direct: { payload: Direct; answer: Room };
  open: { payload: OpenRoom; answer: Opened };
  close: { payload: RoomId; answer: null };
  leave: { payload: RoomId; answer: null };
  keep: { payload: KeepRoom; answer: Membership };
  change: { payload: ChangeRoom; answer: Room };
  delete: { payload: RoomId; answer: null };
  hand_over: { payload: OneInRoom; answer: Room };
  promote: { payload: Promote; answer: RoomMember };
  remove: { payload: RemoveMember; answer: null };
  unban: { payload: OneInRoom; answer: null };
  mute: { payload: MuteMember; answer: RoomMember };
  members: { payload: RoomId; answer: Array<RoomMember> };
  people: { payload: FindPeople; answer: Array<Person> };
  history: { payload: AskHistory; answer: History };
  edit: { payload: EditMessage; answer: Edited };
  delete_message: { payload: OneMessage; answer: null };
  react: { payload: React; answer: Reacted };
  edits: { payload: OneMessage; answer: Array<Edit> };
  reactors: { payload: AskReactors; answer: Array<Person> };
  read: { payload: Read; answer: null };
  unread: { payload: Read; answer: null };
  readers: { payload: OneMessage; answer: Readers };
  typing: { payload: Typing; answer: null };
  online: { payload: null; answer: PresentPerson[] };
}

/** What the page is sent in `/chat`. */
export interface ChatNotices {
  message: Message;
  edited: Edited;
  reacted: Reacted;
  pruned: Pruned;
  reading: ReadingMoved;
  room: Room;
  removed: Removed;
  person: Person;
  me: Me;
  presence: RoomPresence;
}

export const FIRST_ROOM = "lobby";
export const ONLINE_ROOM = "online";
export const MENTIONS_OF_ALL = ["@everyone", "@모두"];
export const HISTORY_MESSAGES_MAX = 100;
export const MENTIONS_MAX = 20;
export const PICTURES_MAX = 10;
export const UNREAD_COUNTED_MAX = 1000;
export const ROOM_CHARS_MAX = 50;
export const NICKNAME_CHARS_MAX = 32;
export const MESSAGE_CHARS_MAX = 4000;
export const DESCRIPTION_CHARS_MAX = 500;
export const PASSWORD_CHARS_MIN = 8;
export const PASSWORD_BYTES_MAX = 256;
export const CAPACITY_MIN = 2;
export const CAPACITY_MAX = 10000;
export const KEEP_DAYS_MAX = 36500;
export const DIRECT_PEOPLE_MAX = 10;
export const TYPING_SHOWN = 6000;
