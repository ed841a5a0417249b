// What strangers can ask of feeds and streams over plain HTTP: every wrong request has an answer that says what
// to do and echoes nothing.
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import {
  ask, ASKING, feedPath, FOREIGN, isError, Listener, Publisher, ROADS, STREAMING_ROADS, withQuery,
} from "./support/feeds.mjs";
import { standIn } from "./support/program.mjs";
import { PATIENCE, until, within } from "./support/waiting.mjs";

let server;
let publisher;
before(async () => {
  server = await standIn("feeds", "--same-origin", "--history-events", "100");
  publisher = await Publisher.connect(server.url);
});
after(async () => {
  publisher?.close();
  await server?.stop();
});

const json = { "content-type": "application/json" };

/** Sends bytes as they are, and gives what comes back until the server closes, or `enough` is there. */
function raw(bytes, enough = () => false, port = server.port) {
  return within(PATIENCE, "an answer", new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk) => {
      text += chunk;
      if (!enough(text)) return;
      socket.destroy();
      resolve(text);
    });
    socket.on("end", () => resolve(text)).on("close", () => resolve(text)).on("error", (error) => {
      // What was answered before the connection was given up is what counts.
      if (text === "") reject(error);
      else resolve(text);
    });
    socket.write(bytes);
  }));
}

describe("a cursor that is none", () => {
  const MARK = "marked";
  const good = async (url) => (await ask(withQuery(url, { offset: "now" }))).headers["stream-next-offset"];
  const turned = (cursor) => cursor.slice(0, -2) + (cursor.at(-2) === "A" ? "B" : "A") + cursor.at(-1);

  for (const [name, make, reason = "malformed"] of [
    ["nothing", () => ""],
    ["other words", () => MARK],
    ["the beginning with a space", () => "-1 "],
    ["the end with a line break", () => "now\r\n"],
    ["the end in capitals", () => "NOW"],
    ["a number", () => "18446744073709551616"],
    ["too short by one", (cursor) => cursor.slice(1)],
    ["too long by one", (cursor) => `${cursor}A`],
    ["in capitals", (cursor) => cursor.replace(/^.{16}/, "00000000000000AB")],
    ["of other letters", () => "é".repeat(38)],
    ["a header", () => `x\r\nSet-Cookie: ${MARK}=1\r\n\r\n<script>${MARK}</script>`],
    ["NUL", () => "\0".repeat(38)],
    ["huge", () => MARK.repeat(1_000)],
    ["nobody's", () => FOREIGN, "foreign"],
    ["forged at its end", turned, "foreign"],
    ["forged at its beginning", (cursor) => cursor.replace(/^./, "f"), "foreign"],
    ["the greatest", () => "f".repeat(16) + "_".repeat(21) + "w", "foreign"],
  ]) {
    test(name, async () => {
      const room = `none ${name}`;
      const url = server.url + feedPath("/", room);
      const offset = make(await good(url));
      await publisher.publish(room, "tick", 1);
      for (const road of ROADS) {
        if (["EventSource", "NDJSON"].includes(road)) {
          const listener = await Listener.open(road, withQuery(url, { offset }));
          assert.equal(listener.status, 200, road);
          const { event, data } = await listener.next();
          assert.deepEqual([event, data.reason], ["gap", reason], road);
          assert.deepEqual((await listener.next()).data, [1]);
          assert.ok(!listener.text.includes(MARK), "nothing is echoed");
          listener.close();
          continue;
        }
        const query = road === "Durable SSE" ? { live: "sse" } : ASKING[road];
        const answer = await ask(withQuery(url, { ...query, offset }));
        isError(answer, reason === "malformed" ? 400 : 410, reason);
        assert.ok(!JSON.stringify(answer).includes(MARK), "nothing is echoed");
        assert.equal(answer.headers["set-cookie"], undefined);
      }
    });
  }

  test("twice, or beside others: the request is refused", async () => {
    const url = server.url + feedPath("/");
    isError(await ask(`${url}?offset=-1&offset=-1`), 400, "bad_request");
    isError(await ask(`${url}?live=sse&live=sse&offset=now`), 400, "bad_request");
    isError(await ask(`${url}?live=&offset=now`), 400, "bad_request");
    // What nobody knows is for somebody else.
    assert.equal((await ask(`${url}?offset=-1&x=1&x=2&%00=%ff`)).status, 200);
  });

  test("longer than any address: refused before it is looked at", async () => {
    for (const length of [70_000, 1_000_000]) {
      const path = `${feedPath("/")}?offset=${"a".repeat(length)}`;
      const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 4(00|14|31) /);
      assert.ok(!answer.includes("aaa"));
    }
  });

  test("bytes that are no text in Last-Event-ID", async () => {
    const head = `GET ${feedPath("/", "bytes")} HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n`;
    const gap = await raw(Buffer.from(`${head}Last-Event-ID: \xff\xfe${"\x80".repeat(40)}\r\n\r\n`, "latin1"),
      (text) => text.includes("}\n"));
    assert.match(gap, /"event":"gap","data":\{"reason":"malformed"/);
    for (const bad of ["a\rb", "a\0b"]) {
      const refused = await raw(Buffer.from(`${head}Last-Event-ID: ${bad}\r\nConnection: close\r\n\r\n`, "latin1"));
      assert.match(refused, /^HTTP\/1\.1 400 /, JSON.stringify(bad));
    }
  });
});

