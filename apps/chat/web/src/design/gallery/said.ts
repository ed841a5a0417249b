import { of, people } from "./samples.ts";
import type { Message, Picture, PictureUpload, Row } from "../rows.ts";

/** A picture that needs no server: a gradient with its size in it. */
export function painted(id: string, width: number, height: number, more: Partial<Picture> = {}): Picture {
  const hue = [...id].reduce((sum, character) => sum + character.charCodeAt(0) * 47, 0) % 360;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><defs><linearGradient id="g" x2="1" y2="1">` +
    `<stop stop-color="hsl(${hue} 55% 62%)"/><stop offset="1" stop-color="hsl(${hue + 60} 50% 38%)"/></linearGradient></defs>` +
    `<rect width="100%" height="100%" fill="url(#g)"/><circle cx="30%" cy="35%" r="12%" fill="hsl(45 90% 75%)"/></svg>`;
  const src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  return { id, width, height, isAnimated: false, src, thumbnail: src, ...more };
}

const going = (progress: number, more: Partial<PictureUpload> = {}): PictureUpload => ({ progress, state: "sending", retry() {}, cancel() {}, ...more });

let id = 500;
export function say(person: string, text: string, more: Partial<Message> = {}): Message {
  const { name, colour, picture } = people.find((one) => one.id === person)!;
  id++;
  const at = Date.now() - (1000 - id) * 60_000;
  return { kind: "message", key: `m${id}`, id, person, name, colour, picture, text, at, isOwn: person === "me", state: "stored", ...more };
}

const minji = people[0]!;
const seojun = people[1]!;
const me = people[3]!;

export const text: Row[] = [
  say("minji", of("**Bold**, *italic*, _also_, ~~gone~~, `code` and ***both***", "**굵게**, *기울임*, _이렇게도_, ~~지움~~, `code`, ***둘 다***는 이렇게")),
  say("me", of("> Is it ready?\n> By nine?\n\nYes! See [the plan](https://example.com/plan) or https://www.example.com/a/b?c=d", "> 준비됐나요?\n> 아홉 시까지요?\n\n네! [계획](https://example.com/plan) 또는 https://www.example.com/a/b?c=d 를 보세요")),
  say("seojun", of("Try this:\n```rust\nfn main() {\n    let io = SocketIo::new(); // a long line that goes on and on, beyond the edge of every bubble there is\n    println!(\"{io:?}\");\n}\n```\nThen:\n1. build\n2. run\n   - look\n   - wait\n3. rest", "이렇게 해 보세요:\n```rust\nfn main() {\n    let io = SocketIo::new(); // 말풍선보다 훨씬 긴 줄이라서 옆으로 밀어 봐야 하는 아주아주 긴 주석입니다\n    println!(\"{io:?}\");\n}\n```\n그다음:\n1. 빌드\n2. 실행\n   - 보기\n   - 기다리기\n3. 쉬기")),
  say("me", "```\nconst mine = `own`;\n```"),
  say("haneul", of(`@${me.name} and @everyone: look at this, @${minji.name} too`, `@${me.name} 님, 그리고 @모두 보세요. @${minji.name} 님도요`), { mentions: [me, minji], isForAll: true, mentionsMe: true }),
  say("me", of(`@${seojun.name} please`, `@${seojun.name} 님 부탁해요`), { mentions: [seojun] }),
  say("rtl", "**مرحبا** بالجميع! `code` https://example.com/ar"),
  say("seojun", of("<b>not HTML</b> *^^* snake_case 2*3*4 wow~~ https://example.com/‮gnp.exe", "<b>HTML 아님</b> *^^* snake_case 2*3*4 네~~ https://example.com/‮gnp.exe")),
  say("haneul", "🐟"),
];

export const talk: Row[] = [
  say("minji", of("Shall we meet at nine?", "아홉 시에 만날까요?"), { reactions: [{ emoji: "👍", count: 3, isMine: true }, { emoji: "🎉", count: 1, isMine: false }, { emoji: "👨‍👩‍👧", count: 12, isMine: false }] }),
  say("me", of("At ten, rather.", "열 시가 좋겠어요."), {
    reply: { id: 501, person: minji.id, name: minji.name, text: of("Shall we meet at nine?", "아홉 시에 만날까요?"), pictures: 0, isDeleted: false },
    editedAt: Date.now() - 60_000,
    reactions: [{ emoji: "😂", count: 2, isMine: false }],
  }),
  say("seojun", of("And who brings the soup? It was very good the last time, and everybody asks for it, so that we need two pots of it.", "국은 누가 가져오나요? 지난번에 정말 맛있어서 다들 찾으니 냄비 두 개는 있어야 합니다."), {
    reply: { id: 502, person: me.id, name: me.name, text: of("At ten, rather. ".repeat(12), "열 시가 좋겠어요. ".repeat(12)), pictures: 2, isDeleted: false },
  }),
  say("haneul", "", { isDeleted: true }),
  say("haneul", of("I will", "제가 할게요"), { reply: { id: 1, person: "", name: "", text: "", pictures: 0, isDeleted: true } }),
  say("me", "", { isDeleted: true }),
  say("me", of("Thank you", "고마워요"), { editedAt: Date.now() }),
  say("me", of("On my way", "가는 중"), { id: undefined, state: "sent" }),
  say("me", of("Too late", "너무 늦음"), { id: undefined, state: "failed", problem: { code: "expired" }, reply: { id: 2, person: seojun.id, name: seojun.name, text: "", pictures: 1, isDeleted: false } }),
];

export const pictures: Row[] = [
  say("minji", of("The hall", "강당이에요"), { pictures: [painted("a", 1600, 900)] }),
  say("seojun", "", { pictures: [painted("b", 900, 1600)], reactions: [{ emoji: "❤️", count: 2, isMine: false }] }),
  say("me", "", { pictures: [painted("c", 800, 800), painted("d", 640, 480)] }),
  say("haneul", of("All of them", "전부 올려요"), { pictures: ["e", "f", "g", "h", "i", "j", "k"].map((id, n) => painted(id, 400 + n * 90, 700, { isAnimated: n === 1 })) }),
  say("me", "", { pictures: [painted("tiny", 24, 24)] }),
  say("me", "", { pictures: [painted("wide", 4000, 200, { isAnimated: true })] }),
  say("me", of("Just now", "방금 찍은 사진"), {
    id: undefined,
    state: "sent",
    pictures: [painted("l", 800, 600, { upload: going(0.42) }), painted("m", 800, 600, { upload: going(0, { state: "failed", problem: { code: "offline" } }) }), painted("n", 600, 600, { upload: going(0, { state: "waiting" }) })],
  }),
];

export const long: Row[] = [
  say("minji", of("A line of a long report. ", "긴 보고서의 한 줄입니다. ").repeat(120)),
  say("me", Array.from({ length: 30 }, (_, n) => `${n + 1}. ${of("one of many", "여럿 가운데 하나")}`).join("\n")),
  say("seojun", "x".repeat(640)),
  say("haneul", "\n\n\n" + of("blank lines around", "앞뒤로 빈 줄") + "\n\n\n"),
];
