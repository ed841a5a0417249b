import { expect, test } from "vitest";

import { Display, display, hueOf, initialOf } from "./display.ts";
import type { Row } from "./timeline.ts";

const noon = new Date(2026, 0, 2, 12).getTime();
const minute = 60_000;

const message = (id: number, name: string, at: number): Row => ({
  kind: "message",
  key: `m${id}`,
  message: { id, name, msg: `m${id}`, at },
});

const brief = (rows: Row[]) =>
  display(rows, "me").map((item) =>
    item.kind === "bubble"
      ? `${item.isFirst ? "(" : ""}${item.isOwn ? "my " : ""}${item.msg}${item.isLast ? ")" : ""}`
      : item.kind,
  );

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

test("days, notices and gaps end a group", () => {
  const notice: Row = { kind: "notice", key: "n", what: "left", name: "b", at: noon };
  const rows: Row[] = [
    message(1, "a", noon - 24 * 60 * minute),
    message(2, "a", noon),
    notice,
    message(3, "a", noon),
    { kind: "gap", key: "g" },
    message(4, "a", noon),
  ];
  expect(brief(rows)).toEqual(
    ["day", "(m1)", "day", "(m2)", "notice", "(m3)", "gap", "(m4)"],
  );
});

test("a pending message joins the group of its author", () => {
  const pending = { key: "k", name: "me", msg: "p", at: noon, state: "sent" } as const;
  const rows: Row[] = [message(1, "me", noon), { kind: "pending", key: "pk", pending }];
  expect(brief(rows)).toEqual(["day", "(my m1", "my p)"]);
});

test("names have a colour and a first character", () => {
  expect(hueOf("정민")).toBe(hueOf("정민"));
  expect(hueOf("정민")).not.toBe(hueOf("민정"));
  expect([" anna", "정민", "👩‍👩‍👧 family", ""].map(initialOf)).toEqual(["A", "정", "👩‍👩‍👧", "?"]);
});

test("a line that does not change stays the same object", () => {
  const shown = new Display();
  const rows = [message(1, "a", noon), message(2, "a", noon), message(3, "b", noon)];
  const pending = (state: "waiting" | "sent"): Row => ({
    kind: "pending",
    key: "pk",
    pending: { key: "k", name: "me", msg: "p", at: noon, state },
  });
  const first = shown.of([...rows, pending("waiting")], "me");
  const same = shown.of([...rows, pending("waiting")], "me");
  expect(same.every((item, n) => item === first[n])).toBe(true);
  const next = shown.of([...rows, message(4, "b", noon), pending("sent")], "me");
  // The day and the messages of a stay; that of b is not the last one any more.
  expect(next.map((item) => first.includes(item))).toEqual([true, true, true, false, false, false]);
  expect(next[3]).toMatchObject({ msg: "m3", isLast: false });
  expect(first[3]).toMatchObject({ msg: "m3", isLast: true });
});
