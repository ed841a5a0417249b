import type { Mention, Message, Picture, Quote } from "../contract.ts";
import type { Message as MessageRow } from "../design/rows.ts";
import type { Problem } from "../refusal.ts";
import type { Held } from "./uploads.svelte.ts";

/** Whoever reads: messages of theirs are their own. */
export interface Reader {
  id: string;
  name: string;
  colour: number;
  picture?: string;
}

/** What a message has beside its text. */
export interface With {
  /** The message that it answers. */
  reply?: Quote;
  mentions?: Mention[];
  /** Those that were uploaded for it. */
  pictures?: Picture[];
}

/** A message as it was written here. */
export interface Written extends With {
  /** What this page calls it; the server stores it once under this key. */
  key: string;
  text: string;
  /** When it was written, in milliseconds since 1970. */
  at: number;
  /** Why it was refused for good; it goes out again only if the person says so. */
  problem?: Problem;
}

/** How a stored message is drawn. */
export function rowOf(message: Message, key: string, reader: Reader): MessageRow {
  const { id, room, by, text, at, edited_at, is_deleted, is_for_all, mentions, reactions } = message;
  const { id: person, name, colour, picture } = by;
  const isOwn = person === reader.id;
  const mentionsMe = !isOwn && (is_for_all || mentions?.some((one) => one.id === reader.id));
  return {
    kind: "message",
    state: "stored",
    key,
    id,
    person,
    name,
    colour,
    picture,
    text,
    at,
    isOwn,
    ...drawnWith(room, message),
    isForAll: is_for_all,
    mentionsMe: mentionsMe || undefined,
    reactions: reactions?.map(({ emoji, count, is_mine }) => ({ emoji, count, isMine: is_mine ?? false })),
    editedAt: edited_at,
    isDeleted: is_deleted,
  };
}

/** How a message is drawn that the server has not confirmed. */
export function unconfirmedRow(room: string, written: Written, state: MessageRow["state"], reader: Reader): MessageRow {
  const { key, text, at, problem } = written;
  const { id: person, name, colour, picture } = reader;
  const drawn = { kind: "message", key: `p${key}`, isOwn: true } as const;
  return { ...drawn, person, name, colour, picture, text, at, state, problem, ...drawnWith(room, written) };
}

/** How a message is drawn that waits for its pictures. */
export function heldRow({ room, what, uploads, pictures }: Held<Written>, reader: Reader): MessageRow {
  const failed = uploads.find(({ state }) => state === "failed");
  const row = unconfirmedRow(room, { ...what, problem: failed?.problem }, failed ? "failed" : "sent", reader);
  return { ...row, pictures };
}

function drawnWith(room: string, { reply, mentions, pictures }: With): Pick<MessageRow, "reply" | "mentions" | "pictures"> {
  return {
    reply: reply && { ...reply, pictures: reply.pictures ?? 0, isDeleted: reply.is_deleted ?? false },
    mentions,
    pictures: pictures?.map(({ id, width, height, is_animated }) => {
      const src = `/api/rooms/${encodeURIComponent(room)}/pictures/${encodeURIComponent(id)}`;
      return { id, width, height, isAnimated: is_animated ?? false, src, thumbnail: `${src}/thumbnail` };
    }),
  };
}
