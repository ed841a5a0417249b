import type { english } from "./words.en.ts";

/** The same in Korean. */
export const korean: Record<keyof typeof english, string> = {
  back: "뒤로",
  more: "더 보기",
  close: "닫기",
  cancel: "취소",
  copy: "복사",
  copied: "복사했습니다",
  dismiss: "닫기",
  showPassword: "비밀번호 보기",
  hidePassword: "비밀번호 숨기기",
  roomPanes: "대화방과 사람",
  conversation: "대화",

  online: "접속 중",
  offline: "오프라인",
  lastSeen: "마지막 접속 {time}",
  peopleOnline: "{count}명 접속 중",
  peopleShow: "지금 있는 사람 {count}명 모두 보기",
  self: "나",
  role_owner: "방장",
  role_moderator: "운영자",
  role_member: "멤버",
  role_guest: "손님",

  roomPassword: "비밀번호가 있는 방",
  roomInvited: "초대받은 사람만",
  roomClosed: "닫힌 방",
  roomPinned: "고정됨",
  roomSilenced: "알림 끔",
  draft: "작성 중",

  lost: "연결이 끊겼습니다.",
  lostSince: "{time}부터 연결이 끊겨 있습니다.",
  lostTrying: "다시 연결하는 중…",
  lostUnsent: "보내지 못한 메시지 {count}개는 다시 연결되면 보냅니다.",
  tryNow: "지금 다시 시도",

  newLineHint: "줄을 바꾸려면 Shift + Enter",
  typingOne: "{name} 님이 입력하는 중…",
  typingTwo: "{name} 님과 {other} 님이 입력하는 중…",
  typingMany: "여러 사람이 입력하는 중…",
  newsCount: "새 메시지 {count}개",
  newsOne: "새 메시지 1개",
  newest: "최신 메시지로",
};
