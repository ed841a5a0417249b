import { Arrivals } from "./arrivals.ts";
import { Continuity } from "./continuity.ts";
import { Control, type ControlState } from "./control.ts";
import {
  type FromPage, type FromServer, type Limits, type Road, type RoadChoice, ROADS, type RoadNumbers,
  type Settings, type Slowness, type WireRecord,
} from "./contract.ts";
import { type Axis, axisOf } from "./axis.ts";
import { type Bench, type Window, windowOf } from "./bench.ts";
import { refusalText } from "./refusals.ts";
import { openRoad } from "./roads/open.ts";
import type { OpenRoad, State } from "./roads/road.ts";
import { Series } from "./series.ts";
import { tell } from "./texts.ts";

export type Metric = "requests" | "headers" | "payload" | "delay";
export const METRICS: readonly Metric[] = ["requests", "headers", "payload", "delay"];

type Hello = Extract<FromServer, { type: "hello" }>;
type Raced = Extract<FromServer, { type: "raced" }>;
type Handshake = Extract<FromServer, { type: "handshake" }>;
/** How many records the wire view keeps. */
const RECORDS_KEPT = 200;

/** How often the wire view shows what has passed, in milliseconds: oftener nobody can read it. */
const SHOWN_EVERY_MS = 300;
/** How many delays of a road a measurement keeps. */
const DELAYS_KEPT = 5_000;

/** How long after a period of polling everything has passed, in milliseconds. */
const SETTLE_MS = 250;

/**
 * How long what the page has asked for is shown before what the server tells, in milliseconds: what it
 * told meanwhile may be from before it was asked.
 */
const ASKED_MS = 600;

const perRoad = <T>(make: () => T) => Object.fromEntries(ROADS.map((road) => [road, make()])) as Record<Road, T>;

/** The lab of this page: its control WebSocket, its roads, and all that was counted. */
export class Lab implements Bench {
  control = $state<ControlState>("connecting");
  hello = $state.raw<Hello | null>(null);
  settings = $state.raw<Settings>({ rate: 2, size: 200, burst: 1, running: true });
  numbers = $state.raw<Record<Road, RoadNumbers> | null>(null);
  /** Of the last whole second, by road. */
  rates = $state.raw<Record<Road, Record<Metric, number | null>> | null>(null);
  states = $state<Record<Road, State>>(perRoad(() => "connecting" as State));
  missed = $state.raw<Record<Road, number>>(perRoad(() => 0));
  lines = $state<Record<Road, Slowness>>(perRoad(() => ({ delay_ms: 0, bytes_per_second: 0 })));
  metric = $state<Metric>("delay");
  period = $state(1_000);
  raced = $state.raw<Raced | null>(null);
  /** When the race began, in milliseconds of the page's clock; 0 before the first. */
  racedFrom = $state(0);
  refusal = $state("");
  watched = $state<Road | null>(null);
  records = $state.raw<WireRecord[]>([]);
  dropped = $state(0);
  /** Whether the wire view stands still; what passes meanwhile is not kept. */
  isPaused = $state(false);
  handshakes = $state.raw<Partial<Record<Road, Handshake>>>({});
  /** Grows with each second that ended: plots are drawn then. */
  second = $state(0);
  readonly arrivals = perRoad(() => new Arrivals());
  readonly continuity = perRoad(() => new Continuity());
  readonly series = perRoad(() => ({
    requests: new Series(), headers: new Series(), payload: new Series(), delay: new Series(),
  }));

  readonly #open = new Map<Road, OpenRoad>();
  readonly #control: Control;
  readonly #waiting = new Set<() => void>();
  /** The delays that the measurements of now gather: one for each, they may overlap. */
  readonly #measuring = new Set<Record<Road, number[]>>();
  /** What holds, as the server has told it. */
  #told = this.settings;
  #toldLines = perRoad(() => ({ delay_ms: 0, bytes_per_second: 0 }) as Slowness);
  /** When the page has asked for other settings or lines, in milliseconds of its clock. */
  #askedAt = Number.NEGATIVE_INFINITY;
  /** The settings that the page has asked for and the server has not told yet. */
  #asked: Partial<Settings> = {};
  #passing: WireRecord[] = [];
  #droppedSince = 0;
  #showing: ReturnType<typeof setTimeout> | undefined;
  #axis: { second: number; metric: Metric; axis: Axis } | undefined;
  #tallest = { at: 0, most: 0 };
  #at = 0;

  constructor(connect?: () => WebSocket) {
    this.#control = new Control((state) => this.#turned(state), (message) => this.#took(message), connect);
  }

  close(): void {
    this.#control.close();
    this.#forget();
    this.#closeRoads();
  }

  get limits(): Limits | undefined {
    return this.hello?.limits;
  }

  available(road: Road): boolean {
    return this.hello?.roads.find(({ id }) => id === road)?.available ?? false;
  }

  send(message: FromPage): void {
    this.refusal = "";
    this.#control.send(message);
  }

