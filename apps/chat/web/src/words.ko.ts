import type { english } from "./words.en.ts";

/** The same in Korean. */
export const korean: Record<keyof typeof english, string> = {
  loading: "불러오는 중…",
  notLoaded: "이 부분을 불러오지 못했습니다.",
  reload: "페이지 다시 열기",
  tryAgain: "다시 시도",
  save: "저장",
  logIn: "로그인",
  logOut: "로그아웃",
  logOutUnsent: "아직 보내지 못한 메시지 {count}개가 사라집니다.",
  invitePeople: "초대하기",
  address: "이 서버의 주소",
  enter: "입장",
  done: "다 했습니다",
  settings: "설정",
  administration: "관리",
  lab: "실험실: 메시지가 오가는 길 보기",
  missingTitle: "아무것도 없는 곳입니다",
  missingText: "이 주소에는 페이지가 없습니다. 방 목록에서 찾아보세요.",
};
