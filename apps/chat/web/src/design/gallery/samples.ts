import { language } from "../../language.ts";
import type { Face, Role } from "../faces.ts";
import type { Message, Row } from "../rows.ts";

const isKorean = language === "ko";
/** The one of two texts that is in the page's language. */
export const of = (english: string, korean: string): string => (isKorean ? korean : english);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const now = Date.now();

type Person = Face & { role?: Role; seenAt?: number };
export const people: Person[] = [
  { id: "minji", name: of("Minji Kim", "김민지"), colour: 210, role: "owner", isOnline: true },
  { id: "seojun", name: of("Seojun Park", "박서준"), picture: "🐻", colour: 30, role: "moderator", isOnline: true },
  { id: "haneul", name: of("Haneul Lee", "이하늘"), isOnline: true },
  { id: "me", name: of("Ada", "지우"), colour: 150, isOnline: true },
  { id: "guest", name: of("Visitor from the fair", "박람회에서 온 손님"), role: "guest", isOnline: false, seenAt: now - 50 * MINUTE },
  { id: "long", name: "Wolfeschlegelsteinhausenbergerdorff".repeat(2), isOnline: false, seenAt: now - 70 * 24 * HOUR },
  { id: "rtl", name: "مريم الخطيب", picture: "🌷", isOnline: false },
];

let id = 0;
function said(person: string, text: string, minutesAgo: number, more: Partial<Message> = {}): Message {
  const { name, colour, picture } = people.find((one) => one.id === person)!;
  id++;
  const at = now - minutesAgo * MINUTE;
  return { kind: "message", key: `m${id}`, id, person, name, colour, picture, text, at, isOwn: person === "me", state: "stored", ...more };
}

export const talk: Row[] = [
  said("minji", of("Good morning! Is everything ready for the fair?", "안녕하세요! 박람회 준비는 다 되어 가나요?"), 26 * 60),
  said("seojun", of("Nearly. The posters come this afternoon.", "거의 다 됐습니다. 포스터는 오늘 오후에 옵니다."), 26 * 60 - 1),
  said("seojun", "https://www.example.com/orders/2026/11/posters?size=a1&paper=matte&colour=salmon#delivery", 26 * 60 - 2),
  said("me", of("Great, thank you! 🙌", "좋아요, 고맙습니다! 🙌"), 26 * 60 - 4),
  { kind: "fold", key: "f1", at: now - 8 * HOUR, text: of("Haneul Lee and 2 others have come, Visitor has gone", "이하늘 님 외 2명이 들어오고 손님이 나갔습니다") },
  said("haneul", of("Hello from the train.", "기차에서 인사드려요."), 42),
  said("haneul", "🐟", 41),
  said("haneul", of("The network here comes and goes, so my answers may be late. I have read the plan that you have put on www.example.com/plan and I think that the second day has too little in it.", "여기는 연결이 끊겼다 이어졌다 해서 답이 늦을 수 있어요. www.example.com/plan 에 올려 주신 계획을 읽어 봤는데 둘째 날에는 할 일이 너무 적은 것 같습니다."), 40),
  said("me", "👍🎉", 38),
  said("me", of("Then let us move the workshop.\n\n1. opening\n2. workshop\n3. soup", "그럼 워크숍을 옮기죠.\n\n1. 개회\n2. 워크숍\n3. 국"), 38),
  said("rtl", "مرحبا بالجميع! https://example.com/ar", 21),
  said("minji", of("日本語のメッセージも、English words and 한국어 낱말 break where each of them should.", "日本語のメッセージもきれいに改行されます。English sentences break at spaces."), 20),
  said("long", "Z̸̢̛͙̘͑̅a̴̡̛͓l̷̨͉͛g̶̡̛͎̈́̀͑ọ̴̢̈́̅̽͗ ".repeat(2) + "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", 15),
  { kind: "gap", key: "g1", state: "waiting" },
  said("seojun", of("See you all at nine.", "아홉 시에 봬요."), 3),
  said("me", of("See you!", "내일 봬요!"), 2),
];

export const pending: Row[] = [
  ...talk,
  said("me", of("On my way to you", "가는 중이에요"), 1, { id: undefined, state: "sent" }),
  said("me", of("Written in the tunnel", "터널에서 쓴 메시지"), 1, { id: undefined, state: "waiting" }),
  said("me", of("Too late for this one", "이건 너무 늦었네요"), 0, { id: undefined, state: "failed", problem: { code: "expired" } }),
];

/** A long conversation, for scrolling. */
export const long: Row[] = Array.from({ length: 400 }, (_, n) =>
  said(["minji", "seojun", "me", "haneul"][(n >> 1) % 4]!, `${n} ${of("What is said in a conversation", "대화에서 하는 말")}${n % 7 === 0 ? " …".repeat(n % 90) : ""}`, 400 - n),
);

export const rooms = [
  { href: "#1", title: of("Lobby", "로비"), people: 12, last: { author: people[1]!.name, text: of("See you all at nine.", "아홉 시에 봬요."), at: now - 3 * MINUTE }, isPinned: true, unread: 3 },
  { href: "#2", title: of("Autumn fair", "가을 박람회"), kind: "invited", people: 4, last: { isOwn: true, text: of("See you!", "내일 봬요!"), at: now - 2 * MINUTE }, isCurrent: true },
  { href: "#3", title: people[0]!.name, kind: "direct", faces: [people[0]!], last: { text: of("Have you seen the posters?", "포스터 보셨어요?"), at: now - 55 * MINUTE }, draft: of("Not yet, I am", "아직 못 봤어요, 지금") },
  { href: "#4", title: of("Minji Kim, Haneul Lee", "김민지, 이하늘"), kind: "direct", faces: [people[0]!, people[2]!], last: { author: people[2]!.name, text: "ㅋㅋㅋㅋㅋㅋ", at: now - 5 * HOUR }, unread: 24, mentions: 1 },
  { href: "#5", title: of("Planning the year that comes after the next one", "내후년의 계획을 미리 세워 보는 방"), kind: "password", people: 128, last: { author: "W".repeat(40), text: of("A long author leaves room for what was said", "이름이 길어도 한 말은 보여야 해요"), at: now - 30 * HOUR }, isSilenced: true, unread: 1000, mentions: 2 },
  { href: "#6", title: "غرفة المطبخ", last: { author: people[6]!.name, text: "وصل الحساء، من يريد أن يأكل معنا اليوم في المطبخ الكبير؟", at: now - 80 * HOUR } },
  { href: "#7", title: of("Summer 2024", "2024 여름"), isClosed: true, last: { author: people[0]!.name, text: of("That was it. Thank you all!", "여기까지입니다. 모두 고맙습니다!"), at: now - 500 * 24 * HOUR } },
  { href: "#8", title: of("New here", "새로운 방") },
] as const;

/** What a server would draw for an address. */
export const qr = drawn(21);

function drawn(size: number): string {
  const isDark = (x: number, y: number): boolean => {
    for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]] as const) {
      const distance = Math.max(Math.abs(x - cx), Math.abs(y - cy));
      if (distance <= 4) return distance !== 4 && distance !== 2;
    }
    return (x * 7 + y * 13 + ((x * y) % 5)) % 3 === 0;
  };
  let path = "";
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) if (isDark(x, y)) path += `M${x} ${y}h1v1h-1z`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges"><path d="${path}"/></svg>`;
}
