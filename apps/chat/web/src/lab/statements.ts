import type { Bench, Passed, Window } from "./bench.ts";
import { type Road, ROADS } from "./contract.ts";
import { bytes, count, figure, milliseconds } from "./format.ts";
import { tell } from "./texts.ts";

/** A statement of the notes: its text is `s_<id>`, its answer `a_<id>`. */
export interface Statement {
  id: StatementId;
  /** The section of the notes' reading. */
  section: Section;
  /** The page of the guide, without its ending. */
  guide: string;
  /** The roads that it is about: without one of them it cannot be shown. */
  roads: readonly Road[];
  /** Sets everything up, looks, and gives what the answer says. */
  show(bench: Bench): Promise<Record<string, string>>;
}

export type StatementId =
  | "wasted" | "late" | "waits" | "degenerates" | "streams" | "sse" | "returns" | "once" | "lengths"
  | "pushes" | "envelope" | "again" | "dance" | "stays" | "old" | "sockjs" | "headers" | "games" | "charts";

/** The sections of the notes' reading that the lab can show. */
export type Section = "S1" | "S2" | "S3" | "S4" | "S5" | "S6" | "S8" | "S9" | "S10" | "S11" | "S12" | "S18";

const late = ({ delay_ms }: Passed) => (delay_ms === null ? "–" : milliseconds(delay_ms));

async function at(bench: Bench, rate: number, size: number, ms: number) {
  bench.set({ rate, size, burst: 1, running: true });
  await bench.settle();
  return bench.measure(ms);
}

/** What passes while something is done, a little after the beginning. */
async function during(bench: Bench, ms: number, act: () => void): Promise<Window> {
  // The first reading takes a moment, and what is done has to be behind it.
  const [window] = await Promise.all([bench.measure(ms), bench.measure(250).then(act)]);
  return window;
}

