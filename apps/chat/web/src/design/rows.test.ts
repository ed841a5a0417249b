import { expect, test } from "vitest";

import { type Fold, Lines, type Message, type Row } from "./rows.ts";

const noon = new Date(2026, 0, 2, 12).getTime();
const minute = 60_000;

const message = (id: number, person: string, at: number, more: Partial<Message> = {}): Message => ({
  kind: "message",
  key: `m${id}`,
  id,
  person,
  name: person,
  text: `m${id}`,
  at,
  isOwn: person === "me",
  state: "stored",
  ...more,
});
const fold = (key: string, at: number): Fold => ({ kind: "fold", key, at, text: "Anna has come" });

const brief = (rows: readonly Row[], lines = new Lines()) =>
  lines.of(rows).flatMap(({ row, opensDay, isFirst, isLast }) => [
    ...(opensDay ? ["day"] : []),
    row.kind === "message"
      ? `${isFirst ? "(" : ""}${row.isOwn ? "my " : ""}${row.text}${isLast ? ")" : ""}`
      : row.kind,
  ]);

test("what one person says in one go is one group", () => {
  const rows = [
    message(1, "a", noon),
    message(2, "a", noon + minute),
    message(3, "b", noon + minute),
    message(4, "b", noon + 7 * minute),
    message(5, "me", noon + 7 * minute),
  ];
  expect(brief(rows)).toEqual(["day", "(m1", "m2)", "(m3)", "(m4)", "(my m5)"]);
});

test("days, folds and gaps end a group", () => {
  const rows: Row[] = [
    message(1, "a", noon - 24 * 60 * minute),
    message(2, "a", noon),
    fold("f", noon),
    message(3, "a", noon),
    { kind: "gap", key: "g", state: "waiting" },
    message(4, "a", noon),
  ];
  expect(brief(rows)).toEqual(
    ["day", "(m1)", "day", "(m2)", "fold", "(m3)", "gap", "(m4)"],
  );
});

test("a day opens with whoever comes first, and once", () => {
  const midnight = new Date(2026, 0, 3).getTime();
  const rows: Row[] = [
    message(1, "a", midnight - 1),
    { kind: "gap", key: "g", state: "waiting" },
    fold("f", midnight),
    message(2, "a", midnight),
    message(3, "a", midnight + 1),
  ];
  expect(brief(rows)).toEqual(["day", "(m1)", "gap", "day", "fold", "(m2", "m3)"]);
});

test("one name of two people is two groups", () => {
  const rows = [
    message(1, "a", noon, { name: "Mina" }),
    message(2, "b", noon, { name: "Mina" }),
    message(3, "c", noon, { name: "Mina", isOwn: true }),
  ];
  expect(brief(rows)).toEqual(["day", "(m1)", "(m2)", "(my m3)"]);
});

test("a line in which nothing changes stays the same object", () => {
  const lines = new Lines();
  const rows = [message(1, "a", noon), message(2, "a", noon), message(3, "b", noon)];
  const pending = (state: "waiting" | "sent") =>
    message(9, "me", noon, { key: "p", id: undefined, text: "p", state });
  const first = lines.of([...rows, pending("waiting")]);
  // Other objects, in which nothing is different.
  const same = lines.of([...rows.map((row) => ({ ...row })), pending("waiting")]);
  expect(same.every((line, n) => line === first[n])).toBe(true);
  const next = lines.of([...rows, message(4, "b", noon), pending("sent")]);
  // Those of a stay; that of b is not the last one any more.
  expect(next.map((line) => first.includes(line))).toEqual([true, true, false, false, false]);
  expect(next[2]).toMatchObject({ key: "m3", isLast: false });
  expect(first[2]).toMatchObject({ key: "m3", isLast: true });
});

test("what was measured stays known while a line changes", () => {
  const lines = new Lines();
  const [line] = lines.of([message(1, "a", noon)]);
  line!.height = 123;
  const [changed] = lines.of([message(1, "a", noon), message(2, "a", noon)]);
  expect(changed).not.toBe(line);
  expect(changed).toMatchObject({ height: 123, isLast: false });
});

// Every way in which a conversation changes ends in the lines that it would have from its beginning.
test("lines are those of the rows, whatever came before", () => {
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >>> 8) % below;
  };
  for (let round = 0; round < 300; round++) {
    const lines = new Lines();
    let rows: Row[] = [];
    let id = 500;
    let oldest = 500;
    for (let step = 0; step < 12; step++) {
      const at = () => noon + (id - 500) * 3 * minute;
      const person = ["a", "b", "me"][random(3)]!;
      const place = random(rows.length + 1);
      switch (random(7)) {
        case 0: // a burst
        case 1:
          for (let n = random(5); n >= 0; n--) rows = [...rows, message(++id, person, at())];
          break;
        case 2: // the oldest are dropped
          rows = rows.slice(random(3));
          break;
        case 3: // history before them
          rows = [message(--oldest, person, noon - 900 * minute), ...rows];
          break;
        case 4: // something in between
          rows = [...rows.slice(0, place), fold(`f${++id}`, at()), ...rows.slice(place)];
          break;
        case 5: // something is discarded
          rows = rows.filter((_, n) => n !== place);
          break;
        case 6: // something changes
          rows = rows.map((row, n) => (n === place && row.kind === "message" ? { ...row, text: "!", state: "failed" } : row));
          break;
      }
      const bare = (all: readonly object[]) => all.map((line) => ({ ...line, height: 0 }));
      expect(bare(lines.of(rows)), `round ${round}, step ${step}`).toEqual(bare(new Lines().of(rows)));
    }
  }
});
