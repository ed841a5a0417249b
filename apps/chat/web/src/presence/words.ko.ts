import type { english } from "./words.en.ts";

/** The same in Korean. */
export const korean: Record<keyof typeof english, string> = {
  joined: "{name} 님이 입장하셨습니다",
  joinedTwo: "{name} 님과 {other} 님이 입장하셨습니다",
  joinedMany: "{name} 님 외 {count}명이 입장하셨습니다",
  left: "{name} 님이 퇴장하셨습니다",
  leftTwo: "{name} 님과 {other} 님이 퇴장하셨습니다",
  leftMany: "{name} 님 외 {count}명이 퇴장하셨습니다",
  visited: "{name} 님이 다녀가셨습니다",
  visitedTwo: "{name} 님과 {other} 님이 다녀가셨습니다",
  visitedMany: "{name} 님 외 {count}명이 다녀가셨습니다",
};
