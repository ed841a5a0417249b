import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { type FromPage, type FromServer, type Road, ROADS, type RoadNumbers } from "./contract.ts";
import { Lab } from "./lab.svelte.ts";

/** The server's end of a control WebSocket. */
class FakeSocket {
  readyState = 1;
  sent: FromPage[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {}
  tell(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const settings = { rate: 5, size: 200, burst: 1, running: true };
const line = { delay_ms: 0, bytes_per_second: 0 };
const numbers = (at: number, events: number, held = { settings, line }): FromServer => ({
  type: "numbers", at, sent: { events, bytes: 0 }, settings: held.settings,
  roads: Object.fromEntries(ROADS.map((road) => [road, {
    requests: events, connections: 1, connections_open: 1, header_bytes: 0, payload_bytes: 0, framing_bytes: 0,
    upstream_bytes: 0, downstream_bytes: 0, events, delay_ms: null, is_cut: false, phase: "open", line: held.line,
  } satisfies RoadNumbers])) as Record<Road, RoadNumbers>,
});
const seen = (...delays: number[]) => ({ type: "seen", items: delays.map((delay, n) => [7, n + 1, delay]), dropped: 0 });

let socket: FakeSocket;
let sockets: number;
let lab: Lab;
beforeEach(() => {
  vi.useFakeTimers();
  sockets = 0;
  lab = new Lab(() => {
    sockets += 1;
    return (socket = new FakeSocket()) as unknown as WebSocket;
  });
  hello();
});
afterEach(() => {
  lab.close();
  vi.useRealTimers();
});

function hello(limits = {}): void {
  const roads = ROADS.map((id) => ({ id, port: 1, available: false, path: "/" }));
  socket.tell({ type: "hello", visit: 1, origin_host: "localhost", roads, settings, limits, guide_url: "/guide" });
}

test("measurements overlap, and each has what passed in its own time", async () => {
  const long = lab.measure(1_000);
  socket.tell(numbers(10_000, 10));
  await vi.advanceTimersByTimeAsync(200);
  socket.tell(seen(5));
  const short = lab.measure(100);
  socket.tell(numbers(10_200, 11));
  await vi.advanceTimersByTimeAsync(50);
  socket.tell(seen(7, 7));
  await vi.advanceTimersByTimeAsync(50);
  socket.tell(numbers(10_300, 13));
  expect((await short).roads.websocket).toMatchObject({ events: 2, delay_ms: 7 });
  await vi.advanceTimersByTimeAsync(700);
  socket.tell(seen(5, 5, 5));
  socket.tell(numbers(11_000, 16));
  const { roads, seconds } = await long;
  expect(roads.websocket).toMatchObject({ events: 6, delay_ms: 5 });
  expect(seconds).toBe(1);
});

test("a measurement ends with an error when the server is lost meanwhile", async () => {
  const measured = lab.measure(500);
  const failed = expect(measured).rejects.toThrow("does not answer");
  socket.tell(numbers(10_000, 10));
  await vi.advanceTimersByTimeAsync(100);
  socket.onclose?.({ code: 1006 });
  await vi.advanceTimersByTimeAsync(2_000);
  await failed;
});

test("a delay is shown for one second more than there are events", () => {
  const at = (second: number, ...delays: number[]) => {
    socket.tell(numbers(second * 1_000, second));
    if (delays.length > 0) socket.tell(seen(...delays));
  };
  const shown = () => lab.rates?.websocket.delay;
  at(10, 5, 7);
  at(11);
  expect(shown()).toBe(6);
  at(12);
  expect(shown()).toBe(6);
  at(13);
  expect(shown()).toBeNull();
});

test("a setting that is refused is taken back, and why is shown until the next one", () => {
  lab.set({ rate: 1_000 });
  expect(lab.settings.rate).toBe(1_000);
  socket.tell({ type: "refused", of: "set", message: "at most 100" });
  expect([lab.settings.rate, lab.refusal]).toEqual([5, "The server refused it: at most 100"]);
  lab.set({ rate: 10 });
  expect(lab.refusal).toBe("");
  expect(socket.sent.at(-1)).toEqual({ type: "set", rate: 10 });
});

test("a refusal that comes late is told by what was asked, and not by what is shown meanwhile", async () => {
  hello({ events_per_second_max: 2_000, event_bytes_per_second_max: 4_000_000 });
  lab.set({ rate: 100 });
  await vi.advanceTimersByTimeAsync(1_000);
  socket.tell(numbers(11_000, 1));
  lab.set({ burst: 200 });
  await vi.advanceTimersByTimeAsync(1_000);
  socket.tell(numbers(12_000, 1));
  socket.tell({ type: "refused", of: "set", message: "at most so many" });
  expect(lab.refusal).toBe("At most 2,000 events a second: choose fewer bursts, or fewer events in a burst.");
});

test("a line that is refused is taken back to the one that holds", () => {
  const held = { settings, line: { delay_ms: 40, bytes_per_second: 0 } };
  socket.tell(numbers(10_000, 1, held));
  expect(lab.lines.sse).toEqual(held.line);
  lab.line("all", { bytes_per_second: 50 });
  expect(lab.lines.sse).toEqual({ delay_ms: 40, bytes_per_second: 50 });
  socket.tell({ type: "refused", of: "line", message: "bytes_per_second is 50" });
  for (const road of ROADS) expect(lab.lines[road]).toEqual(held.line);
  expect(lab.refusal).toMatch(/bytes_per_second is 50/);
});

test("what the server tells from before the page asked does not take back what was asked", async () => {
  lab.set({ rate: 20 });
  lab.line("sse", { delay_ms: 70 });
  socket.tell(numbers(10_000, 1));
  expect([lab.settings.rate, lab.lines.sse.delay_ms]).toEqual([20, 70]);
  await vi.advanceTimersByTimeAsync(1_000);
  socket.tell(numbers(11_000, 1));
  expect([lab.settings.rate, lab.lines.sse.delay_ms]).toEqual([5, 0]);
});

test("a race that is refused is not shown as one that goes on", () => {
  lab.race();
  expect(lab.racedFrom).toBeGreaterThanOrEqual(0);
  socket.tell({ type: "refused", of: "race", message: "no road is open" });
  expect([lab.racedFrom, lab.refusal]).toEqual([0, "There is no race now: no road is open, or one is under way."]);
});

test("after a loss the page comes back, and watches what it watched", async () => {
  lab.watch("sse");
  socket.onclose?.({ code: 1006 });
  expect(lab.control).toBe("lost");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sockets).toBe(2);
  hello();
  expect([lab.control, lab.watched]).toEqual(["open", "sse"]);
  expect(socket.sent).toContainEqual({ type: "watch", road: "sse" });
});

test("while the wire view stands still, nothing is added to it", async () => {
  const record = { type: "wire", road: "sse", records: [{ at: 1, kind: "open" }], dropped: 3 };
  lab.watch("sse");
  const shown = () => vi.advanceTimersByTimeAsync(300);
  socket.tell(record);
  await shown();
  lab.isPaused = true;
  socket.tell(record);
  await shown();
  expect([lab.records.length, lab.dropped]).toEqual([1, 3]);
  lab.isPaused = false;
  socket.tell({ ...record, road: "ndjson" });
  socket.tell(record);
  await shown();
  expect([lab.records.length, lab.dropped]).toEqual([2, 6]);
});
