import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { fakeConnection, refused } from "./fake-connection.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("a lost connection says since when, until it is back", async () => {
  const { chat, connection } = fakeConnection();
  await chat.accept();
  expect(connection).toMatchObject({ isOnline: true, isLost: false });
  vi.setSystemTime(5000);
  chat.drop("transport close");
  expect(connection).toMatchObject({ isOnline: false, isLost: true, lostSince: 5000 });
  vi.setSystemTime(9000);
  chat.deliver("connect_error", new Error("websocket error"));
  expect(connection.lostSince, "not since the last attempt").toBe(5000);
  await chat.accept();
  expect(connection).toMatchObject({ isOnline: true, isLost: false, lostSince: undefined });
});

test("a page that never got a connection says so without a time", () => {
  const { chat, connection } = fakeConnection();
  chat.active = true;
  chat.deliver("connect_error", new Error("xhr poll error"));
  expect(connection).toMatchObject({ isLost: true, lostSince: undefined });
});

test("whose session is over gets to know it, and the page does not go on asking", () => {
  const onUnauthorized = vi.fn();
  const { chat, connection } = fakeConnection(onUnauthorized);
  connection.connect();
  chat.active = false;
  chat.deliver("connect_error", new Error("unauthorized"));
  expect(onUnauthorized).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(60_000);
  expect(chat.connects).toBe(1);
});

test("refused for another reason, or put out, it comes back a little later", async () => {
  const { chat, connection } = fakeConnection();
  connection.connect();
  chat.active = false;
  chat.deliver("connect_error", new Error("storage"));
  vi.advanceTimersByTime(1000);
  expect(chat.connects).toBe(2);
  await chat.accept();
  chat.drop("io server disconnect");
  vi.advanceTimersByTime(1000);
  expect(chat.connects).toBe(3);
  connection.close();
  chat.deliver("disconnect", "io server disconnect");
  vi.advanceTimersByTime(1000);
  expect(chat.connects, "not after the end").toBe(3);
});

test("trying now tries now", async () => {
  const { chat, connection } = fakeConnection();
  await chat.accept();
  connection.tryNow();
  expect(chat.io.opens, "not while there is one").toBe(0);
  chat.drop("transport close");
  connection.tryNow();
  expect(connection.isTrying).toBe(true);
  expect(chat.io.opens).toBe(1);
});

test("what is asked without a connection is refused at once and not asked later", async () => {
  const { chat, connection } = fakeConnection();
  await expect(connection.ask("leave", { room: "r" })).rejects.toMatchObject({ problem: { code: "offline" } });
  expect(chat.sendBuffer).toEqual([]);
  await chat.accept();
  const asked = expect(connection.ask("leave", { room: "r" })).rejects.toMatchObject({ problem: { code: "gone" } });
  await chat.answer("leave", refused("gone"));
  await asked;
  const online = connection.ask("online", null);
  expect(chat.asked("online"), "without an argument").toEqual([null]);
  await chat.answer("online", []);
  await expect(online).resolves.toEqual([]);
});
