import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { App } from "./app.svelte.ts";
import type { Blocked, Boot, Me, Person } from "./contract.ts";
import { fakeConnection, messageIn, openedRoom, refused, roomOf, settled } from "./fake-connection.ts";

vi.mock("sockeye-client/outbox", async (original) => ({
  ...(await original<typeof import("sockeye-client/outbox")>()),
  indexedDbStore: vi.fn(async () => undefined),
}));

const person = (id: string, name = id): Person => ({ id, name, role: "member", colour: 0 });
const meAs = (id: string, blocked: Blocked[] = []): Me => ({ person: person(id), session: "s", expires_at: 1, blocked });
const boot = (me: Me | null): Boot => ({
  me,
  needs_setup: false,
  has_guests: true,
  has_passkeys: false,
  has_lab: false,
  is_local: false,
  address: "http://chat.example",
  picture_bytes_max: 20 * 1024 * 1024,
  is_missing: false,
});

const DAY = 86_400_000;

let opened: ReturnType<typeof fakeConnection>[];
let asked: { path: string; method?: string }[];
let answer: { status: number; body: unknown };
let place: string;

/** A page at a path, as it is opened. */
function open(me: Me | null, path = "/"): App {
  place = path;
  const sockets = () => {
    const fake = fakeConnection();
    opened.push(fake);
    return { rooms: fake.connection.rooms, chat: fake.connection.chat };
  };
  return new App(boot(me), sockets);
}

