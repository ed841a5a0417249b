/** What a refusal says to programs. */
export interface Problem {
  code: string;
  /** When it may be tried again, seconds. */
  retry_after?: number;
}

/** A message, stored or on its way. */
export interface Message {
  kind: "message";
  /** Its own in the conversation, and the same when a message on its way has arrived. */
  key: string;
  /** The server's number, which grows; undefined until it is stored. */
  id?: number;
  /** Who wrote it: an id and not a name, which somebody else may have too. */
  person: string;
  name: string;
  colour?: number;
  picture?: string;
  text: string;
  /** When it was written, milliseconds since 1970. */
  at: number;
  isOwn: boolean;
  /** `waiting` for the connection, `sent` and not yet answered, `stored`, or `failed` for good. */
  state: "stored" | "waiting" | "sent" | "failed";
  /** Why it has failed. */
  problem?: Problem;
  /** The beginning of the message that it answers. */
  reply?: { id: number; person: string; name: string; text: string; pictures: number; isDeleted: boolean };
  /** Whom it mentions, as they were called then, and whether that is everybody. */
  mentions?: readonly { id: string; name: string }[];
  isForAll?: boolean;
  /** Whether it mentions whoever reads it. */
  mentionsMe?: boolean;
  reactions?: readonly { emoji: string; count: number; isMine: boolean }[];
  pictures?: readonly Picture[];
  /** When it was last edited, milliseconds since 1970. */
  editedAt?: number;
  isDeleted?: boolean;
}

/** A picture of a message. */
export interface Picture {
  id: string;
  /** Pixels. */
  width: number;
  height: number;
  isAnimated: boolean;
  /** The addresses of the whole one, and of a smaller one that does not move. */
  src: string;
  thumbnail: string;
  /** How far it is on its way to the server. */
  upload?: PictureUpload;
}

/** A picture on its way. */
export interface PictureUpload {
  /** From 0 to 1. */
  readonly progress: number;
  readonly state: "waiting" | "preparing" | "sending" | "done" | "failed";
  /** Why it has failed. */
  readonly problem?: Problem;
  retry(): void;
  cancel(): void;
}

/** Whether messages that are not here are on their way, or could not be had. */
export type Loading = "waiting" | "loading" | "failed";

/** A place where messages are missing, which can be loaded. */
export interface Gap {
  kind: "gap";
  key: string;
  state: Loading;
}

/** What is below was not read when the conversation was opened. */
export interface Unread {
  kind: "unread";
  key: string;
}

/** Those who came and went in a while, in one line. */
export interface Fold {
  kind: "fold";
  key: string;
  /** When the last of them did, milliseconds since 1970. */
  at: number;
  text: string;
}

/** One thing in the conversation, in the order it is shown. The page itself puts the days between. */
export type Row = Message | Gap | Unread | Fold;

/** Where to go in a conversation: a new object each time. */
export interface Target {
  /** The row; none for the end. */
  key?: string;
  /** Where it is put: a line above what is new, the message that was looked for, or the first one that was in sight. */
  place: "line" | "middle" | "top";
  /** It is marked for a moment, and given the focus. */
  isMarked?: boolean;
}

/** What of a conversation is in sight. */
export interface Sight {
  /** The numbers of the first and of the newest stored message, 0 where there is none. */
  first: number;
  newest: number;
  /** Whether the end is in sight, or near. */
  isAtEnd: boolean;
}

/** A row as it is drawn, beside its neighbours. */
export interface Line {
  key: string;
  row: Row;
  /** The first of its day, which is named above it. */
  opensDay: boolean;
  /** First and last of what one person said in one go: where the name and the time are shown. */
  isFirst: boolean;
  isLast: boolean;
  /** How high it is, pixels: measured when it was last drawn, and guessed until then. */
  height: number;
}

/** Messages of one person further apart than this are not one go, milliseconds. */
const PAUSE_MAX = 5 * 60 * 1000;

/**
 * The lines of a conversation, from one moment to the next. What has not changed stays the same object,
 * so that it is neither drawn nor measured again; what comes at the end costs no more in a long
 * conversation than in a short one.
 */
export class Lines {
  private lines: Line[] = [];

