import type { english } from "./words.en.ts";

/** The same in Korean. */
export const korean: Record<keyof typeof english, string> = {
  unreadLine: "여기서부터 새 메시지",
  gapLoad: "여기 빠진 메시지 보기",
  gapFailed: "빠진 메시지를 불러오지 못했습니다. 다시 시도",
  olderFailed: "이전 메시지를 불러오지 못했습니다.",
  newerFailed: "다음 메시지를 불러오지 못했습니다.",
  loadingMessages: "메시지를 불러오는 중…",
  unreadCount: "읽지 않은 메시지 {count}개",
  unreadOne: "읽지 않은 메시지 1개",
  mentionsCount: "그중 나를 언급한 메시지 {count}개",
  mentionsOne: "그중 나를 언급한 메시지 1개",
  aPicture: "사진",
  somePictures: "사진 {count}장",
  messageGone: "이 메시지는 더 이상 없습니다. 그 무렵의 대화를 보여 드립니다.",
  linkCopied: "메시지 링크를 복사했습니다",
  linkNotCopied: "링크를 복사하지 못했습니다. 링크: {link}",
  markedUnread: "이 메시지부터 읽지 않음으로 표시했습니다",
};
