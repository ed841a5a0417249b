import type { Section, StatementId } from "./statements.ts";

/** What a section of the notes is about. */
export const SECTIONS: Record<Section, { en: string; ko: string }> = {
  S1: { en: "HTTP polling", ko: "HTTP 폴링" },
  S2: { en: "HTTP long polling", ko: "HTTP 롱 폴링" },
  S3: { en: "HTTP streaming", ko: "HTTP 스트리밍" },
  S4: { en: "Server-Sent Events", ko: "Server-Sent Events" },
  S5: { en: "WebSocket, the protocol", ko: "WebSocket 프로토콜" },
  S6: { en: "WebSocket, the server", ko: "WebSocket 서버" },
  S8: { en: "Socket.IO, the server", ko: "Socket.IO 서버" },
  S9: { en: "Socket.IO, the client", ko: "Socket.IO 클라이언트" },
  S10: { en: "From polling to WebSocket", ko: "폴링에서 WebSocket으로" },
  S11: { en: "Old clients", ko: "예전 클라이언트" },
  S12: { en: "SockJS", ko: "SockJS" },
  S18: { en: "What it is for", ko: "쓰임새" },
};

/** A statement and its answer, in English and in Korean. */
export const SENTENCES: Record<StatementId, { en: [string, string]; ko: [string, string] }> = {
  wasted: { en: ["Polling asks on a fixed period, news or not.", "In {seconds} s it asked {requests} times for {events} events, with {headers} of headers."], ko: ["폴링은 새 소식이 없어도 일정 주기마다 묻습니다.", "{seconds}초 동안 이벤트 {events}개를 받으려고 {requests}번 물었고, 헤더만 {headers}였습니다."] },
  late: { en: ["Polling is not really live.", "Events were {polling} late on polling, {websocket} on WebSocket."], ko: ["폴링은 실시간이라 하기 어렵습니다.", "폴링에서는 {polling}, WebSocket에서는 {websocket} 늦었습니다."] },
  waits: { en: ["A long poll waits until there is news.", "{requests} requests for {events} events, {late} late; polling: {polling} requests, {polling_late} late."], ko: ["롱 폴링은 소식이 생길 때까지 기다립니다.", "이벤트 {events}개에 요청 {requests}번, 지연 {late}. 폴링은 요청 {polling}번, 지연 {polling_late}였습니다."] },
  degenerates: { en: ["With many messages long polling is no better than polling.", "{calm} requests a second became {busy}, with {headers} of headers a second."], ko: ["메시지가 많으면 롱 폴링도 폴링과 다를 것이 없습니다.", "초당 요청이 {calm}번에서 {busy}번이 되었고, 헤더가 초당 {headers}였습니다."] },
  streams: { en: ["Streaming keeps one request open; sending to the server is hard.", "In {seconds} s {events} events came with {requests} new requests: {down} to the page, {up} to the server."], ko: ["스트리밍은 요청 하나를 열어 두며, 서버로 보내기는 어렵습니다.", "{seconds}초 동안 이벤트 {events}개를 받았고, 새 요청은 {requests}번이었습니다. 페이지로 {down}, 서버로 {up}가 갔습니다."] },
  sse: { en: ["EventSource connects once, and the server pushes.", "In {seconds} s {events} events came with {requests} new requests, and {up} went to the server."], ko: ["EventSource는 한 번 연결하면 서버가 알아서 보내 줍니다.", "{seconds}초 동안 이벤트 {events}개를 받았고, 새 요청은 {requests}번, 서버로 보낸 것은 {up}였습니다."] },
  returns: { en: ["EventSource comes back where it was.", "After a cut it missed {sse} events, raw WebSocket {websocket}."], ko: ["EventSource는 끊겼던 자리로 돌아옵니다.", "끊긴 뒤 놓친 이벤트는 SSE {sse}개, WebSocket {websocket}개였습니다."] },
  once: { en: ["WebSocket needs HTTP headers once, for the handshake.", "The handshake took {handshake} of headers, the {events} events after it {after}. Long polling took {polling} meanwhile."], ko: ["WebSocket은 핸드셰이크에 한 번만 HTTP 헤더를 씁니다.", "헤더로 핸드셰이크에 {handshake}, 그 뒤 이벤트 {events}개에 {after}를 썼습니다. 그동안 롱 폴링은 {polling}를 썼습니다."] },
  lengths: { en: ["A frame's header has another shape for another size.", "It took {small} bytes at 100, {medium} at 1,000 and {large} at 65,536."], ko: ["프레임 헤더의 모양은 크기에 따라 달라집니다.", "100바이트에 {small}, 1,000바이트에 {medium}, 65,536바이트에 {large}바이트였습니다."] },
  pushes: { en: ["The server speaks without being asked.", "In {seconds} s {events} events came; the page sent {up}."], ko: ["서버는 묻지 않아도 먼저 보냅니다.", "{seconds}초 동안 이벤트 {events}개가 왔고, 페이지는 {up}를 보냈습니다."] },
  envelope: { en: ["Socket.IO gives an event a name, in an envelope.", "An event took {socketio}, {more} more than the {websocket} of raw WebSocket."], ko: ["Socket.IO는 이벤트에 이름을 붙여 봉투에 담습니다.", "이벤트 하나에 {socketio}로, WebSocket의 {websocket}보다 {more} 많았습니다."] },
  again: { en: ["The Socket.IO client connects again by itself.", "After a cut of 1 s: {requests} requests to come back, {events} events seen, {missed} missed."], ko: ["Socket.IO 클라이언트는 스스로 다시 연결합니다.", "1초 끊긴 뒤 요청 {requests}번으로 돌아와 이벤트 {events}개를 받았고, {missed}개를 놓쳤습니다."] },
  dance: { en: ["Socket.IO begins with polling and upgrades to WebSocket.", "{requests} requests and {headers} of headers to begin; then {events} events with {after} requests."], ko: ["Socket.IO는 폴링으로 시작해 WebSocket으로 업그레이드합니다.", "시작에 요청 {requests}번과 헤더 {headers}, 그 뒤 이벤트 {events}개에 요청 {after}번이었습니다."] },
  stays: { en: ["Where it cannot upgrade, it stays on polling.", "{events} events took {requests} requests, {polling} late; upgraded {upgraded} requests, {websocket} late."], ko: ["업그레이드할 수 없으면 폴링에 머뭅니다.", "이벤트 {events}개에 요청 {requests}번, 지연 {polling}. 업그레이드하면 요청 {upgraded}번, 지연 {websocket}였습니다."] },
  old: { en: ["Clients of Socket.IO 2 connect beside those of 4.", "EIO=3 was answered with {old} bytes that begin {old_begins}, EIO=4 with {new} bytes that begin {new_begins}."], ko: ["Socket.IO 2의 클라이언트도 4의 클라이언트와 나란히 연결됩니다.", "EIO=3에는 {old_begins}로 시작하는 {old}바이트, EIO=4에는 {new_begins}로 시작하는 {new}바이트로 응답했습니다."] },
  sockjs: { en: ["SockJS is the other way around old browsers.", "{events} events, {requests} new requests, {sockjs} late; WebSocket {websocket}."], ko: ["SockJS는 오래된 브라우저를 위한 또 다른 방법입니다.", "이벤트 {events}개, 새 요청 {requests}번, 지연 {sockjs}. WebSocket은 {websocket}였습니다."] },
  headers: { en: ["HTTP exchanges large headers again and again.", "Headers were {polling} of all bytes on polling, {long} on long polling, {sse} on SSE, {websocket} on WebSocket."], ko: ["HTTP는 큰 헤더를 거듭 주고받습니다.", "전체 바이트 중 헤더는 폴링 {polling}, 롱 폴링 {long}, SSE {sse}, WebSocket {websocket}였습니다."] },
  games: { en: ["Games need the newest state soon.", "On a line of 100 ms: polling {polling} late, long polling {long}, WebSocket {websocket}."], ko: ["게임에는 가장 새로운 상태가 빨리 와야 합니다.", "지연 100 ms 회선에서 폴링 {polling}, 롱 폴링 {long}, WebSocket {websocket} 늦었습니다."] },
  charts: { en: ["For stock charts one way is enough.", "{events} events: SSE {sse} late, WebSocket {websocket}."], ko: ["주식 차트라면 한 방향이면 충분합니다.", "이벤트 {events}개: SSE {sse}, WebSocket {websocket} 늦었습니다."] },
};
