import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { type PresentPerson, TYPING_SHOWN } from "../contract.ts";
import { GRACE, RoomPeople } from "./room.ts";

let told: string[];
let room: RoomPeople;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  room = new RoomPeople("me", (what, { name }) => told.push(`${name} ${what}`), () => {});
  room.enter([present("me")]);
});
afterEach(() => vi.useRealTimers());

function present(id: string, typing_at?: number, connections = 1): PresentPerson {
  const person = { id, name: id, role: "member" as const, colour: 0 };
  const metadata = typing_at === undefined ? { person } : { person, typing_at };
  return { user: id, since: 0, connections: Array.from({ length: connections }, () => ({ since: 0, metadata })) };
}

const change = (change: Partial<Parameters<RoomPeople["take"]>[0]>) =>
  room.take({ joined: [], left: [], changed: [], ...change });

test("who comes is told of at once, who goes after the grace", () => {
  change({ joined: [present("a")] });
  expect(told).toEqual(["a came"]);
  change({ left: [present("a")] });
  expect(room.people.map(({ id }) => id)).toEqual(["me"]);
  vi.advanceTimersByTime(GRACE - 1);
  expect(told).toEqual(["a came"]);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(["a came", "a went"]);
});

test("a reload or a lost connection tells nothing", () => {
  change({ joined: [present("a")] });
  for (let round = 0; round < 5; round++) {
    change({ left: [present("a")] });
    vi.advanceTimersByTime(GRACE - 1);
    change({ joined: [present("a")] });
  }
  vi.advanceTimersByTime(10 * GRACE);
  expect(told).toEqual(["a came"]);
});

test("one's own coming and going is never told", () => {
  change({ left: [present("me")] });
  vi.advanceTimersByTime(GRACE);
  change({ joined: [present("me")] });
  expect(told).toEqual([]);
});

test("people are counted, and not connections", () => {
  change({ joined: [present("a", undefined, 3)] });
  change({ changed: [present("a", undefined, 6)] });
  expect(room.people.map(({ id }) => id)).toEqual(["me", "a"]);
  expect(told).toEqual(["a came"]);
});

test("after a restart of the server those who come back are not told of, and those who do not are", () => {
  change({ joined: [present("a"), present("b")] });
  told = [];
  room.enter([present("me")]);
  change({ joined: [present("a")] });
  vi.advanceTimersByTime(GRACE);
  expect(told).toEqual(["b went"]);
});

test("those who came while the connection was lost are simply there", () => {
  room.enter([present("me"), present("a")]);
  vi.advanceTimersByTime(GRACE);
  expect(told).toEqual([]);
  expect(room.people).toHaveLength(2);
});

test("who is typing is shown for a while after it was said, and longer if it goes on", () => {
  change({ joined: [present("a")] });
  const writers = () => room.writers.map(({ id }) => id);
  change({ changed: [present("a", 1)] });
  expect(writers()).toEqual(["a"]);
  vi.advanceTimersByTime(TYPING_SHOWN - 1);
  change({ changed: [present("a", 2)] });
  vi.advanceTimersByTime(TYPING_SHOWN - 1);
  expect(writers()).toEqual(["a"]);
  vi.advanceTimersByTime(1);
  expect(writers()).toEqual([]);
  change({ changed: [present("a", 3)] });
  change({ changed: [present("a")] });
  expect(writers(), "it was taken back").toEqual([]);
  change({ changed: [present("a", 4)] });
  room.said("a");
  expect(writers(), "it was sent").toEqual([]);
});

test("one's own typing is not shown, nor that of those who are gone or when the connection is lost", () => {
  const writers = () => room.writers.map(({ id }) => id);
  change({ changed: [present("me", 1)], joined: [present("a", 1), present("b", 1)] });
  expect(writers()).toEqual(["a", "b"]);
  change({ left: [present("a")] });
  expect(writers()).toEqual(["b"]);
  room.lost();
  expect(writers()).toEqual([]);
});

test("nothing is told after the end", () => {
  change({ joined: [present("a")] });
  change({ left: [present("a")] });
  room.end();
  vi.advanceTimersByTime(GRACE);
  expect(told).toEqual(["a came"]);
  expect(vi.getTimerCount()).toBe(0);
});
