// SockJS 0.3.3 by plain requests and WebSockets, byte for byte. Each case is put to our server and to npm's, so
// that none asks of ours what the other does not do either; what is only ours stands in a section of its own.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { RawTcp } from "./support/frames.mjs";
import { standIn } from "./support/program.mjs";
import { RawWebSocket } from "./support/raw.mjs";
import { begin, FORM, get, newSession, NOT_CACHED, options, post, Reference, Stream, textOf } from "./support/sockjs.mjs";
import { until } from "./support/waiting.mjs";

const JAVASCRIPT = "application/javascript; charset=UTF-8";
const TEXT = "text/plain; charset=UTF-8";
const OPENED = [200, "o\n"];
const BUSY = 'c[2010,"Another connection still open"]\n';
const GONE = 'c[3000,"Go away!"]\n';
const PRELUDE = `${"h".repeat(2_048)}\n`;

const seen = ({ status, body }) => [status, body];

/** Content types are compared without the spaces that may stand in them, and in one case. */
function hasType({ headers }, expected) {
  const plain = (text) => text.replaceAll(" ", "").toLowerCase();
  assert.equal(plain(headers["content-type"] ?? ""), plain(expected));
}

function isNotCached({ headers }) {
  assert.equal(headers["cache-control"], NOT_CACHED);
  assert.deepEqual([headers.expires, headers["last-modified"]], [undefined, undefined]);
}

function letsIn({ headers }, origin) {
  assert.equal(headers["access-control-allow-origin"], origin ?? "*");
  assert.equal(headers["access-control-allow-credentials"], origin && "true");
}

async function open(url) {
  assert.deepEqual(seen(await post(`${url}/xhr`)), OPENED);
}

async function send(url, body) {
  assert.deepEqual(seen(await post(`${url}/xhr_send`, { body })), [204, ""]);
}

const SERVERS = { ours: () => standIn("sockjs"), npm: () => Reference.start() };

