import type { Refusal } from "./contract.ts";
import * as design from "./design/words.ts";

/** Everything the page says, in English. `{name}` is replaced by the value of that name. */
export const english = {
  // Tables of parts of the page that bring their own words.
  ...design.english,

  rooms: "Rooms",
  tagline: "Say it once, and the whole room hears it.",
  lab: "The lab: see how messages travel",
  roomList: "All rooms",
  newRoom: "New room",
  newRoomHint: "Name of the room",
  openRoom: "Open",
  noMessages: "Nothing said yet",
  people: "{count} here",

  nickname: "Nickname",
  nicknameHint: "What shall we call you?",
  enter: "Enter",
  entering: "Entering…",
  unreachable: "The server cannot be reached. Trying again…",

  messages: "Messages",
  message: "Message",
  messageHint: "Write a message",
  send: "Send",
  out: "Out",
  leftRoom: "You have left the room.",
  enterAgain: "Enter again",
  tooLong: "{count} characters too many",

  joined: "{name} has joined",
  left: "{name} has left",
  emptyRoom: "Nothing has been said here yet. You begin!",
  gap: "Some messages in between are not shown",
  newMessages: "New messages",
  today: "Today",
  yesterday: "Yesterday",
  you: "You",
  sending: "Sending",
  waiting: "Waiting to be sent",
  failed: "Not sent",
  retry: "Try again",
  discard: "Discard",

  reconnecting: "The connection is lost. Reconnecting…",
  unsent: "Unsent messages: {count}. They go out when the connection is back.",
  slowed: "That was too much at once. The rest goes out in {time}.",

  missingTitle: "There is nothing here",
  missingText: "This address leads nowhere. Perhaps the room is in the list?",

  error_room_empty: "The room needs a name.",
  error_room_too_long: "The room's name is too long.",
  error_room_character: "The room's name has a character that is not allowed.",
  error_name_empty: "Please enter a nickname.",
  error_name_too_long: "The nickname is too long.",
  error_name_character: "The nickname has a character that is not allowed.",
  error_message_empty: "The message is empty.",
  error_message_too_long: "The message is too long.",
  error_storage: "The server could not store it.",
  error_disk_full: "The server's disk is full.",
  error_too_fast: "Too much at once. Please try again in {time}.",
  error_too_many_rooms: "Too many new rooms from here. Please try again in {time}.",
  error_quota_used: "Today's share is used up. Please try again in {time}.",
  error_name_lookalike: "Somebody in the room has a name that looks just like this one.",
  error_room_lookalike: "There is another room whose name looks just like this one.",
  error_name_mismatch: "It was written under another nickname.",
  error_expired: "It could not be sent for a whole day.",
  error_full: "Too many messages are waiting to be sent.",
  error_other: "The server refused it.",
};

export type Text = keyof typeof english;

/** The same in Korean. */
export const korean: Record<Text, string> = {
  ...design.korean,

  rooms: "대화방",
  tagline: "말하면, 방에 있는 모두에게 바로 전해집니다.",
  lab: "실험실: 메시지가 오가는 길 보기",
  roomList: "방 목록",
  newRoom: "새 방",
  newRoomHint: "방 이름",
  openRoom: "열기",
  noMessages: "아직 대화가 없습니다",
  people: "{count}명 있음",

  nickname: "닉네임",
  nicknameHint: "어떻게 불러 드릴까요?",
  enter: "입장",
  entering: "입장하는 중…",
  unreachable: "서버에 연결할 수 없습니다. 다시 시도하는 중…",

  messages: "대화",
  message: "메시지",
  messageHint: "메시지를 입력하세요",
  send: "보내기",
  out: "나가기",
  leftRoom: "방에서 나왔습니다.",
  enterAgain: "다시 입장",
  tooLong: "{count}자 초과",

  joined: "{name} 님이 입장하셨습니다",
  left: "{name} 님이 퇴장하셨습니다",
  emptyRoom: "아직 대화가 없습니다. 첫 마디를 건네 보세요!",
  gap: "중간의 일부 메시지는 표시되지 않습니다",
  newMessages: "새 메시지",
  today: "오늘",
  yesterday: "어제",
  you: "나",
  sending: "보내는 중",
  waiting: "보낼 차례를 기다리는 중",
  failed: "보내지 못함",
  retry: "다시 보내기",
  discard: "지우기",

  reconnecting: "연결이 끊겼습니다. 다시 연결하는 중…",
  unsent: "보내지 못한 메시지 {count}개는 다시 연결되면 보냅니다.",
  slowed: "한꺼번에 너무 많이 보냈습니다. 나머지는 {time} 뒤에 보냅니다.",

  missingTitle: "아무것도 없는 곳입니다",
  missingText: "이 주소에는 페이지가 없습니다. 방 목록에서 찾아보세요.",

  error_room_empty: "방 이름을 입력하세요.",
  error_room_too_long: "방 이름이 너무 깁니다.",
  error_room_character: "방 이름에 쓸 수 없는 문자가 있습니다.",
  error_name_empty: "닉네임을 입력하세요.",
  error_name_too_long: "닉네임이 너무 깁니다.",
  error_name_character: "닉네임에 쓸 수 없는 문자가 있습니다.",
  error_message_empty: "메시지가 비어 있습니다.",
  error_message_too_long: "메시지가 너무 깁니다.",
  error_storage: "서버가 저장하지 못했습니다.",
  error_disk_full: "서버의 저장 공간이 부족합니다.",
  error_too_fast: "한꺼번에 너무 많은 요청을 보냈습니다. {time} 뒤에 다시 시도하세요.",
  error_too_many_rooms: "새 방을 너무 많이 만들었습니다. {time} 뒤에 다시 시도하세요.",
  error_quota_used: "오늘 쓸 수 있는 양을 모두 썼습니다. {time} 뒤에 다시 시도하세요.",
  error_name_lookalike: "똑같아 보이는 닉네임을 쓰는 사람이 방에 있습니다.",
  error_room_lookalike: "똑같아 보이는 이름의 다른 방이 있습니다.",
  error_name_mismatch: "다른 닉네임으로 쓴 메시지입니다.",
  error_expired: "하루 동안 보낼 수 없었습니다.",
  error_full: "보내지 못한 메시지가 너무 많습니다.",
  error_other: "서버가 받아들이지 않았습니다.",
};

/** The browser's language if the page speaks it, else English. */
export function languageOf(preferred: string): "ko" | "en" {
  return /^ko\b/i.test(preferred) ? "ko" : "en";
}

/** Dates and numbers follow the browser's own language, whether or not the page speaks it. */
export const locale = typeof navigator === "undefined" ? "en" : navigator.language;
export const language = languageOf(locale);

/** What the page says, in the browser's language. */
export function say(text: Text, values: Record<string, string | number> = {}): string {
  const pattern = (language === "ko" ? korean : english)[text];
  return pattern.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** What to tell somebody about a refusal of the server, which may say when to try again. */
export function sayRefusal({ code, retry_after }: Pick<Refusal, "code" | "retry_after">): string {
  const text = `error_${code}`;
  const values = { time: sayTime(retry_after ?? 1) };
  return say(text in english ? (text as Text) : "error_other", values);
}

/** So many seconds in words, in the unit that suits them. */
export function sayTime(seconds: number): string {
  const [unit, length] =
    seconds < 100 ? ["second", 1] : seconds < 6_000 ? ["minute", 60] : ["hour", 3_600];
  const format = { style: "unit", unit, unitDisplay: "long" } as const;
  return new Intl.NumberFormat(language, format).format(Math.ceil(seconds / length));
}
