import { actions } from "./gallery/actions.ts";
import { render } from "svelte/server";
import { expect, test } from "vitest";

import { english as own } from "../english.ts";
import { say } from "../i18n.ts";
import { korean as ownKorean } from "../korean.ts";
import Bubble from "./Bubble.svelte";
import { isEmojiOnly } from "./emoji.ts";
import { hueOf, initialOf } from "./faces.ts";
import Header from "./Header.svelte";
import { languageOfText } from "./languages.ts";
import type { Message } from "./rows.ts";
import { english } from "./words.en.ts";
import { korean } from "./words.ko.ts";

const message = (text: string, more: Partial<Message> = {}): Message => ({
  kind: "message", key: "1", id: 1, person: "p", name: "나", text, at: 0, isOwn: false, state: "stored", ...more,
});
const bubble = (message: Message, more = {}): string => {
  const props = { message, isFirst: true, isLast: true, isOver: false, actions, ...more };
  return render(Bubble, { props }).body.replace(/<!--.*?-->/g, "");
};

test("one to three emoji are shown large", () => {
  for (const text of ["🐟", "👍🎉", "🐟 🐟 🐟", "👩‍👩‍👧", "🇰🇷", "❤️", "1️⃣", " 🐟\n", "👍🏽", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]) {
    expect(isEmojiOnly(text), text).toBe(true);
  }
  for (const text of ["", " ", "🐟🐟🐟🐟", "🐟!", "a", "1", "#", "123", "©", "ㅋㅋ", "가", "🐟\n\n\n🐟", "🐟".repeat(10_000)]) {
    expect(isEmojiOnly(text), text.slice(0, 20)).toBe(false);
  }
  expect(bubble(message("🐟"))).toMatch(/class="message[^"]* bare/);
  expect(bubble(message("🐟!"))).not.toMatch(/class="message[^"]* bare/);
});

test("a message has its own language and not the page's", () => {
  expect(["안녕 friends", "ㅋㅋ", "日本語の", "カタカナ", "中文", "hello", ""].map(languageOfText)).toEqual([
    "ko", "ko", "ja", "ja", "", "", "",
  ]);
  expect(bubble(message("hello"))).toContain('lang=""');
  expect(bubble(message("안녕"))).toContain('lang="ko"');
});

// A turning mark before it would show its end first.
test("a link stands apart from the direction of the text around it", () => {
  expect(bubble(message("\u202Ehttps://example.com/"))).toMatch(/<a [^>]*dir="ltr"/);
});

test("an address breaks behind what parts it, and is whole", () => {
  const body = bubble(message("see https://www.example.com/a/b?c=d&e=f"));
  expect(body.replaceAll("<wbr/>", "<wbr>")).toContain(">https://www.<wbr>example.<wbr>com/<wbr>a/<wbr>b?<wbr>c=<wbr>d&amp;<wbr>e=<wbr>f</a>");
  expect(body).toContain('href="https://www.example.com/a/b?c=d&amp;e=f"');
});

test("whose words they are is not a matter of the name", () => {
  expect(bubble(message("x", { name: "me", isOwn: false }))).not.toMatch(/class="message[^"]* own/);
  expect(bubble(message("x", { name: "somebody", isOwn: true }))).toMatch(/class="message[^"]* own/);
});

test("what failed says why, and what can be done", () => {
  const failed = message("x", { state: "failed", problem: { code: "expired" } });
  expect(bubble(failed)).toContain(own.error_expired);
  expect(bubble(failed)).toContain(own.retry);
  expect(bubble(failed, { isOver: true })).not.toContain(own.retry);
});

test("what a message answers, and that it was edited or deleted, is told", () => {
  const quote = { id: 7, person: "q", name: "민지", text: "earlier", pictures: 2, isDeleted: false };
  const body = bubble(message("x", { reply: quote, editedAt: 5 }));
  expect(body).toContain("민지");
  expect(body).toContain(`earlier · ${say("somePictures", { count: 2 })}`);
  expect(body).toContain(own.edited);
  expect(bubble(message("x", { reply: { ...quote, text: "", isDeleted: true } }))).toContain(own.deleted);
  const gone = bubble(message("", { isDeleted: true, reactions: [{ emoji: "👍", count: 1, isMine: false }] }));
  expect(gone).toContain(own.deleted);
  expect(gone).not.toContain("👍");
});

test("how many have not read it, and who has reacted, is told in words as well", () => {
  expect(bubble(message("x"), { unreadBy: 3 })).toContain(`>${say("unreadBy", { count: 3 })}</span>`);
  expect(bubble(message("x"), { unreadBy: 0 })).not.toContain("unread");
  const body = bubble(message("x", { reactions: [{ emoji: "👍", count: 2, isMine: true }, { emoji: "🎉", count: 1, isMine: false }] }));
  expect(body).toMatch(/aria-pressed="true"[^>]*aria-label="👍 2"/);
  expect(body).toMatch(/aria-pressed="false"[^>]*aria-label="🎉 1"/);
});

test("pictures have their place before they are loaded, and a name", () => {
  const picture = { id: "1", width: 800, height: 400, isAnimated: true, src: "/p", thumbnail: "/p/thumbnail" };
  const body = bubble(message("", { pictures: [picture] }));
  expect(body).toMatch(/width: 20.000rem; aspect-ratio: 2.0000/);
  expect(body).toContain('src="/p/thumbnail"');
  expect(body).toContain(`${say("pictureOf", { name: "나" })}, GIF`);
  expect(bubble(message("🐟", { pictures: [picture] }))).not.toMatch(/class="message[^"]* bare/);
});

test("a long text is folded, a short one is not", () => {
  expect(bubble(message("a\n".repeat(30)))).toContain("folded");
  expect(bubble(message("a"))).not.toContain("folded");
});

test("nothing that is written becomes HTML", () => {
  const body = bubble(message('<img src=x onerror=alert(1)> `<b>` [<i>](https://a.b) ```\n<script>\n```\n> <u>'));
  expect(body).not.toMatch(/<(?:img|b|i|u|script)[ >]/);
});

test("who was here when that was last known is pale, and not counted", () => {
  const people = ["a", "b", "c"].map((id) => ({ id, name: id }));
  const header = (more: object) => render(Header, { props: { title: "t", people, onpeople() {}, ...more } }).body;
  const known = header({ peopleCount: 7 });
  expect(known).toContain("+4");
  expect(known).toContain(say("peopleShow", { count: 7 }));
  expect(known).not.toMatch(/<button[^>]* stale/);
  const stale = header({ isStale: true });
  expect(stale).toMatch(/<button[^>]* stale/);
  expect(stale).not.toMatch(/\+\d|here: /);
  expect(stale).toContain(own.people);
});

test("names have a colour and a first character", () => {
  expect(hueOf("정민")).toBe(hueOf("정민"));
  expect(hueOf("정민")).not.toBe(hueOf("민정"));
  expect([" anna", "정민", "👩‍👩‍👧 family", ""].map(initialOf)).toEqual(["A", "정", "👩‍👩‍👧", "?"]);
});

test("the components' words stand in no other table", () => {
  const count = Object.keys(english).length;
  expect(Object.keys(korean)).toHaveLength(count);
  for (const [text, says] of Object.entries(english)) {
    expect(own, text).toHaveProperty(text, says);
    expect(ownKorean, text).toHaveProperty(text, korean[text as keyof typeof korean]);
  }
});