for (const [name, start] of Object.entries(SERVERS)) {
  describe(name, () => {
    let server;
    let echo;
    let close;
    let cookies;
    before(async () => {
      server = await start();
      [echo, close, cookies] = ["/echo", "/close", "/cookie_needed_echo"].map((path) => server.url + path);
    });
    after(() => server?.stop());

    describe("what is there", () => {
      test("a greeting", async () => {
        for (const url of [echo, `${echo}/`]) {
          const answer = await get(url);
          assert.deepEqual(seen(answer), [200, "Welcome to SockJS!\n"]);
          hasType(answer, TEXT);
          assert.equal(answer.headers["set-cookie"], undefined);
        }
      });

      test("404 for everything else", async () => {
        for (const path of ["/a", "/a.html", "//", "///", "/a/a", "/a/a/", "/a/"]) {
          assert.equal((await get(echo + path)).status, 404, path);
        }
        for (const path of ["//", "/a./a", "/a/a.", "/./.", "/", "///"]) {
          assert.equal((await get(`${echo}${path}/xhr`)).status, 404, path);
          assert.equal((await post(`${echo}${path}/xhr`)).status, 404, path);
        }
      });

      test("info: what the server can, and a number that is new each time", async () => {
        const answers = [];
        for (let round = 0; round < 2; round += 1) answers.push(await get(`${echo}/info`, { headers: { origin: "http://test" } }));
        const infos = answers.map(({ body }) => JSON.parse(body));
        for (const { entropy, ...info } of infos) {
          assert.deepEqual(info, { websocket: true, origins: ["*:*"], cookie_needed: false });
          assert.ok(Number.isInteger(entropy) && entropy >= 0 && entropy < 2 ** 32, entropy);
        }
        assert.notEqual(infos[0].entropy, infos[1].entropy);
        for (const answer of answers) {
          hasType(answer, "application/json; charset=UTF-8");
          isNotCached(answer);
          letsIn(answer, "http://test");
          assert.equal(answer.headers.vary.toLowerCase(), "origin");
        }
        letsIn(await get(`${echo}/info`), undefined);
      });

      test("info: whether there are WebSockets, and whether cookies are needed", async () => {
        const info = async (path) => JSON.parse((await get(`${server.url}${path}/info`)).body);
        assert.equal((await info("/disabled_websocket_echo")).websocket, false);
        assert.equal((await info("/cookie_needed_echo")).cookie_needed, true);
      });

      test("a page for iframes, which can be kept", async () => {
        const names = ["iframe", "iframe-a", "iframe-", "iframe-0.1.2", "iframe-0.1.2abc-dirty.2144"];
        for (const path of names.flatMap((name) => [`/${name}.html`, `/${name}.html?t=1234`])) {
          const answer = await get(echo + path);
          assert.equal(answer.status, 200, path);
          hasType(answer, "text/html; charset=UTF-8");
          assert.match(answer.headers["cache-control"], /public.*max-age=31536000/);
          assert.ok(answer.headers.expires && answer.headers.etag);
          assert.equal(answer.headers["last-modified"], undefined);
          // The client before the script that calls it.
          assert.match(answer.body, /<script src="\/sockjs\.js"><\/script>\n {2}<script>\n {4}document\.domain = /);
          assert.match(answer.body, /document\.domain;\n {4}SockJS\.bootstrap_iframe\(\);\n {2}<\/script>\n<\/head>/);
          const { etag } = answer.headers;
          const again = await get(echo + path, { headers: { "if-none-match": etag } });
          assert.deepEqual(seen(again), [304, ""]);
          assert.equal(again.headers["content-type"], undefined);
        }
        for (const path of ["/iframe.htm", "/iframe", "/IFRAME.HTML", "/iframe.HTML", "/iframe.xml", "/iframe-/.html"]) {
          assert.equal((await get(echo + path)).status, 404, path);
        }
      });

      for (const [path, methods] of [
        ["/info", "OPTIONS, GET"],
        ["/abc/abc/xhr", "OPTIONS, POST"],
        ["/abc/abc/xhr_send", "OPTIONS, POST"],
        ["/abc/abc/xhr_streaming", "OPTIONS, POST"],
      ]) {
        test(`${path}: a browser that asks first is answered for a year`, async () => {
          for (const origin of ["http://test", "null"]) {
            const answer = await options(echo + path, { origin, "access-control-request-method": "POST" });
            assert.deepEqual(seen(answer), [204, ""]);
            assert.equal(answer.headers["cache-control"], "public, max-age=31536000");
            assert.ok(answer.headers.expires);
            assert.equal(answer.headers["access-control-max-age"], "31536000");
            assert.equal(answer.headers["access-control-allow-methods"], methods);
            letsIn(answer, origin);
          }
        });
      }

      test("headers that a page asks for are allowed, none if it asks for none", async () => {
        for (const [asked, told] of [["a, b, c", "a, b, c"], ["", undefined], [undefined, undefined]]) {
          const headers = { origin: "http://test", "access-control-request-method": "POST" };
          if (asked !== undefined) headers["access-control-request-headers"] = asked;
          const answer = await options(`${newSession(echo)}/xhr`, headers);
          assert.equal(answer.headers["access-control-allow-headers"], told);
        }
      });
    });

    describe("sessions", () => {
      test("any name will do, and the first part of the address is not part of it", async () => {
        const random = Math.random();
        const digits = String(random).slice(2);
        for (const path of [`/a/a${digits}`, `/_/_${digits}`, `/1/${digits}`, `/abc_i-j%20/abc_i-j%20${digits}`]) {
          await open(echo + path);
        }
        await open(`${echo}/000/same${digits}`);
        await send(`${echo}/111/same${digits}`, '["a"]');
        assert.deepEqual(seen(await post(`${echo}/999/same${digits}/xhr`)), [200, 'a["a"]\n']);
      });

      test("a second receiver is sent away, the first goes on", async () => {
        const url = newSession(echo);
        const stream = await Stream.open("POST", `${url}/xhr_streaming`);
        assert.equal(await stream.take(PRELUDE.length + 2), `${PRELUDE}o\n`);
        assert.equal((await post(`${url}/xhr`)).body, BUSY);
        const second = await Stream.open("POST", `${url}/xhr_streaming`);
        assert.equal(await second.rest(), PRELUDE + BUSY);
        await send(url, '["still"]');
        assert.equal(await stream.take(11), 'a["still"]\n');
        stream.abort();
      });

      test("a receiver that is given up ends the session", async () => {
        const url = newSession(echo);
        const stream = await Stream.open("POST", `${url}/xhr_streaming`);
        await stream.take(PRELUDE.length + 2);
        stream.abort();
        // When the server notices is its own matter.
        const body = await until("the session's end", async () => {
          const { body } = await post(`${url}/xhr`);
          return body !== BUSY && body;
        });
        assert.ok(["o\n", 'c[1002,"Connection interrupted"]\n'].includes(body), body);
      });

      test("a poll that is given up ends the session", async () => {
        const url = newSession(echo);
        await open(url);
        // Which of two comes first is the network's matter: the other is told that one waits.
        const polls = [begin("POST", `${url}/xhr`), begin("POST", `${url}/xhr`)];
        const second = await Promise.race(polls.map((poll) => poll.answered.then(() => poll)));
        for (const poll of polls) if (poll !== second) poll.abort();
        assert.equal(await textOf(await second.answered), BUSY);
        const body = await until("the session's end", async () => {
          const { body } = await post(`${url}/xhr`);
          return body !== BUSY && body;
        });
        assert.ok(["o\n", 'c[1002,"Connection interrupted"]\n'].includes(body), body);
      });

      test("one that the server closed says so as often as it is asked", async () => {
        const url = newSession(close);
        await open(url);
        for (let round = 0; round < 3; round += 1) assert.deepEqual(seen(await post(`${url}/xhr`)), [200, GONE]);
        const stream = await Stream.open("POST", `${url}/xhr_streaming`);
        assert.equal(await stream.rest(), PRELUDE + GONE);
      });
    });

    describe("xhr", () => {
      test("answers one frame, with its headers", async () => {
        const url = newSession(echo);
        const opened = await post(`${url}/xhr`, { headers: { origin: "http://test" } });
        assert.deepEqual(seen(opened), OPENED);
        hasType(opened, JAVASCRIPT);
        const sent = await post(`${url}/xhr_send`, { body: '["x"]', headers: { origin: "http://test" } });
        assert.deepEqual(seen(sent), [204, ""]);
        hasType(sent, TEXT);
        for (const answer of [opened, sent]) {
          letsIn(answer, "http://test");
          isNotCached(answer);
        }
        assert.deepEqual(seen(await post(`${url}/xhr`)), [200, 'a["x"]\n']);
      });

      test("what is wrong is 500 and why, and the session goes on", async () => {
        const url = newSession(echo);
        await open(url);
        for (const [body, text] of [
          ['["x', "Broken JSON encoding."],
          ['["a"]]', "Broken JSON encoding."],
          ["", "Payload expected."],
          ['"x"', "Payload expected."],
          ["{}", "Payload expected."],
          ["null", "Payload expected."],
        ]) {
          const answer = await post(`${url}/xhr_send`, { body });
          assert.equal(answer.status, 500, body);
          assert.ok(answer.body.startsWith(text), `${body}: ${answer.body}`);
        }
        await send(url, "[]");
        await send(url, '["a"]');
        assert.deepEqual(seen(await post(`${url}/xhr`)), [200, 'a["a"]\n']);
      });

      test("to a session that nobody opened: 404", async () => {
        assert.equal((await post(`${newSession(echo)}/xhr_send`, { body: '["x"]' })).status, 404);
      });

      test("messages wait for a receiver and come together", async () => {
        const url = newSession(echo);
        await open(url);
        const types = ["text/plain", "T", "application/json", "application/xml", "", "text/xml; charset=utf-8"];
        for (const type of types) {
          const answer = await post(`${url}/xhr_send`, { body: '["a","b"]', headers: { "content-type": type } });
          assert.deepEqual(seen(answer), [204, ""], type);
        }
        assert.equal((await post(`${url}/xhr`)).body, `a[${Array(types.length).fill('"a","b"')}]\n`);
      });
    });

    describe("streams", () => {
      const streams = [
        ["xhr_streaming", "POST", JAVASCRIPT, PRELUDE, (frame) => `${frame}\n`],
        ["eventsource", "GET", "text/event-stream", "\r\n", (frame) => `data: ${frame}\r\n\r\n`],
        ["htmlfile?c=%63allback", "GET", "text/html; charset=UTF-8", undefined,
          (frame) => `<script>\np(${JSON.stringify(frame)});\n</script>\r\n`],
      ];
      for (const [path, method, type, prelude, form] of streams) {
        test(`${path}: a prelude, then frame by frame`, async () => {
          const url = newSession(echo);
          const stream = await Stream.open(method, `${url}/${path}`);
          assert.equal(stream.status, 200);
          hasType(stream, type);
          isNotCached(stream);
          assert.equal(stream.headers["transfer-encoding"], "chunked");
          if (prelude !== undefined) {
            assert.equal(await stream.take(prelude.length), prelude);
          } else {
            let head = "";
            while (!head.endsWith("\r\n\r\n")) head += await stream.take(1);
            assert.ok(head.length > 1_024);
            assert.match(head, /^<!doctype html>\n<html><head>\n/);
            assert.match(head, /var c = parent\.callback;\n {4}c\.start\(\);\n {4}function p\(d\) \{c\.message\(d\);\};/);
            assert.match(head, /window\.onload = function\(\) \{c\.stop\(\);\};\n {2}<\/script>/);
          }
          for (const frame of ["o", 'a["x"]', 'a["  \\u0000\\n\\r \\" "]']) {
            if (frame !== "o") await send(url, frame.slice(1));
            assert.equal(await stream.take(form(frame).length), form(frame));
          }
          stream.abort();
        });

        test(`${path}: ends when 4,096 bytes of frames were sent, and another goes on`, async () => {
          const url = newSession(echo);
          const stream = await Stream.open(method, `${url}/${path}`);
          const message = "x".repeat(4_096);
          await send(url, `["${message}"]`);
          assert.ok((await stream.rest()).endsWith(form(`a["${message}"]`)));
          await send(url, '["later"]');
          assert.equal((await post(`${url}/xhr`)).body, 'a["later"]\n');
        });

        test(`${path}: the close frame is its last`, async () => {
          const stream = await Stream.open(method, `${newSession(close)}/${path}`);
          assert.ok((await stream.rest()).endsWith(form("o") + form('c[3000,"Go away!"]')));
        });
      }

      test("31 frames of 134 bytes and the opening are as much as a stream carries", async () => {
        const url = newSession(echo);
        const stream = await Stream.open("POST", `${url}/xhr_streaming`);
        await stream.take(PRELUDE.length + 2);
        const message = `["${"x".repeat(128)}"]`;
        for (let count = 0; count < 31; count += 1) {
          await send(url, message);
          assert.equal(await stream.take(message.length + 2), `a${message}\n`);
        }
        assert.equal(await stream.rest(), "");
      });

      test("eventsource: percent signs are escaped, since the client undoes that", async () => {
        const url = newSession(echo);
        const stream = await Stream.open("GET", `${url}/eventsource`);
        await stream.take("\r\ndata: o\r\n\r\n".length);
        await send(url, '["100% %41"]');
        const expected = 'data: a["100%25 %2541"]\r\n\r\n';
        assert.equal(await stream.take(expected.length), expected);
        stream.abort();
      });
    });

    describe("jsonp", () => {
      test("calls back with one frame; forms are answered with ok", async () => {
        const url = newSession(echo);
        const opened = await get(`${url}/jsonp?c=%63allback`);
        assert.deepEqual(seen(opened), [200, '/**/callback("o");\r\n']);
        hasType(opened, JAVASCRIPT);
        assert.equal(opened.headers["x-content-type-options"], "nosniff");
        const sent = await post(`${url}/jsonp_send`, { body: "d=%5B%22x%22%5D", headers: FORM });
        assert.deepEqual(seen(sent), [200, "ok"]);
        hasType(sent, TEXT);
        for (const answer of [opened, sent]) isNotCached(answer);
        const plain = await post(`${url}/jsonp_send`, { body: '["%61bc"]', headers: { "content-type": "text/plain" } });
        assert.deepEqual(seen(plain), [200, "ok"]);
        assert.equal((await get(`${url}/jsonp?c=x`)).body, '/**/x("a[\\"x\\",\\"%61bc\\"]");\r\n');
      });

      test("what is wrong is 500 and why, and the session goes on", async () => {
        const url = newSession(echo);
        await get(`${url}/jsonp?c=x`);
        for (const [body, text] of [
          ["d=%5B%22x", "Broken JSON encoding."],
          ["", "Payload expected."],
          ["d=", "Payload expected."],
          ["p=p", "Payload expected."],
        ]) {
          const answer = await post(`${url}/jsonp_send`, { body, headers: FORM });
          assert.equal(answer.status, 500, body);
          assert.ok(answer.body.startsWith(text), `${body}: ${answer.body}`);
        }
        for (const body of ["d=%5B%5D", "d=%5B%22b%22%5D"]) {
          assert.equal((await post(`${url}/jsonp_send`, { body, headers: FORM })).body, "ok");
        }
        assert.equal((await get(`${url}/jsonp?c=x`)).body, '/**/x("a[\\"b\\"]");\r\n');
      });

      for (const transport of ["jsonp", "htmlfile"]) {
        test(`${transport}: a callback is asked for, and nothing but a name is taken`, async () => {
          const refused = await get(`${echo}/a/a/${transport}`);
          assert.equal(refused.status, 500);
          assert.ok(refused.body.includes('"callback" parameter required'), refused.body);
          for (const callback of ["%20", "*", "abc(", "abc%28", "%3Cscript%3E"]) {
            const { status, body } = await get(`${echo}/a/a/${transport}?c=${callback}`);
            assert.equal(status, 500, callback);
            assert.ok(body.includes('invalid "callback" parameter'), body);
          }
        });
      }

      test("closing is told as often as asked", async () => {
        const url = newSession(close);
        assert.equal((await get(`${url}/jsonp?c=x`)).body, '/**/x("o");\r\n');
        for (let round = 0; round < 2; round += 1) {
          assert.equal((await get(`${url}/jsonp?c=x`)).body, '/**/x("c[3000,\\"Go away!\\"]");\r\n');
        }
      });
    });

    describe("cookies", () => {
      for (const [path, method] of [
        ["xhr", "POST"], ["xhr_streaming", "POST"], ["eventsource", "GET"], ["htmlfile?c=x", "GET"], ["jsonp?c=x", "GET"],
      ]) {
        test(`${path} sets JSESSIONID, the client's own if it has one`, async () => {
          for (const [headers, value] of [[{}, "dummy"], [{ cookie: "a=b; JSESSIONID=abcdef" }, "abcdef"]]) {
            const stream = await Stream.open(method, `${newSession(cookies)}/${path}`, headers);
            assert.deepEqual(stream.headers["set-cookie"], [`JSESSIONID=${value}; path=/`]);
            stream.abort();
          }
        });
      }

      test("neither info nor a service that needs none sets any", async () => {
        assert.equal((await get(`${cookies}/info`)).headers["set-cookie"], undefined);
        assert.equal((await post(`${newSession(echo)}/xhr`)).headers["set-cookie"], undefined);
      });
    });

    describe("websocket", () => {
      const address = (url) => `${url.replace("http", "ws")}/websocket`;

      test("frames without line ends; nothing is not a message", async () => {
        const socket = await RawWebSocket.open(address(newSession(echo)));
        assert.equal(await socket.next(), "o");
        for (const message of ["", "[]", '["a"]', '"b"', '["c","d"]']) socket.send(message);
        let frames = "";
        while (!frames.includes('"d"')) frames += (await socket.next()).slice(1);
        assert.deepEqual(JSON.parse(`[${frames.replaceAll("][", "],[")}]`).flat(), ["a", "b", "c", "d"]);
        socket.close();
      });

      test("two with one name are two sessions", async () => {
        const url = address(newSession(echo));
        const sockets = [await RawWebSocket.open(url), await RawWebSocket.open(url)];
        for (const [number, socket] of sockets.entries()) {
          assert.equal(await socket.next(), "o");
          socket.send(`["${number}"]`);
          assert.equal(await socket.next(), `a["${number}"]`);
          socket.close();
        }
      });

      test("a close frame of SockJS, then the WebSocket's", async () => {
        const socket = await RawWebSocket.open(address(newSession(close)));
        assert.deepEqual([await socket.next(), await socket.next()], ["o", 'c[3000,"Go away!"]']);
        await socket.end();
      });

      test("broken JSON ends it", async () => {
        const socket = await RawWebSocket.open(address(newSession(echo)));
        assert.equal(await socket.next(), "o");
        socket.send('["a');
        await socket.end();
      });

      test("without an upgrade 400, by POST 405", async () => {
        assert.equal((await get(`${echo}/0/0/websocket`)).status, 400);
        const raw = await RawTcp.connect(server.port);
        assert.match(await raw.upgrade("/echo/0/0/websocket", { Connection: "close" }), /^HTTP\/1\.1 400 /);
        raw.destroy();
        const refused = await post(`${echo}/0/0/websocket`);
        assert.deepEqual(seen(refused), [405, ""]);
        assert.deepEqual([refused.headers.allow, refused.headers["content-type"]], ["GET", undefined]);
      });

      test("switched off: 404", async () => {
        assert.equal((await get(`${server.url}/disabled_websocket_echo/0/0/websocket`)).status, 404);
        assert.equal((await get(`${server.url}/disabled_websocket_echo/websocket`)).status, 404);
      });

      test("raw: no frame of SockJS, neither to open nor to close", async () => {
        const socket = await RawWebSocket.open(address(echo));
        for (const text of ["Hello world!\uffff", "[", '["a"]']) {
          socket.send(text);
          assert.equal(await socket.next(), text);
        }
        socket.close();
        const closed = await RawWebSocket.open(address(close));
        assert.deepEqual(await closed.end(), { code: 3_000, reason: "Go away!" });
      });
    });

    describe("JSON", () => {
      test("what browsers change on the way is escaped", async () => {
        const ranges = [[0x200c, 0x200f], [0x2028, 0x202f], [0x2060, 0x206f], [0xfff0, 0xffff]];
        const codes = ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
        const url = newSession(echo);
        await open(url);
        await send(url, `["${String.fromCharCode(...codes)}"]`);
        const escaped = codes.map((code) => `\\u${code.toString(16).padStart(4, "0")}`).join("");
        assert.equal((await post(`${url}/xhr`)).body, `a["${escaped}"]\n`);
      });

      test("every character of the first plane comes back, however it was written", async () => {
        const all = Array.from({ length: 0x10000 }, (_, code) => code).filter((code) => code < 0xd800 || code > 0xdfff);
        const text = all.map((code) => String.fromCharCode(code)).join("") + "🚀👩‍🚀한국어";
        const url = newSession(echo);
        await open(url);
        const escaped = [...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`);
        await send(url, JSON.stringify([text]));
        await send(url, `["${escaped.join("")}"]`);
        const { body } = await post(`${url}/xhr`);
        assert.deepEqual(JSON.parse(body.slice(1)), [text, text]);
      });
    });

    describe("HTTP", () => {
      test("1.0: the greeting has its length, a stream ends with its connection", async () => {
        const raw = await RawTcp.connect(server.port);
        raw.write("GET /echo HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert.doesNotMatch(await raw.head(), /transfer-encoding/i);
        await raw.ended;
        assert.equal(raw.rest, "Welcome to SockJS!\n");

        const stream = await RawTcp.connect(server.port);
        const { pathname } = new URL(newSession(close));
        stream.write(`POST ${pathname}/xhr_streaming HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`);
        const head = await stream.head();
        assert.match(head, /^HTTP\/1\.[01] 200 /);
        assert.doesNotMatch(head, /^(transfer-encoding|content-length):/im);
        await stream.ended;
        assert.equal(stream.rest, `${PRELUDE}o\n${GONE}`);
      });

      test("1.1: a connection carries one answer after the other, each frame a chunk", async () => {
        const raw = await RawTcp.connect(server.port);
        const { pathname } = new URL(newSession(close));
        const greetings = () => raw.rest.split("Welcome to SockJS!\n").length - 1;
        raw.write("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
        await until("the greeting", () => greetings() === 1);
        raw.write("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
        await until("the greeting on the same connection", () => greetings() === 2);
        raw.destroy();
        const stream = await RawTcp.connect(server.port);
        stream.write(`POST ${pathname}/xhr_streaming HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`);
        assert.match(await stream.head(), /^transfer-encoding: chunked\r?$/im);
        const chunks = [PRELUDE, "o\n", GONE].map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join("");
        await until("the last chunk", () => stream.rest.endsWith("0\r\n\r\n"));
        assert.equal(stream.rest, `${chunks}0\r\n\r\n`);
        stream.destroy();
      });

      test("a POST without a length has no body", async () => {
        const raw = await RawTcp.connect(server.port);
        const { pathname } = new URL(newSession(echo));
        raw.write(`POST ${pathname}/xhr HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        assert.match(await raw.head(), /^HTTP\/1\.1 200 /);
        await until("the frame", () => raw.rest.includes("o\n"));
        raw.destroy();
      });
    });
  });
}