  set(settings: Partial<Settings>): void {
    this.#askedAt = performance.now();
    this.settings = { ...this.settings, ...settings };
    this.#asked = { ...this.#asked, ...settings };
    this.send({ type: "set", ...settings });
  }

  line(road: RoadChoice, line: Partial<Slowness>): void {
    this.#askedAt = performance.now();
    for (const one of road === "all" ? ROADS : [road]) Object.assign(this.lines[one], line);
    this.send({ type: "line", road, ...line });
  }

  cut(road: RoadChoice, for_ms: number): void {
    this.send({ type: "cut", road, for_ms });
  }

  race(): void {
    this.raced = null;
    this.racedFrom = performance.now();
    this.send({ type: "race" });
  }

  watch(road: Road | null): void {
    this.watched = road;
    this.#forget();
    this.send({ type: "watch", road });
  }

  reset(): void {
    this.send({ type: "reset" });
    for (const road of ROADS) {
      this.continuity[road].reset();
      for (const series of Object.values(this.series[road])) series.clear();
    }
    this.numbers = null;
  }

  setPeriod(milliseconds: number): void {
    this.period = milliseconds;
  }

  /** Closes a road and opens it anew, so that its beginning can be watched. */
  reopen(road: Road): void {
    this.#open.get(road)?.close();
    this.#open.delete(road);
    this.#openRoad(road);
  }

  /** The address of a road's tap. */
  address(road: Road): string {
    const address = this.hello?.roads.find(({ id }) => id === road);
    if (!address) throw new Error(tell("noAnswer"));
    return `http://${location.hostname}:${address.port}${address.path}`;
  }

  /** One request on a road, and the text of its answer. */
  async ask(road: Road, query: string, body?: string): Promise<string> {
    const url = `${this.address(road).replace(/\/?$/, "/")}?${query}`;
    const asked = fetch(url, { method: body === undefined ? "GET" : "POST", body, cache: "no-store" });
    const answer = await asked.catch(() => null);
    if (!answer) throw new Error(tell("noAnswer"));
    if (!answer.ok) throw new Error(tell("answered", { status: answer.status }));
    return answer.text();
  }

  /** The axis that all plots share in this second. */
  axis(): Axis {
    const { second, metric } = this;
    if (this.#axis?.second !== second || this.#axis.metric !== metric) {
      const of = metric === "delay" ? "mean" : "sum";
      const views = ROADS.map((road) => this.series[road][metric].view(second, of));
      this.#axis = { second, metric, axis: axisOf(views, metric === "delay") };
    }
    return this.#axis.axis;
  }

  /** The most events that came in any column of any lane, reckoned anew every half second. */
  tallest(now: number): number {
    if (now - this.#tallest.at > 500) {
      this.#tallest = { at: now, most: Math.max(...ROADS.map((road) => this.arrivals[road].most(now))) };
    }
    return this.#tallest.most;
  }

