import { beforeEach, expect, test } from "vitest";

import { language } from "../language.ts";
import type { Bench, Passed, Window } from "./bench.ts";
import { type Road, type RoadChoice, ROADS, type Settings, type Slowness } from "./contract.ts";
import { SENTENCES } from "./sentences.ts";
import { demonstrate, STATEMENTS } from "./statements.ts";
import { fill } from "./texts.ts";

/** A lab that passes what its settings say, without a network and without time. */
class FakeBench implements Bench {
  settings: Settings = { rate: 7, size: 321, burst: 3, running: false };
  period = 1_234;
  lines = Object.fromEntries(ROADS.map((road) => [road, { delay_ms: 0, bytes_per_second: 0 }])) as Record<Road, Slowness>;
  did: string[] = [];
  measured = 0;
  fails = false;

  available = () => true;
  set(settings: Partial<Settings>): void {
    this.settings = { ...this.settings, ...settings };
  }
  line(road: RoadChoice, line: Partial<Slowness>): void {
    for (const one of road === "all" ? ROADS : [road]) Object.assign(this.lines[one], line);
  }
  cut(road: RoadChoice, for_ms: number): void {
    this.did.push(`cut ${road} ${for_ms}`);
  }
  reopen(road: Road): void {
    this.did.push(`reopen ${road}`);
  }
  setPeriod(milliseconds: number): void {
    this.period = milliseconds;
  }
  async settle(): Promise<void> {}
  async ask(road: Road, query: string, body?: string): Promise<string> {
    this.did.push(`ask ${road} ${query}${body === undefined ? "" : ` ${body}`}`);
    if (body !== undefined) return "ok";
    return query.startsWith("EIO=3") ? '15:0{"sid":"s3 +"}2:40' : '0{"sid":"s4"}';
  }
  async measure(milliseconds: number): Promise<Window> {
    this.measured += 1;
    if (this.fails) throw new Error("the lab's server does not answer");
    const seconds = milliseconds / 1_000;
    const events = Math.max(1, this.settings.rate * seconds);
    const delay = Math.max(...ROADS.map((road) => this.lines[road].delay_ms));
    const roads = Object.fromEntries(
      ROADS.map((road, index): [Road, Passed] => [road, {
        requests: index === 0 ? milliseconds / this.period : 8 - index, header_bytes: 800 - 100 * index, payload_bytes: events * this.settings.size,
        framing_bytes: events * (this.settings.size < 126 ? 2 : this.settings.size < 65_536 ? 4 : 10),
        upstream_bytes: 10, downstream_bytes: events * (this.settings.size + 8 - index), events, delay_ms: delay + 9 - index, missed: index,
      }]),
    ) as Record<Road, Passed>;
    return { seconds, roads };
  }
}

let bench: FakeBench;
beforeEach(() => {
  bench = new FakeBench();
});

const statement = (id: string) => STATEMENTS.find((one) => one.id === id)!;

test.each(STATEMENTS.map(({ id }) => id))("%s says what was seen, and leaves the lab as it was", async (id) => {
  bench.line("sse", { delay_ms: 40 });
  bench.line("websocket", { bytes_per_second: 5_000 });
  const before = structuredClone({ settings: bench.settings, period: bench.period, lines: bench.lines });
  const values = await demonstrate(statement(id), bench);
  expect(structuredClone({ settings: bench.settings, period: bench.period, lines: bench.lines })).toEqual(before);
  for (const told of [...SENTENCES[id].en, ...SENTENCES[id].ko]) {
    const text = fill(told, values);
    expect(text).not.toMatch(/[{]\w+[}]|NaN|Infinity|undefined/);
  }
  expect(bench.measured + bench.did.length).toBeGreaterThan(0);
  expect(language).toBe("en");
});

test.each(STATEMENTS.map(({ id }) => id))("%s leaves the lab as it was when it cannot be measured", async (id) => {
  bench.fails = true;
  bench.ask = () => Promise.reject(new Error("refused"));
  bench.line("ndjson", { delay_ms: 70, bytes_per_second: 9_000 });
  const before = structuredClone({ settings: bench.settings, period: bench.period, lines: bench.lines });
  await expect(demonstrate(statement(id), bench)).rejects.toThrow(/does not answer|refused/);
  expect(structuredClone({ settings: bench.settings, period: bench.period, lines: bench.lines })).toEqual(before);
});

test("what the numbers of some statements are", async () => {
  expect(await demonstrate(statement("wasted"), bench)).toEqual({ seconds: "6", requests: "12", events: "3", headers: "800 B" });
  expect(await demonstrate(statement("lengths"), bench)).toEqual({ small: "2", medium: "4", large: "10" });
  expect(await demonstrate(statement("games"), bench)).toEqual({ polling: "109 ms", long: "108 ms", websocket: "102 ms" });
  expect(await demonstrate(statement("envelope"), bench)).toEqual({ socketio: "202 B", websocket: "201 B", more: "1 B" });
  expect(await demonstrate(statement("returns"), bench)).toEqual({ sse: "3", websocket: "7" });
});

test("roads that a statement cuts or opens anew are those it is about", async () => {
  for (const id of ["returns", "once", "again", "dance"]) {
    bench.did = [];
    await demonstrate(statement(id), bench);
    expect(bench.did.length).toBeGreaterThan(0);
    for (const did of bench.did) expect(statement(id).roads).toContain(did.split(" ")[1]);
  }
});

test("a session of each version is begun and ended, and its first bytes are told", async () => {
  expect(await demonstrate(statement("old"), bench)).toEqual({ old: "22", old_begins: "15:0{", new: "13", new_begins: "0{" });
  expect(bench.did).toEqual([
    "ask socketio-polling EIO=3&transport=polling",
    "ask socketio-polling EIO=3&transport=polling&sid=s3%20%2B 1:1",
    "ask socketio-polling EIO=4&transport=polling",
    "ask socketio-polling EIO=4&transport=polling&sid=s4 1",
  ]);
});

test("each statement leads to a page that the guide has", () => {
  const pages = Object.keys(import.meta.glob("../../../../../docs/guide/*.md")).map((path) => path.split("/").at(-1));
  for (const { guide } of STATEMENTS) expect(pages).toContain(`${guide}.md`);
});
