import { expect, test } from "vitest";

import { begunAt, completed, mentionsIn, suggest, SUGGESTIONS_MAX } from "./mentions.ts";

const people = ["김민지", "이민호", "박서준", "Ada Lovelace", "adam", "Grace"].map((name) => ({ id: name, name }));
const names = (query: string) => suggest(people, query).map(({ name }) => name);

test("an at sign begins a mention, but not in an address", () => {
  expect(begunAt("안녕 @김민", 6)).toEqual({ from: 3, to: 6, query: "김민" });
  expect(begunAt("@", 1)).toEqual({ from: 0, to: 1, query: "" });
  expect(begunAt("(@ada love", 10)).toEqual({ from: 1, to: 10, query: "ada love" });
  expect(begunAt("@김민지 님", 3)?.query).toBe("김민");
  for (const text of ["", "김민", "me@example", "a.@b", "@ a", "@a\nb", "@ada is not", `@${"a".repeat(40)}`]) {
    expect(begunAt(text, text.length), text).toBeUndefined();
  }
});

test("people are found by the beginnings of their names, and by initial consonants", () => {
  expect(names("")).toHaveLength(SUGGESTIONS_MAX);
  expect(names("ada")).toEqual(["Ada Lovelace", "adam"]);
  expect(names("love")).toEqual(["Ada Lovelace"]);
  expect(names("김")).toEqual(["김민지"]);
  expect(names("기")).toEqual(["김민지"]);
  expect(names("ㄱㅁ")).toEqual(["김민지"]);
  expect(names("김ㅁㅈ")).toEqual(["김민지"]);
  expect(names("ㅂㅅ")).toEqual(["박서준"]);
  expect(names("민지")).toEqual([]);
  expect(names("x")).toEqual([]);
  // As macOS writes file names.
  expect(names("김민".normalize("NFD"))).toEqual(["김민지"]);
});

test("what was begun is completed, and one goes on behind it", () => {
  const text = "a @김민 b";
  expect(completed(text, begunAt(text, 5)!, "김민지")).toEqual({ text: "a @김민지 b", caret: 6 });
  expect(completed("@", { from: 0, to: 1, query: "" }, "Ada")).toEqual({ text: "@Ada ", caret: 5 });
});

test("those are mentioned whose names stand in the text", () => {
  const all = [{ id: "1", name: "Ada" }, { id: "2", name: "Ada Lovelace" }, { id: "3", name: "민지" }, { id: "4", name: "서준" }];
  expect(mentionsIn("@Ada Lovelace와 @민지에게, 서준", all)).toEqual(["2", "3"]);
  expect(mentionsIn("@Ada @Ada @Adam me@Ada @서", all)).toEqual(["1"]);
  expect(mentionsIn("@".repeat(4000), all)).toEqual([]);
});