describe("an address that is none", () => {
  for (const [path, status, code] of [
    ["/socket.io/feeds", 404, "unknown_feed"],
    ["/socket.io/feeds/", 404, "unknown_feed"],
    ["/socket.io/feeds//", 404, "unknown_feed"],
    ["/socket.io/feeds/~/a/b", 404, "unknown_feed"],
    ["/socket.io/feeds/~/", 404, "unknown_feed"],
    ["/socket.io/feeds/%ff", 404, "unknown_feed"],
    ["/socket.io/feeds/~/%ff%fe", 404, "unknown_feed"],
    ["/socket.io/feeds/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404, "unknown_feed"],
    ["/socket.io/feeds/%3Cscript%3E", 404, "unknown_feed"],
    ["/socket.io/feeds/no%20such%0d%0aX:%20y", 404, "unknown_feed"],
    ["/socket.io/feeds/closed", 403, "refused"],
    ["/socket.io/feeds/club", 403, "refused"],
    ["/socket.io/feeds/~/secret", 403, "refused"],
    ["/v1/stream", 404, "unknown_stream"],
    ["/v1/stream/", 404, "unknown_stream"],
    ["/v1/stream/no%0d%0aX:%20y", 404, "unknown_stream"],
    ["/v1/stream/%ff", 400, "bad_request"],
  ]) {
    test(path, async () => {
      const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      const [head, body] = answer.split("\r\n\r\n");
      const headers = Object.fromEntries(head.split("\r\n").slice(1).map((line) => {
        const [name, value] = line.split(/: (.*)/s, 2);
        return [name.toLowerCase(), value];
      }));
      isError({ status: Number(head.split(" ")[1]), headers, body }, status, code);
      assert.equal(headers.x, undefined);
      assert.ok(!body.includes("script") && !body.includes("passwd") && !body.includes("no such\r"), body);
    });
  }

  test("the room of a socket's own id is nobody's to read", async () => {
    const socket = await import("socket.io-client").then(({ io }) => io(server.url, { forceNew: true }));
    await until("it to be connected", () => socket.connected);
    isError(await ask(server.url + feedPath("/", socket.id)), 403, "refused");
    socket.disconnect();
  });
});

describe("a method that is none", () => {
  for (const [path, allowed, methods] of [
    [feedPath("/"), ["GET", "HEAD", "OPTIONS"], ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "GETS"]],
    ["/v1/stream/methods", ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"], ["PATCH", "TRACE", "PROPFIND"]],
  ]) {
    test(path, async () => {
      for (const method of methods) {
        const answer = await raw(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
        assert.match(answer, /^HTTP\/1\.1 405 /, method);
        const allow = /^allow: (.*)$/im.exec(answer)[1].split(", ");
        for (const name of allowed) assert.ok(allow.includes(name), `${name} in ${allow}`);
        assert.match(answer, /\{"error":\{"code":"method_not_allowed","message":"[^"]+"\}\}$/);
      }
    });
  }
});

describe("a body that is none", () => {
  test("too large, with its length and without", async () => {
    const url = `${server.url}/v1/stream/large`;
    const large = Buffer.alloc(8 * 1024 * 1024, "x");
    assert.equal((await ask(url, {}, { method: "PUT", body: "kept" })).status, 201);
    const before = await ask(url);
    isError(await ask(url, { "content-type": "application/octet-stream" }, { method: "POST", body: large }),
      413, "too_large");
    const chunked = { "content-type": "application/octet-stream", "transfer-encoding": "chunked" };
    isError(await ask(url, chunked, { method: "POST", body: large }), 413, "too_large");
    isError(await ask(`${url}-made`, {}, { method: "PUT", body: large }), 413, "too_large");
    // Who is refused for something else sees that answer, however much they were about to send.
    const evil = { "content-type": "application/octet-stream", origin: "http://evil.example" };
    isError(await ask(url, evil, { method: "POST", body: large }), 403, "refused");
    const little = large.subarray(0, 900_000);
    isError(await ask(`${url}-none`, { "content-type": "text/plain" }, { method: "POST", body: little }),
      404, "unknown_stream");
    assert.equal((await ask(`${url}-made`)).status, 404);
    assert.deepEqual((await ask(url)).body, before.body);
  });

  test("shorter than it says: nothing of it is kept", async () => {
    const url = `${server.url}/v1/stream/short`;
    await ask(url, json, { method: "PUT" });
    const head = "POST /v1/stream/short HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    await new Promise((resolve) => {
      const socket = net.connect({ port: server.port, host: "127.0.0.1" });
      socket.on("error", () => {}).on("close", resolve);
      socket.write(`${head}Content-Length: 100\r\n\r\n[1]`, () => socket.destroy());
    });
    assert.equal((await ask(url)).body, "[]");
  });

  test("no JSON, deep JSON, and JSON that is not UTF-8", async () => {
    const url = `${server.url}/v1/stream/json`;
    await ask(url, json, { method: "PUT" });
    for (const body of ["{", "[1,]", "1 2", "[1]]", "nul", "[1e]", Buffer.from([0x22, 0xff, 0x22])]) {
      isError(await ask(url, json, { method: "POST", body }), 400, "bad_json");
    }
    for (const body of ["", "[]", " [ ] ", "  "]) {
      const answer = await ask(url, json, { method: "POST", body });
      assert.equal(answer.status, 400, JSON.stringify(body));
    }
    assert.equal((await ask(url)).body, "[]");
    // It is carried as it is, whoever can read it.
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    assert.equal((await ask(url, json, { method: "POST", body: deep })).status, 204);
    assert.equal((await ask(url)).body, deep);
  });

  test("headers that are none", async () => {
    const url = `${server.url}/v1/stream/headers`;
    for (const [name, value] of [
      ["stream-ttl", "3600"], ["stream-expires-at", "2030-01-01T00:00:00Z"], ["stream-forked-from", "/v1/stream/x"],
    ]) {
      isError(await ask(url, { ...json, [name]: value }, { method: "PUT" }), 400, "bad_request");
    }
    assert.equal((await ask(url)).status, 404, "none was made");
    await ask(url, json, { method: "PUT" });
    for (const headers of [
      { "producer-id": "p", "producer-epoch": "9007199254740992", "producer-seq": "0" },
      { "producer-id": "p", "producer-epoch": "0", "producer-seq": "0x1" },
      { "producer-id": "p".repeat(1_000), "producer-epoch": "0", "producer-seq": "0" },
      { "stream-seq": "s".repeat(1_000) },
    ]) {
      isError(await ask(url, { ...json, ...headers }, { method: "POST", body: "[1]" }), 400, "bad_request");
    }
    assert.equal((await ask(url)).body, "[]");
  });
});

describe("what one says reaches others as what it is", () => {
  test("names and arguments of events cannot become lines of their own", async () => {
    const names = ["a\nid: 1", "b\r\nretry: 1\r\n\r\ndata: x", "c\revent: d", "e\0f", "", " g", ":h", "\u2028", "ü"];
    const sent = names.map((name, index) => [name, [index, `\r\n\r\nevent: gap\ndata: ${name}\0`]]);
    const url = server.url + feedPath("/", "injection");
    const open = STREAMING_ROADS.map((road) => Listener.open(road, withQuery(url, { offset: "now" })));
    const [source, lines, durable] = await Promise.all(open);
    for (const [name, args] of sent) await publisher.publish("injection", name, ...args);
    // JSON has each name as it is.
    for (const listener of [lines, durable]) {
      const events = await listener.take(sent.length);
      assert.deepEqual(events.map(({ event, data }) => [event, data]), sent);
    }
    // The name of an event has no line breaks in an event stream.
    const events = await source.take(sent.length);
    assert.deepEqual(events.map(({ data }) => data), sent.map(([, args]) => args));
    const shown = sent.map(([name]) => name.replaceAll(/[\r\n\0]/g, "\ufffd"));
    assert.deepEqual(events.map(({ event }) => event ?? ""), shown);
    assert.equal(source.text.match(/^id: /gm).length, sent.length + 1);
    assert.equal(source.text.match(/^retry: /gm).length, 1);
    assert.ok(!/[\r\0]/.test(source.text));
    for (const listener of [source, lines, durable]) listener.close();
  });

  test("nor can the text of a stream", async () => {
    const url = `${server.url}/v1/stream/text`;
    const text = "safe\r\n\r\nid: 1\revent: gap\ndata: {}\n\nretry: 1\n: x";
    assert.equal((await ask(url, { "content-type": "text/plain" }, { method: "PUT", body: text })).status, 201);
    const answer = await raw(`GET /v1/stream/text?offset=-1 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`,
      (answer) => answer.includes(": x\n\n"));
    const body = answer.slice(answer.indexOf("\r\n\r\n") + 4);
    const message = body.slice(body.indexOf("\n\n") + 2);
    const [id, ...data] = message.trimEnd().split("\n");
    assert.match(id, /^id: [\w-]{38}$/);
    assert.deepEqual(data, text.split(/\r\n|\r|\n/).map((line) => `data: ${line}`));
  });

  test("nor can the name or the type of a stream", async () => {
    const name = "x%0d%0aSet-Cookie:%20a=1";
    const made = await raw(`PUT /v1/stream/${name} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    assert.match(made, /^HTTP\/1\.1 400 /);
    assert.ok(!/^set-cookie/im.test(made));
    const type = "application/json; charset=\"a b\"; x=<script>";
    const typed = await ask(`${server.url}/v1/stream/typed`, { "content-type": type }, { method: "PUT" });
    assert.deepEqual([typed.status, typed.headers["content-type"]], [201, type]);
  });

  test("a host that is none does not become an address", async () => {
    for (const host of ["evil.example/x", "a b", "<script>", "a\"b"]) {
      const answer = await raw(`PUT /v1/stream/hosted HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      const location = /^location: (.*)$/im.exec(answer)?.[1];
      assert.ok(location === undefined || URL.canParse(location), answer);
    }
  });
});