export const STATEMENTS: readonly Statement[] = [
  {
    id: "wasted", section: "S1", guide: "feeds", roads: ["polling"],
    async show(bench) {
      bench.setPeriod(500);
      const { roads, seconds } = await at(bench, 0.5, 200, 6_000);
      const { requests, events, header_bytes } = roads.polling;
      return { seconds: figure(seconds), requests: count(requests), events: count(events), headers: bytes(header_bytes) };
    },
  },
  {
    id: "late", section: "S1", guide: "feeds", roads: ["polling", "websocket"],
    async show(bench) {
      bench.setPeriod(1_000);
      const { roads } = await at(bench, 4, 200, 5_000);
      return { polling: late(roads.polling), websocket: late(roads.websocket) };
    },
  },
  {
    id: "waits", section: "S2", guide: "feeds", roads: ["polling", "long-polling"],
    async show(bench) {
      bench.setPeriod(500);
      const { roads } = await at(bench, 1, 200, 5_000);
      const long = roads["long-polling"];
      return {
        requests: count(long.requests), events: count(long.events), late: late(long),
        polling: count(roads.polling.requests), polling_late: late(roads.polling),
      };
    },
  },
  {
    id: "degenerates", section: "S2", guide: "feeds", roads: ["long-polling"],
    async show(bench) {
      const calm = await at(bench, 1, 200, 3_000);
      const busy = await at(bench, 50, 200, 3_000);
      const of = ({ roads, seconds }: typeof calm) => figure(Math.round((10 * roads["long-polling"].requests) / seconds) / 10);
      const headers = busy.roads["long-polling"].header_bytes / busy.seconds;
      return { calm: of(calm), busy: of(busy), headers: bytes(headers) };
    },
  },
  {
    id: "streams", section: "S3", guide: "feeds", roads: ["ndjson"],
    async show(bench) {
      const { roads, seconds } = await at(bench, 10, 200, 4_000);
      const { requests, events, upstream_bytes, downstream_bytes } = roads.ndjson;
      return {
        seconds: figure(seconds), requests: count(requests), events: count(events),
        up: bytes(upstream_bytes), down: bytes(downstream_bytes),
      };
    },
  },
  {
    id: "sse", section: "S4", guide: "feeds", roads: ["sse"],
    async show(bench) {
      const { roads, seconds } = await at(bench, 10, 200, 4_000);
      const { requests, events, upstream_bytes } = roads.sse;
      return { seconds: figure(seconds), events: count(events), requests: count(requests), up: bytes(upstream_bytes) };
    },
  },
  {
    id: "returns", section: "S4", guide: "feeds", roads: ["sse", "websocket"],
    async show(bench) {
      bench.set({ rate: 10, size: 200, burst: 1, running: true });
      const { roads } = await during(bench, 6_000, () => {
        bench.cut("sse", 1_500);
        bench.cut("websocket", 1_500);
      });
      return { sse: count(roads.sse.missed), websocket: count(roads.websocket.missed) };
    },
  },
  {
    id: "once", section: "S5", guide: "websocket", roads: ["websocket", "long-polling"],
    async show(bench) {
      bench.set({ rate: 10, size: 200, burst: 1, running: true });
      const { roads: first } = await during(bench, 2_000, () => bench.reopen("websocket"));
      const { roads } = await bench.measure(3_000);
      return {
        handshake: bytes(first.websocket.header_bytes), events: count(roads.websocket.events),
        after: bytes(roads.websocket.header_bytes), polling: bytes(roads["long-polling"].header_bytes),
      };
    },
  },
  {
    id: "lengths", section: "S5", guide: "websocket", roads: ["websocket"],
    async show(bench) {
      const each: string[] = [];
      for (const size of [100, 1_000, 65_536]) {
        const { roads } = await at(bench, 5, size, 2_000);
        const { framing_bytes, events } = roads.websocket;
        each.push(events === 0 ? "–" : figure(Math.round(framing_bytes / events)));
      }
      return { small: each[0], medium: each[1], large: each[2] };
    },
  },
  {
    id: "headers", section: "S5", guide: "feeds", roads: ["polling", "long-polling", "sse", "websocket"],
    async show(bench) {
      const { roads } = await at(bench, 10, 200, 4_000);
      const share = ({ header_bytes, payload_bytes, framing_bytes }: Passed) =>
        `${Math.round((100 * header_bytes) / Math.max(1, header_bytes + payload_bytes + framing_bytes))}%`;
      return { polling: share(roads.polling), long: share(roads["long-polling"]), sse: share(roads.sse), websocket: share(roads.websocket) };
    },
  },
  {
    id: "pushes", section: "S6", guide: "websocket", roads: ["websocket"],
    async show(bench) {
      const { roads, seconds } = await at(bench, 10, 200, 3_000);
      const { events, upstream_bytes } = roads.websocket;
      return { seconds: figure(seconds), events: count(events), up: bytes(upstream_bytes) };
    },
  },
  {
    id: "envelope", section: "S8", guide: "server", roads: ["socketio", "websocket"],
    async show(bench) {
      const { roads } = await at(bench, 20, 200, 3_000);
      const each = ({ downstream_bytes, events }: Passed) => downstream_bytes / Math.max(1, events);
      const [socketio, websocket] = [each(roads.socketio), each(roads.websocket)];
      return { socketio: bytes(socketio), websocket: bytes(websocket), more: bytes(socketio - websocket) };
    },
  },
  {
    id: "again", section: "S9", guide: "browser", roads: ["socketio"],
    async show(bench) {
      bench.set({ rate: 10, size: 200, burst: 1, running: true });
      const { roads } = await during(bench, 5_000, () => bench.cut("socketio", 1_000));
      const { requests, missed, events } = roads.socketio;
      return { requests: count(requests), missed: count(missed), events: count(events) };
    },
  },
  {
    id: "dance", section: "S10", guide: "browser", roads: ["socketio"],
    async show(bench) {
      bench.set({ rate: 2, size: 200, burst: 1, running: true });
      const first = (await during(bench, 2_500, () => bench.reopen("socketio"))).roads.socketio;
      const after = (await bench.measure(2_000)).roads.socketio;
      return { requests: count(first.requests), headers: bytes(first.header_bytes), after: count(after.requests), events: count(after.events) };
    },
  },
  {
    id: "stays", section: "S10", guide: "browser", roads: ["socketio-polling", "socketio"],
    async show(bench) {
      const { roads } = await at(bench, 5, 200, 4_000);
      const polling = roads["socketio-polling"];
      return {
        events: count(polling.events), requests: count(polling.requests), polling: late(polling),
        upgraded: count(roads.socketio.requests), websocket: late(roads.socketio),
      };
    },
  },
  {
    id: "old", section: "S11", guide: "engine", roads: ["socketio-polling"],
    async show(bench) {
      const [old, now] = [await hello(bench, 3), await hello(bench, 4)];
      return { old: count(old.bytes), old_begins: old.begins, new: count(now.bytes), new_begins: now.begins };
    },
  },
  {
    id: "sockjs", section: "S12", guide: "sockjs", roads: ["sockjs", "websocket"],
    async show(bench) {
      const { roads } = await at(bench, 10, 200, 3_000);
      const { events, requests } = roads.sockjs;
      return { events: count(events), requests: count(requests), sockjs: late(roads.sockjs), websocket: late(roads.websocket) };
    },
  },
  {
    id: "games", section: "S18", guide: "rooms", roads: ["polling", "long-polling", "websocket"],
    async show(bench) {
      bench.line("all", { delay_ms: 100, bytes_per_second: 0 });
      const { roads } = await at(bench, 20, 100, 4_000);
      return { polling: late(roads.polling), long: late(roads["long-polling"]), websocket: late(roads.websocket) };
    },
  },
  {
    id: "charts", section: "S18", guide: "feeds", roads: ["sse", "websocket"],
    async show(bench) {
      const { roads } = await at(bench, 20, 200, 3_000);
      return { sse: late(roads.sse), websocket: late(roads.websocket), events: count(roads.sse.events) };
    },
  },
];