beforeEach(() => {
  vi.useFakeTimers();
  opened = [];
  asked = [];
  answer = { status: 200, body: undefined };
  const kept: Record<string, string> = {};
  const storage = {
    getItem: (name: string) => kept[name] ?? null,
    setItem: (name: string, value: string) => void (kept[name] = value),
    removeItem: (name: string) => void delete kept[name],
  };
  vi.stubGlobal("localStorage", new Proxy(kept, { get: (_, name) => storage[name as never] ?? kept[name as never] }));
  vi.stubGlobal("document", { hasFocus: () => true, hidden: false });
  vi.stubGlobal("requestAnimationFrame", (draw: () => void) => queueMicrotask(draw));
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("location", {
    get pathname() {
      return place;
    },
    hash: "",
    origin: "http://chat.example",
  });
  const go = (_state: unknown, _title: string, path: string) => void (place = path);
  vi.stubGlobal("history", { state: null, pushState: go, replaceState: go });
  vi.stubGlobal("fetch", async (path: string, { method }: RequestInit = {}) => {
    asked.push({ path, method });
    return new Response(answer.body === undefined ? null : JSON.stringify(answer.body), { status: answer.status });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const chat = () => opened.at(-1)!.chat;

test("without a session nothing is connected; whoever comes in goes on where they were going", async () => {
  const app = open(null, "/room/r");
  expect(opened).toEqual([]);
  app.enter(meAs("me"));
  await chat().accept();
  expect(chat().asked("open")).toEqual([{ room: "r", password: undefined }]);
});

test("with a session the page goes straight to its room", async () => {
  const app = open(meAs("me"), "/room/r");
  await chat().accept();
  await chat().answer("open", openedRoom("r"));
  expect(app.visit!.conversations.current!.phase).toBe("open");
});

test("when the session is over the page is at the door, and what was written is kept", async () => {
  const app = open(meAs("me"), "/room/r");
  await chat().accept();
  await chat().answer("open", openedRoom("r"));
  app.visit!.drafts.write("r", "half");
  chat().drop("transport close");
  chat().deliver("connect_error", new Error("unauthorized"));
  expect(app).toMatchObject({ me: null, visit: undefined, isOver: true, hadAccount: true });
  const tries = chat().connects;
  await vi.advanceTimersByTimeAsync(600_000);
  expect(chat().connects, "the page does not go on trying").toBe(tries);
  app.enter(meAs("me"));
  expect(app.isOver).toBe(false);
  expect(app.visit!.drafts.of("r")).toBe("half");
});

test("who logs out is at the start, and nothing of theirs is left", async () => {
  const app = open(meAs("me"), "/room/r");
  app.visit!.drafts.write("r", "half");
  await app.logOut();
  expect(asked).toEqual([{ path: "/api/logout", method: "POST" }]);
  expect(app.me).toBeNull();
  expect(place).toBe("/");
  app.enter(meAs("me"));
  expect(app.visit!.drafts.of("r")).toBe("");
});

test("a logout that fails is told, and one is still there", async () => {
  const app = open(meAs("me"));
  answer = { status: 503, body: undefined };
  expect(await app.attempt(() => app.logOut(true))).toBe(false);
  expect(asked[0]!.path).toBe("/api/logout-everywhere");
  expect(app.me).not.toBeNull();
  expect(app.toasts).toMatchObject([{ tone: "danger", text: "The server cannot be reached at the moment." }]);
});

test("a page that is open for weeks says once a day that its session is used", async () => {
  const app = open(meAs("me"));
  await vi.advanceTimersByTimeAsync(DAY - 1);
  expect(asked).toEqual([]);
  answer = { status: 200, body: { ...boot({ ...meAs("me"), expires_at: 2 }), address: "https://chat.example" } };
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toEqual([{ path: "/api/me", method: undefined }]);
  expect(app.me!.expires_at).toBe(2);
  expect(app.boot.address).toBe("https://chat.example");
  await vi.advanceTimersByTimeAsync(3 * DAY);
  expect(asked).toHaveLength(4);
  app.visit!.close();
  await vi.advanceTimersByTimeAsync(3 * DAY);
  expect(asked, "not after the end").toHaveLength(4);
});

test("a page that was asleep for more than a day asks as it is looked at again", async () => {
  const app = open(meAs("me"));
  const renewal = app.visit!.renewal;
  await renewal.look();
  expect(asked, "it has asked as it was loaded").toEqual([]);
  // Its timers stood still.
  vi.setSystemTime(Date.now() + DAY);
  answer = { status: 503, body: undefined };
  await renewal.look();
  expect(app.me, "what fails says nothing").not.toBeNull();
  answer = { status: 200, body: boot(meAs("me")) };
  await renewal.look();
  expect(asked).toHaveLength(2);
  await renewal.look();
  expect(asked, "once").toHaveLength(2);
});

test("a page whose session has ended while it slept is at the door, and one of somebody else is theirs", async () => {
  const app = open(meAs("me"));
  answer = { status: 200, body: boot(meAs("other")) };
  await app.look();
  expect(app.me!.person.id).toBe("other");
  expect(app.visit!.person).toBe("other");
  answer = { status: 200, body: "<html>a proxy's</html>" };
  await app.look();
  expect(app.me, "what is no answer says nothing").not.toBeNull();
  answer = { status: 200, body: boot(null) };
  await app.look();
  expect(app).toMatchObject({ me: null, visit: undefined, isOver: true });
});

test("whoever logs in is told what a stranger was not", async () => {
  const app = open(null);
  answer = { status: 200, body: { ...boot(meAs("me")), address: "http://192.0.2.7:3000" } };
  app.enter(meAs("me"));
  await settled();
  expect(asked).toEqual([{ path: "/api/me", method: undefined }]);
  expect(app.boot.address).toBe("http://192.0.2.7:3000");
});

test("another account takes the place of the one before, with a connection of its own", async () => {
  const app = open(meAs("guest"));
  await chat().accept();
  const before = chat();
  app.enter(meAs("me"));
  expect(opened).toHaveLength(2);
  expect(before.connected).toBe(false);
  before.deliver("connect_error", new Error("unauthorized"));
  expect(app.me!.person.id, "what is over is not heard any more").toBe("me");
});

test("a new name and whom one has blocked come from other devices, too", async () => {
  const app = open(meAs("me"), "/room/r");
  await chat().accept();
  await chat().answer("open", openedRoom("r", [messageIn("r", 1, "x", "b")]));
  chat().tell("me", { ...meAs("me", [{ id: "b", name: "Ben" }]), person: person("me", "New") });
  await settled();
  expect(app.me!.person.name).toBe("New");
  expect(app.visit!.conversations.current!.rows).toEqual([]);
  chat().tell("person", person("b", "Benjamin"));
  expect(app.me!.blocked, "who is called otherwise now").toEqual([{ id: "b", name: "Benjamin" }]);
  chat().tell("me", meAs("somebody else"));
  expect(app.me!.person.id).toBe("me");
});

test("somebody who is called otherwise is so everywhere", async () => {
  const app = open(meAs("me"), "/room/r");
  await chat().accept();
  const room = roomOf("r", { kind: "direct", with: [person("me"), person("a", "Ada")] });
  await chat().answer("open", openedRoom("r", [], { room }));
  chat().tell("person", person("a", "Ada L."));
  expect(app.visit!.conversations.current!.room!.with[1]!.name).toBe("Ada L.");
});

test("of many things said in passing the last ones stay", () => {
  const app = open(null);
  for (const text of ["1", "2", "3", "4"]) app.tell(text);
  expect(app.toasts.map(({ text }) => text)).toEqual(["2", "3", "4"]);
  app.dismiss(app.toasts[0]!.key);
  expect(app.toasts.map(({ text }) => text)).toEqual(["3", "4"]);
});

test("a refusal of the server is told in words", async () => {
  const app = open(meAs("me"));
  answer = { status: 409, body: refused("last_owner") };
  await app.attempt(() => app.logOut());
  expect(app.toasts[0]!.text).toContain("There has to be an owner");
});
