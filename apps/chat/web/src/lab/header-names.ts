import { language } from "../language.ts";

/** What a line of a handshake is for, by its name in small letters, in English and in Korean. */
const SENTENCES: Record<string, [string, string]> = {
  "get": ["An ordinary GET of HTTP/1.1, to the address where the server takes WebSockets.", "서버가 WebSocket을 받는 주소로 보내는 평범한 HTTP/1.1 GET입니다."],
  "101": ["Status 101: from the next byte on, this connection speaks another protocol.", "상태 101: 다음 바이트부터 이 연결은 다른 프로토콜로 말합니다."],
  "host": ["Which host and port are meant; one server may have many.", "어느 호스트와 포트인지 밝힙니다. 한 서버가 여럿을 맡을 수 있기 때문입니다."],
  "connection": ["Says that Upgrade is meant for this connection, and not to be passed on by a proxy.", "Upgrade가 이 연결에만 해당하며 프록시가 넘겨주어서는 안 된다고 알립니다."],
  "upgrade": ["The protocol to change to.", "바꾸려는 프로토콜입니다."],
  "sec-websocket-key": ["16 random bytes in Base64, new each time: proof that the answer is to this very request.", "매번 새로 만든 무작위 16바이트를 Base64로 적은 것입니다. 응답이 바로 이 요청에 대한 것임을 확인하는 데 씁니다."],
  "sec-websocket-version": ["The version of the protocol; RFC 6455 is 13.", "프로토콜의 버전입니다. RFC 6455는 13입니다."],
  "sec-websocket-accept": ["What the server reckoned from the key; see the steps below.", "서버가 키로 계산한 값입니다. 아래 단계를 보세요."],
  "sec-websocket-extensions": ["Extensions offered, or agreed to, such as compression.", "압축처럼 제안하거나 합의한 확장입니다."],
  "sec-websocket-protocol": ["The protocol spoken inside, if one was agreed on.", "안에서 쓰기로 합의한 하위 프로토콜입니다."],
  "origin": ["The page that asks. A browser always sends it, and a server refuses pages it does not know.", "요청한 페이지입니다. 브라우저는 늘 보내며, 서버는 모르는 페이지를 거절합니다."],
  "user-agent": ["Which browser it is; the handshake does not need it.", "어떤 브라우저인지 알립니다. 핸드셰이크에는 필요하지 않습니다."],
  "cookie": ["Cookies go along, and with them the session of HTTP.", "쿠키가 함께 가므로 HTTP 세션도 이어집니다."],
  "cache-control": ["No cache may answer instead.", "캐시가 대신 응답하지 못하게 합니다."],
  "pragma": ["The same for caches of HTTP/1.0.", "HTTP/1.0 캐시를 위한 같은 뜻의 헤더입니다."],
  "accept-encoding": ["Compression the browser reads in HTTP answers; frames do not use it.", "HTTP 응답에서 읽을 수 있는 압축입니다. 프레임에는 쓰지 않습니다."],
  "accept-language": ["The languages of the person; the handshake does not need it.", "사용자의 언어입니다. 핸드셰이크에는 필요하지 않습니다."],
  "date": ["When the server answered.", "서버가 응답한 시각입니다."],
};
const OTHER: [string, string] = ["Not part of the handshake; it goes along as with any request.", "핸드셰이크에는 필요하지 않지만, 여느 요청처럼 함께 오갑니다."];

/** A line of a head, and what it is for. */
export interface HeadLine {
  name: string;
  value: string;
  about: string;
  /** Whether the handshake needs it. */
  isNeeded: boolean;
}

const NEEDED = ["get", "101", "host", "connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-accept", "origin"];

/** The lines of a head: the first one, then the headers, each with a sentence. */
export function linesOf(head: string): HeadLine[] {
  return head.split("\r\n").filter((line) => line !== "").map((line, index) => {
    const colon = index === 0 ? -1 : line.indexOf(":");
    const name = colon < 0 ? "" : line.slice(0, colon);
    const key = index > 0 ? name.toLowerCase() : line.startsWith("HTTP/") ? line.split(" ")[1] : line.split(" ")[0].toLowerCase();
    const about = (SENTENCES[key] ?? OTHER)[language === "ko" ? 1 : 0];
    return { name, value: line.slice(colon + 1).trim(), about, isNeeded: NEEDED.includes(key) };
  });
}
