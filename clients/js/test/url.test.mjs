import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { url } from "../build/url.js";

const page = {
  protocol: "https:",
  host: "page.example:4005",
  hostname: "page.example",
  port: "4005",
};

describe("url", () => {
  const cases = [
    // address, page, expected
    [undefined, page, { target: ["page.example", "4005", true], path: "/" }],
    [null, page, { target: ["page.example", "4005", true], path: "/" }],
    ["/chat", page, { target: ["page.example", "4005", true], path: "/chat" }],
    ["//other.example/chat", page, { target: ["other.example", "443", true], path: "/chat" }],
    ["other.example:81", page, { target: ["other.example", "81", true], path: "/" }],
    ["other.example", undefined, { target: ["other.example", "443", true], path: "/" }],
    [
      "localhost:3000",
      { ...page, protocol: "http:" },
      { target: ["localhost", "3000", false], path: "/" },
    ],
    [undefined, undefined, { target: ["localhost", "80", false], path: "/" }],
    ["/chat", undefined, { target: ["localhost", "80", false], path: "/chat" }],
    ["http://a.example", page, { target: ["a.example", "80", false], path: "/" }],
    ["http://a.example:80/", page, { target: ["a.example", "80", false], path: "/" }],
    ["ws://a.example/x", page, { target: ["a.example", "80", false], path: "/x" }],
    ["wss://a.example:8443/x/y", page, { target: ["a.example", "8443", true], path: "/x/y" }],
    ["http://[::1]", undefined, { target: ["[::1]", "80", false], path: "/" }],
    [
      "http://[2001:db8::1]:3000/n",
      undefined,
      { target: ["[2001:db8::1]", "3000", false], path: "/n" },
    ],
    ["http://u:p@a.example/n", undefined, { target: ["a.example", "80", false], path: "/n" }],
    [
      "http://a.example/방 1%20?q=a/b?c#d",
      undefined,
      { target: ["a.example", "80", false], path: "/방 1%20" },
    ],
    [
      "http://a.example?q=http://b.example/",
      undefined,
      { target: ["a.example", "80", false], path: "/" },
    ],
  ];
  for (const [address, location, { target, path }] of cases) {
    it(`${address} ${location ? `on ${location.protocol}` : "outside a page"}`, () => {
      const parsed = url(address, "", location);
      const [hostname, port, secure] = target;
      assert.deepEqual(parsed._target, { hostname, port, secure });
      assert.equal(parsed.path, path);
    });
  }

  it("is one that nobody has on pages that came from no server, and others are reached by http", () => {
    for (const protocol of ["file:", "about:", "data:"]) {
      const here = { protocol, host: "", port: "" };
      for (const [address, path] of [[undefined, "/"], ["/chat", "/chat"]]) {
        const parsed = url(address, "", here);
        assert.match(parsed._target.hostname, /\.invalid$/);
        assert.equal(parsed.path, path);
      }
      const { _target } = url("a.example:3000/chat", "", here);
      assert.deepEqual(_target, { hostname: "a.example", port: "3000", secure: false });
    }
    const app = { protocol: "capacitor:", host: "localhost", port: "" };
    assert.deepEqual(url("/x", "", app)._target, { hostname: "localhost", port: "80", secure: false });
  });

  it("keeps the query string", () => {
    assert.equal(url("http://a.example/n?x=1&y=%20", "").query, "?x=1&y=%20");
    assert.equal(url("http://a.example/n", "").query, "");
  });

  it("identifies connections by origin with port and by path option, not by namespace", () => {
    const id = (address, path = "/socket.io") => url(address, path, page).id;
    assert.equal(id("http://a.example"), id("http://a.example:80/chat?x=1"));
    assert.notEqual(id("http://a.example"), id("https://a.example"));
    assert.notEqual(id("http://a.example"), id("http://a.example:81"));
    assert.notEqual(id("http://a.example"), id("http://a.example", "/other"));
    assert.notEqual(id("http://[::1]:1"), id("http://[::11]"));
    assert.equal(id(undefined), id("https://page.example:4005/n"));
  });

  it("refuses what cannot be completed", () => {
    for (const address of ["http://", "http://a b", "http://a:99999"]) {
      assert.throws(() => url(address, "", undefined), Error, String(address));
    }
    const long = "http://a.example/" + "n".repeat(8000 - 17);
    assert.equal(url(long, "").path.length, 8000 - 16);
    assert.throws(() => url(long + "n", ""), /URI too long/);
  });
});