  /** Polling is the last to show what was sent: it needs a whole period. */
  settle(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.period + SETTLE_MS));
  }

  /** What passes on every road in so many milliseconds from now on. */
  async measure(milliseconds: number): Promise<Window> {
    const before = await this.#fresh();
    const start = this.#at;
    const delays = perRoad(() => [] as number[]);
    const missed = perRoad(() => 0);
    for (const road of ROADS) missed[road] = this.continuity[road].missed;
    this.#measuring.add(delays);
    try {
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      const after = await this.#fresh();
      for (const road of ROADS) missed[road] = this.continuity[road].missed - missed[road];
      return windowOf(before, after, (this.#at - start) / 1_000, delays, missed);
    } finally {
      this.#measuring.delete(delays);
    }
  }

  /** The next numbers, or the last ones when nothing changes any more. */
  async #fresh(): Promise<Record<Road, RoadNumbers>> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, 1_000);
      this.#waiting.add(done);
    });
    if (!this.numbers || this.control !== "open") throw new Error(tell("noAnswer"));
    return this.numbers;
  }

  #turned(state: ControlState): void {
    this.control = state;
    if (state === "open") return;
    this.#closeRoads();
    // Where there is no place yet, nothing was lost.
    for (const road of ROADS) this.states[road] = state === "lost" ? "lost" : "connecting";
  }

  #closeRoads(): void {
    for (const open of this.#open.values()) open.close();
    this.#open.clear();
  }

  #openRoad(road: Road): void {
    const address = this.hello?.roads.find(({ id }) => id === road);
    if (!address?.available) return;
    this.continuity[road].begin();
    const open = openRoad(address, location.hostname, () => this.period, {
      tick: ({ n }) => {
        this.continuity[road].add(n);
        this.arrivals[road].add(performance.now());
      },
      state: (state) => (this.states[road] = state),
    });
    this.#open.set(road, open);
  }

  #took(message: FromServer): void {
    switch (message.type) {
      case "hello":
        return this.#greeted(message);
      case "numbers":
        return this.#counted(message);
      case "seen":
        for (const [index, , delay] of message.items) {
          const road = ROADS[index];
          if (!road) continue;
          if (this.#at > 0) this.series[road].delay.add(Math.floor(this.#at / 1_000), delay);
          for (const delays of this.#measuring) {
            if (delays[road].length < DELAYS_KEPT) delays[road].push(delay);
          }
        }
        return;
      case "wire":
        if (message.road !== this.watched || this.isPaused) return;
        this.#passing.push(...message.records);
        this.#droppedSince += message.dropped;
        this.#showing ??= setTimeout(() => this.#show(), SHOWN_EVERY_MS);
        return;
      case "handshake":
        this.handshakes = { ...this.handshakes, [message.road]: message };
        return;
      case "raced":
        this.raced = message;
        return;
      case "refused":
        this.refusal = refusalText(message, { ...this.settings, ...this.#asked }, this.limits);
        // What the page has shown in advance is not so.
        this.#askedAt = Number.NEGATIVE_INFINITY;
        if (message.of === "set") {
          this.settings = this.#told;
          this.#asked = {};
        }
        if (message.of === "line") this.#showLines();
        if (message.of === "race") this.racedFrom = 0;
    }
  }

  /** Shows what has passed the watched road since the last time. */
  #show(): void {
    this.#showing = undefined;
    if (!this.isPaused) {
      this.records = [...this.records, ...this.#passing].slice(-RECORDS_KEPT);
      this.dropped += this.#droppedSince;
    }
    this.#passing = [];
    this.#droppedSince = 0;
  }

  /** Shows the lines that hold. */
  #showLines(): void {
    for (const road of ROADS) {
      const { delay_ms, bytes_per_second } = this.#toldLines[road];
      const shown = this.lines[road];
      if (shown.delay_ms !== delay_ms) shown.delay_ms = delay_ms;
      if (shown.bytes_per_second !== bytes_per_second) shown.bytes_per_second = bytes_per_second;
    }
  }

  /** Begins with an empty view of the wire. */
  #forget(): void {
    this.records = [];
    this.dropped = 0;
    clearTimeout(this.#showing);
    this.#showing = undefined;
    this.#passing = [];
    this.#droppedSince = 0;
  }

  #greeted(hello: Hello): void {
    this.#closeRoads();
    this.hello = hello;
    this.settings = this.#told = hello.settings;
    this.numbers = this.rates = this.raced = null;
    this.#at = 0;
    this.#askedAt = Number.NEGATIVE_INFINITY;
    this.#asked = {};
    this.racedFrom = 0;
    this.refusal = "";
    this.#forget();
    this.handshakes = {};
    // The server's visit is a new one: what this page had asked for, it asks for again.
    if (this.watched) this.#control.send({ type: "watch", road: this.watched });
    for (const road of ROADS) {
      this.#toldLines[road] = { delay_ms: 0, bytes_per_second: 0 };
      this.continuity[road].reset();
      for (const series of Object.values(this.series[road])) series.clear();
      this.states[road] = "connecting";
      this.#openRoad(road);
    }
    this.#showLines();
  }

  #counted({ at, roads, settings }: Extract<FromServer, { type: "numbers" }>): void {
    const second = Math.floor(at / 1_000);
    const isNewSecond = second > Math.floor(this.#at / 1_000);
    for (const road of ROADS) {
      const now = roads[road];
      const before = this.numbers?.[road];
      if (!now || !before) continue;
      const { requests, headers, payload } = this.series[road];
      requests.add(second, Math.max(0, now.requests - before.requests));
      headers.add(second, Math.max(0, now.header_bytes - before.header_bytes));
      payload.add(second, Math.max(0, now.payload_bytes - before.payload_bytes));
    }
    this.#at = at;
    this.numbers = roads;
    this.#told = settings;
    if (holds(settings, this.#asked)) this.#asked = {};
    for (const road of ROADS) this.#toldLines[road] = roads[road].line;
    if (performance.now() - this.#askedAt > ASKED_MS) this.#showHeld();
    if (isNewSecond) this.#ended(second);
    for (const done of this.#waiting) done();
  }

  /** Shows what holds, where it is not what is shown. */
  #showHeld(): void {
    if (!holds(this.settings, this.#told)) this.settings = this.#told;
    this.#showLines();
  }

  #ended(second: number): void {
    const rates = perRoad(() => ({}) as Record<Metric, number | null>);
    const missed = perRoad(() => 0);
    for (const road of ROADS) {
      const series = this.series[road];
      rates[road] = {
        requests: series.requests.sum(second - 1),
        headers: series.headers.sum(second - 1),
        payload: series.payload.sum(second - 1),
        // A poll once a second can miss a second by a hair: then that of the one before is shown.
        delay: series.delay.mean(second - 1) ?? series.delay.mean(second - 2),
      };
      missed[road] = this.continuity[road].missed;
    }
    this.rates = rates;
    this.missed = missed;
    this.second = second;
  }
}

/** Whether the settings have these values. */
function holds(settings: Settings, values: Partial<Settings>): boolean {
  return Object.entries(values).every(([name, value]) => settings[name as keyof Settings] === value);
}
