import { beforeEach, expect, test, vi } from "vitest";

import { isRoomId, roomPath, type Route, Router, routeOf } from "./router.svelte.ts";

/** As much of a window as the router uses. */
function browse(path: string) {
  const entries: { path: string; state: unknown }[] = [{ path, state: null }];
  let at = 0;
  const listeners = new Map<string, () => void>();
  const place = () => new URL(entries[at]!.path, "https://chat.example");
  vi.stubGlobal("location", {
    get pathname() {
      return place().pathname;
    },
    get hash() {
      return place().hash;
    },
    origin: "https://chat.example",
  });
  vi.stubGlobal("history", {
    get state() {
      return entries[at]!.state;
    },
    pushState: (state: unknown, _title: string, path: string) => {
      entries.splice(++at, Infinity, { path, state });
    },
    replaceState: (state: unknown, _title: string, path: string) => (entries[at] = { path, state }),
    back: () => {
      at--;
      listeners.get("popstate")?.();
    },
  });
  vi.stubGlobal("addEventListener", (event: string, listener: () => void) => listeners.set(event, listener));
  return { entries, at: () => at, back: () => history.back() };
}

beforeEach(() => vi.unstubAllGlobals());

test("addresses lead to pages", () => {
  const room = (key: string) => ({ page: "room", key, isTooLong: false });
  const cases: [string, string, object][] = [
    ["/", "", { page: "list" }],
    ["/room", "", room("lobby")],
    ["/room/", "", room("lobby")],
    ["/room/AbC-_0123456789x", "", room("AbC-_0123456789x")],
    ["/room/%EA%B8%B0%ED%9A%8D%ED%8C%80", "", room("기획팀")],
    ["/room/%20a%20%20b%20", "", room("a b")],
    ["/room/AbC-_0123456789x/12", "", { ...room("AbC-_0123456789x"), message: 12 }],
    ["/room/a/b", "", { page: "missing" }],
    ["/room/a/0", "", { page: "missing" }],
    ["/room/a/1/2", "", { page: "missing" }],
    ["/room/%20", "", { page: "missing" }],
    ["/room/%ff", "", { page: "missing" }],
    ["/settings", "", { page: "settings" }],
    ["/admin", "#people", { page: "admin" }],
    ["/login", "", { page: "login" }],
    ["/setup", "#code", { page: "setup", code: "code" }],
    ["/invite", "#code", { page: "invite", code: "code" }],
    ["/reset", "", { page: "reset", code: "" }],
    ["/constructor", "", { page: "missing" }],
  ];
  for (const [path, hash, route] of cases) expect(routeOf(path, hash), path).toEqual(route);
});

test("a name that is too long for a room is told from a room that is not there", () => {
  const path = (length: number) => `/room/${encodeURIComponent("가".repeat(length))}`;
  expect(routeOf(path(50))).toMatchObject({ isTooLong: false });
  expect(routeOf(path(51))).toMatchObject({ isTooLong: true });
});

test("rooms have addresses, and get back from them", () => {
  expect(roomPath("lobby")).toBe("/room");
  for (const key of ["AbC-_0123456789x", "기획팀", "50% / ?#"]) expect(routeOf(roomPath(key))).toMatchObject({ key });
  expect([isRoomId("AbC-_0123456789x"), isRoomId("기획팀"), isRoomId("short")]).toEqual([true, false, false]);
});

test("the way back from a room leads to the list without making the history longer", () => {
  const browser = browse("/");
  const seen: Route[] = [];
  const router = new Router((route) => seen.push(route));
  router.go("/room/a");
  router.up("/");
  expect(browser.entries).toHaveLength(2);
  expect(browser.at()).toBe(0);
  expect(router.route).toEqual({ page: "list" });
  expect(seen.map(({ page }) => page)).toEqual(["room", "list"]);
});

test("whoever came straight into a room gets to the list all the same", () => {
  const browser = browse("/room/a");
  const router = new Router();
  router.up("/");
  expect(router.route).toEqual({ page: "list" });
  browser.back();
  expect(router.route).toMatchObject({ page: "room", key: "a" });
});

test("a place that is no place to come back to is replaced, and going nowhere adds nothing", () => {
  const browser = browse("/login");
  const router = new Router();
  router.go("/", true);
  router.go("/");
  expect(browser.entries.map(({ path }) => path)).toEqual(["/"]);
});