  /** The lines to draw now. Rows that are the same objects as before are known at once. */
  of(rows: readonly Row[]): readonly Line[] {
    const before = this.lines;
    const dropped = Math.max(indexOf(before, rows[0]?.key), 0);
    let known = 0;
    while (known < rows.length && isSame(rows[known]!, before[known + dropped]?.row)) known++;
    // The last one that is known may go on in the next; the first one has lost what was before it.
    const lines = before.slice(dropped, dropped + Math.max(known - 1, 0));
    if (dropped > 0 && lines.length > 0) lines[0] = lineOf(rows, 0, lines[0]);
    // Those that stand elsewhere now, because something came in before them.
    let moved: Map<string, Line> | undefined;
    const isMoved = known + dropped < before.length;
    for (let index = lines.length; index < rows.length; index++) {
      const { key } = rows[index]!;
      let old: Line | undefined = before[index + dropped];
      if (old?.key !== key) old = isMoved ? (moved ??= byKey(before)).get(key) : undefined;
      lines.push(lineOf(rows, index, old));
    }
    return (this.lines = lines);
  }
}

function indexOf(lines: readonly Line[], key: string | undefined): number {
  return lines.findIndex((line) => line.key === key);
}

const byKey = (lines: readonly Line[]) => new Map(lines.map((line) => [line.key, line]));

/** One line; the old one if it is drawn alike. */
function lineOf(rows: readonly Row[], index: number, old: Line | undefined): Line {
  const row = rows[index]!;
  const opensDay = isDayOpened(rows, index);
  const isFirst = opensDay || !goesOn(rows[index - 1], row);
  const next = rows[index + 1];
  const isLast = !next || !goesOn(row, next) || isDayOpened(rows, index + 1);
  if (
    old &&
    isSame(row, old.row) &&
    old.opensDay === opensDay &&
    old.isFirst === isFirst &&
    old.isLast === isLast
  ) {
    return old;
  }
  const height = old?.height ?? guessOf(row);
  return { key: row.key, row, opensDay, isFirst, isLast, height };
}

/** Whether this row is the first of its day. What has no time has no day. */
function isDayOpened(rows: readonly Row[], index: number): boolean {
  const row = rows[index]!;
  if (!("at" in row)) return false;
  for (let before = index - 1; before >= 0; before--) {
    const earlier = rows[before]!;
    if ("at" in earlier) return !isSameDay(earlier.at, row.at);
  }
  return true;
}

/** From midnight to midnight, the day that was last asked about: most are of the same one. */
let dayFrom = 0;
let dayTo = 0;

function isSameDay(one: number, other: number): boolean {
  if (other < dayFrom || other >= dayTo) {
    dayFrom = new Date(other).setHours(0, 0, 0, 0);
    // A day with a change to or from summer time is not 24 hours long.
    dayTo = new Date(dayFrom + 30 * 3_600_000).setHours(0, 0, 0, 0);
  }
  return one >= dayFrom && one < dayTo;
}

/** Whether the second row goes on with what the first one says. */
function goesOn(row: Row | undefined, next: Row): boolean {
  return (
    row?.kind === "message" &&
    next.kind === "message" &&
    row.person === next.person &&
    row.isOwn === next.isOwn &&
    row.name === next.name &&
    next.at - row.at <= PAUSE_MAX
  );
}

/** Whether two rows are drawn alike. What is not flat in them is replaced and not changed. */
function isSame(row: Row, other: Row | undefined): boolean {
  if (row === other) return true;
  if (!other || row.key !== other.key || row.kind !== other.kind) return false;
  const [one, two] = [row, other] as unknown as Record<string, unknown>[];
  const names = Object.keys(one!);
  return names.length === Object.keys(two!).length && names.every((name) => one![name] === two![name]);
}

/** About how high a row is before it is drawn, pixels. */
function guessOf(row: Row): number {
  if (row.kind !== "message") return 32;
  // A line has some 40 characters; few messages have more than one.
  const text = 20 + 24 * Math.ceil(row.text.length / 40);
  return text + (row.reply ? 44 : 0) + (row.reactions?.length ? 34 : 0) + (row.pictures?.length ? 200 : 0);
}
