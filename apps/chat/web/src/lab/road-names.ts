import { language } from "../language.ts";
import type { Road } from "./contract.ts";

/** What a road is called, and what it does, in one sentence. */
interface Named {
  en: [string, string];
  ko: [string, string];
  /**
   * How it looks on the line: `u` the page asks, `d` the server sends, `_` a connection is held
   * open, a space is nothing.
   */
  sign: string;
}

const NAMES: Record<Road, Named> = {
  "polling": {
    en: ["HTTP polling", "The page asks again and again, on a fixed period, whether there is news or not."],
    ko: ["HTTP 폴링", "새 소식이 있든 없든 페이지가 일정한 주기로 거듭 묻습니다."],
    sign: "ud   ud   ud   ud",
  },
  "long-polling": {
    en: ["HTTP long polling", "The request waits on the server until there is news; then the page asks anew."],
    ko: ["HTTP 롱 폴링", "소식이 생길 때까지 요청이 서버에서 기다리고, 답을 받으면 다시 묻습니다."],
    sign: "u___du_du____du__",
  },
  "ndjson": {
    en: ["HTTP streaming", "One answer that never ends: a line of JSON for each event (NDJSON)."],
    ko: ["HTTP 스트리밍", "끝나지 않는 응답 하나에 이벤트마다 JSON 한 줄을 보냅니다(NDJSON)."],
    sign: "u__d_d__d_d_d__d_",
  },
  "sse": {
    en: ["Server-Sent Events", "The browser's EventSource connects once, the server pushes, and a cut is mended by itself."],
    ko: ["Server-Sent Events", "브라우저의 EventSource가 한 번 연결하면 서버가 알아서 보내 주고, 끊기면 스스로 이어 갑니다."],
    sign: "u_d__d_d__d__d_d_",
  },
  "sockjs": {
    en: ["SockJS", "Looks like WebSocket, and finds another way where there is none."],
    ko: ["SockJS", "WebSocket처럼 쓰되, WebSocket이 안 되는 곳에서는 다른 길을 찾습니다."],
    sign: "ud u_d_d_d__d_d_d",
  },
  "socketio-polling": {
    en: ["Socket.IO, polling", "The same events where WebSocket is not let through: it stays on long polling."],
    ko: ["Socket.IO (폴링)", "WebSocket이 막힌 곳에서도 같은 이벤트를 롱 폴링으로 받습니다."],
    sign: "udud u__du_du__du",
  },
  "socketio": {
    en: ["Socket.IO, upgraded", "Begins with polling, then moves to WebSocket while nothing is lost."],
    ko: ["Socket.IO (업그레이드)", "폴링으로 시작해 아무것도 잃지 않고 WebSocket으로 옮겨 갑니다."],
    sign: "ududu_d_d_u_d_d_d",
  },
  "websocket": {
    en: ["WebSocket", "One handshake, then frames both ways with a few bytes around each message."],
    ko: ["WebSocket", "핸드셰이크 한 번 뒤로는, 몇 바이트만 덧붙인 프레임이 양쪽으로 오갑니다."],
    sign: "ud_d_d_u_d_d_d_d_",
  },
};

/** What a road is called. */
export const roadName = (road: Road): string => NAMES[road][language][0];
/** What a road does, in one sentence. */
export const roadSentence = (road: Road): string => NAMES[road][language][1];
/** How a road looks on the line. */
export const roadSign = (road: Road): string => NAMES[road].sign;
