import type { Problem, Row } from "./timeline.ts";

export { hueOf, initialOf } from "./design/faces.ts";

/** A message as it is drawn. */
export interface Bubble {
  kind: "bubble";
  key: string;
  id?: number;
  name: string;
  msg: string;
  at: number;
  isOwn: boolean;
  state: "stored" | "waiting" | "sent" | "failed";
  problem?: Problem;
  /** What the page calls it while it is unconfirmed. */
  pendingKey?: string;
  /** First and last of what one person said in one go: where the name and the time are shown. */
  isFirst: boolean;
  isLast: boolean;
}

/** One line of the conversation as it is drawn. */
export type Item =
  | Bubble
  | { kind: "day"; key: string; at: number }
  | Exclude<Row, { kind: "message" | "pending" }>;

/** Messages of one person further apart than this are not one go, milliseconds. */
const PAUSE_MAX = 5 * 60 * 1000;

/**
 * What is drawn, from one moment to the next. A line in which nothing has changed stays the same
 * object, so that what is drawn already is left alone, however much there is of it.
 */
export class Display {
  private drawn = new Map<string, Item>();

  /** The lines to draw now. */
  of(rows: readonly Row[], nickname: string): Item[] {
    const before = this.drawn;
    this.drawn = new Map();
    return display(rows, nickname).map((item) => {
      const old = before.get(item.key);
      const kept = old && isSame(old, item) ? old : item;
      this.drawn.set(kept.key, kept);
      return kept;
    });
  }
}

/** Whether two lines are drawn alike. They are flat. */
function isSame(a: Item, b: Item): boolean {
  const [one, other] = [a, b] as unknown as Record<string, unknown>[];
  const names = Object.keys(one!);
  return (
    names.length === Object.keys(other!).length && names.every((name) => one![name] === other![name])
  );
}

/** Puts days between the messages and gathers what one person said in one go. */
export function display(rows: readonly Row[], nickname: string): Item[] {
  const items: Item[] = [];
  let day = "";
  let previous: Bubble | undefined;
  for (const row of rows) {
    if (row.kind === "notice" || row.kind === "gap") {
      items.push(row);
      previous = undefined;
      continue;
    }
    const bubble = bubbleOf(row, nickname);
    const date = new Date(bubble.at);
    const itsDay = `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
    if (itsDay !== day) {
      items.push({ kind: "day", key: `d${itsDay}-${row.key}`, at: bubble.at });
      previous = undefined;
      day = itsDay;
    }
    if (
      previous?.name === bubble.name &&
      previous.isOwn === bubble.isOwn &&
      bubble.at - previous.at <= PAUSE_MAX
    ) {
      bubble.isFirst = false;
      previous.isLast = false;
    }
    items.push(bubble);
    previous = bubble;
  }
  return items;
}

function bubbleOf(row: Extract<Row, { kind: "message" | "pending" }>, nickname: string): Bubble {
  if (row.kind === "message") {
    const { id, name, msg, at } = row.message;
    const isOwn = name === nickname;
    const drawn = { kind: "bubble", state: "stored", isFirst: true, isLast: true } as const;
    return { ...drawn, key: row.key, id, name, msg, at, isOwn };
  }
  const { key: pendingKey, name, msg, at, state, problem } = row.pending;
  const drawn = { kind: "bubble", isOwn: true, isFirst: true, isLast: true } as const;
  return { ...drawn, key: row.key, name, msg, at, state, problem, pendingKey };
}
