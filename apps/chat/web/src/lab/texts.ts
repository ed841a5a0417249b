import { language } from "../i18n.ts";

export const english = {
  title: "The lab",
  about: "One live feed, arriving over eight roads side by side, counted on the wire.",
  roads: "Roads", start: "Start", stop: "Stop", reset: "Reset", race: "Race: one message, who shows it first?",
  rate: "Bursts a second", size: "Bytes of an event", burst: "Events at once", delay: "Delay of the line",
  cutAll: "Cut all for 2 s", cut: "Cut", lost: "The lab's server cannot be reached. Trying again…",
  full: "All places of the lab are taken. Trying again…",
  unavailable: "Not served here", connecting: "Connecting", open: "Open", roadLost: "Lost",
  requests: "Requests", headers: "Headers", payload: "Payload", late: "Delay", missed: "missed {count}",
  second: "a second", statements: "What the notes say", show: "Show it", showing: "Measuring…",
  watch: "Watch the wire of", handshake: "The handshake", guide: "Guide", failed: "It could not be measured: {why}",
};
export const korean: Record<keyof typeof english, string> = {
  title: "실험실",
  about: "하나의 실시간 피드를 여덟 가지 길로 나란히 받아 보며, 오간 바이트를 회선에서 그대로 셉니다.",
  roads: "여덟 가지 길", start: "시작", stop: "정지", reset: "초기화", race: "경주: 메시지 하나, 누가 먼저 받을까요?",
  rate: "초당 묶음 수", size: "이벤트 크기(바이트)", burst: "한 번에 보내는 수", delay: "회선 지연",
  cutAll: "모두 2초 끊기", cut: "끊기", lost: "실험실 서버에 연결할 수 없습니다. 다시 시도하는 중…",
  full: "실험실 자리가 모두 찼습니다. 다시 시도하는 중…",
  unavailable: "여기서는 제공하지 않습니다", connecting: "연결하는 중", open: "열림", roadLost: "끊김",
  requests: "요청", headers: "헤더", payload: "본문", late: "지연", missed: "놓친 수 {count}",
  second: "초당", statements: "노트에서 말하는 것", show: "직접 보기", showing: "재는 중…",
  watch: "오가는 바이트 보기", handshake: "핸드셰이크", guide: "안내서", failed: "잴 수 없었습니다: {why}",
};

/** A pattern with its values. */
export function fill(pattern: string, values: Record<string, string | number> = {}): string {
  return pattern.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export const tell = (text: keyof typeof english, values?: Record<string, string | number>) =>
  fill((language === "ko" ? korean : english)[text], values);
