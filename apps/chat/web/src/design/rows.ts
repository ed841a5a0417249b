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
  readonly state: "waiting" | "sending" | "done" | "failed";
  /** Why it has failed. */
  readonly problem?: Problem;
  retry(): void;
  cancel(): void;
}

/** A place where messages are missing. */
export interface Gap {
  kind: "gap";
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
export type Row = Message | Gap | Fold;

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
    const dropped = indexOf(before, rows[0]?.key);
    if (dropped < 0) return (this.lines = anew(rows, before));
    let known = 0;
    while (known < rows.length && isSame(rows[known]!, before[known + dropped]?.row)) known++;
    // The last one that is known may go on in the next; the first one has lost what was before it.
    const lines = before.slice(dropped, dropped + Math.max(known - 1, 0));
    if (dropped > 0 && lines.length > 0) lines[0] = lineOf(rows, 0, lines[0]);
    for (let index = lines.length; index < rows.length; index++) {
      const old = before[index + dropped];
      lines.push(lineOf(rows, index, old?.key === rows[index]!.key ? old : undefined));
    }
    return (this.lines = lines);
  }
}

function indexOf(lines: readonly Line[], key: string | undefined): number {
  return lines.findIndex((line) => line.key === key);
}

/** All lines, where nothing stands where it stood: a history came before them. */
function anew(rows: readonly Row[], before: readonly Line[]): Line[] {
  const old = new Map(before.map((line) => [line.key, line]));
  return rows.map((row, index) => lineOf(rows, index, old.get(row.key)));
}

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

/** Whether this row is the first of its day. A gap has no day. */
function isDayOpened(rows: readonly Row[], index: number): boolean {
  const row = rows[index]!;
  if (row.kind === "gap") return false;
  for (let before = index - 1; before >= 0; before--) {
    const earlier = rows[before]!;
    if (earlier.kind !== "gap") return !isSameDay(earlier.at, row.at);
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

/** Whether two rows are drawn alike. They are flat but for the problem, which is replaced and not changed. */
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
  return 20 + 24 * Math.ceil(row.text.length / 40);
}
