import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { CookieJar, parseCookie } from "../build/cookies.js";

describe("cookies", () => {
  it("reads name, value and end of a Set-Cookie header", () => {
    assert.deepEqual(parseCookie("a=b"), { name: "a", value: "b" });
    assert.deepEqual(parseCookie(" a = b=c&d ; Path=/; HttpOnly"), { name: "a", value: "b=c&d" });
    const expires = new Date("2030-01-02T03:04:05Z");
    const header = `a=; Expires=${expires.toUTCString()}; Secure`;
    assert.deepEqual(parseCookie(header), { name: "a", value: "", expires });
    for (const none of ["", "a", "=b", "; a=b"]) assert.equal(parseCookie(none), undefined, none);
    assert.equal(parseCookie("a=b; Expires=never").expires, undefined);
  });

  it("lets Max-Age win over Expires", (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
    for (const header of [
      "a=b; Max-Age=10; Expires=Tue, 01 Jan 2030 00:00:00 GMT",
      "a=b; Expires=Tue, 01 Jan 2030 00:00:00 GMT; max-age=10",
    ]) {
      assert.equal(parseCookie(header).expires.getTime(), 1_010_000);
    }
  });

  it("returns what has not ended, the newest value of each name", (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
    const jar = new CookieJar();
    assert.equal(jar.header(), undefined);
    jar.store(["a=1; Max-Age=10", "b=2; Max-Age=0", "c=3", "a=4; Max-Age=10"]);
    assert.equal(jar.header(), "a=4; c=3");
    assert.equal(jar.header("own=1"), "own=1; a=4; c=3");
    t.mock.timers.tick(10_000);
    assert.equal(jar.header(), "c=3");
    jar.store(["c=; Max-Age=-1"]);
    assert.equal(jar.header(), undefined);
  });

  it("keeps 50 cookies of 4,096 characters, whatever a server sends", () => {
    const jar = new CookieJar();
    jar.store([`a=${"x".repeat(4095)}`]);
    assert.equal(jar.header(), undefined);
    jar.store([`a=${"x".repeat(4094)}`]);
    assert.equal(jar.header().length, 4096);
    for (let n = 0; n < 1000; n++) jar.store([`n${n}=1`]);
    assert.equal(jar.header().split("; ").length, 50);
    jar.store(["a=1"]);
    assert.match(jar.header(), /^a=1;/);
  });
});