/** Opens a session with a version of Engine.IO, ends it, and gives what the server said to begin with. */
async function hello(bench: Bench, version: 3 | 4): Promise<{ bytes: number; begins: string }> {
  const asked = `EIO=${version}&transport=polling`;
  const text = await bench.ask("socketio-polling", asked);
  const sid = /"sid":"([^"]+)"/.exec(text)?.[1];
  if (!sid) throw new Error(tell("noSession"));
  // The packet "close", which version 3 wants with its length.
  await bench.ask("socketio-polling", `${asked}&sid=${encodeURIComponent(sid)}`, version === 3 ? "1:1" : "1");
  return { bytes: new TextEncoder().encode(text).length, begins: text.slice(0, text.indexOf("{") + 1) };
}

/** Shows a statement, and leaves the lab as it was, whatever happens. */
export async function demonstrate(statement: Statement, bench: Bench): Promise<Record<string, string>> {
  const { period } = bench;
  const settings = { ...bench.settings };
  const lines = ROADS.map((road) => [road, { ...bench.lines[road] }] as const);
  bench.line("all", { delay_ms: 0, bytes_per_second: 0 });
  try {
    return await statement.show(bench);
  } finally {
    bench.line("all", { delay_ms: 0, bytes_per_second: 0 });
    for (const [road, line] of lines) if (line.delay_ms > 0 || line.bytes_per_second > 0) bench.line(road, line);
    bench.set(settings);
    bench.setPeriod(period);
  }
}

/** The address of a page of the guide: of the book, or of the files it is made from. */
export function guideLink(guide: string, page: string): string {
  const ending = /github\.com/.test(guide) ? "md" : "html";
  return `${guide.replace(/\/$/, "")}/${page}.${ending}`;
}
