import { Arrivals } from "./arrivals.ts";
import { Continuity } from "./continuity.ts";
import { Control, type ControlState } from "./control.ts";
import {
  type FromPage, type FromServer, type Limits, type Road, type RoadChoice, ROADS, type RoadNumbers,
  type Settings, type WireRecord,
} from "./contract.ts";
import { type Bench, type Window, windowOf } from "./bench.ts";
import { openRoad } from "./roads/open.ts";
import type { OpenRoad, State } from "./roads/road.ts";
import { Series } from "./series.ts";

export type Metric = "requests" | "headers" | "payload" | "delay";
export const METRICS: readonly Metric[] = ["requests", "headers", "payload", "delay"];

type Hello = Extract<FromServer, { type: "hello" }>;
type Raced = Extract<FromServer, { type: "raced" }>;
type Handshake = Extract<FromServer, { type: "handshake" }>;
/** A slow network. */
export interface Slowness {
  delay_ms: number;
  bytes_per_second: number;
}

/** How many records the wire view keeps. */
const RECORDS_KEPT = 200;

const perRoad = <T>(make: () => T) => Object.fromEntries(ROADS.map((road) => [road, make()])) as Record<Road, T>;

/** The lab of this page: its control WebSocket, its roads, and all that was counted. */
export class Lab implements Bench {
  control = $state<ControlState>("connecting");
  hello = $state.raw<Hello | null>(null);
  settings = $state.raw<Settings>({ rate: 5, size: 200, burst: 1, running: true });
  numbers = $state.raw<Record<Road, RoadNumbers> | null>(null);
  /** Of the last whole second, by road. */
  rates = $state.raw<Record<Road, Record<Metric, number | null>> | null>(null);
  states = $state<Record<Road, State>>(perRoad(() => "connecting" as State));
  missed = $state.raw<Record<Road, number>>(perRoad(() => 0));
  lines = $state<Record<Road, Slowness>>(perRoad(() => ({ delay_ms: 0, bytes_per_second: 0 })));
  metric = $state<Metric>("delay");
  period = $state(1_000);
  raced = $state.raw<Raced | null>(null);
  refusal = $state("");
  watched = $state<Road | null>(null);
  records = $state.raw<WireRecord[]>([]);
  dropped = $state(0);
  handshakes = $state.raw<Partial<Record<Road, Handshake>>>({});
  /** Grows with each second that ended: plots are drawn then. */
  second = $state(0);
  /** The ends of the axis that all plots share. */
  readonly arrivals = perRoad(() => new Arrivals());
  readonly continuity = perRoad(() => new Continuity());
  readonly series = perRoad(() => ({
    requests: new Series(), headers: new Series(), payload: new Series(), delay: new Series(),
  }));

  readonly #open = new Map<Road, OpenRoad>();
  readonly #control: Control;
  readonly #waiting = new Set<() => void>();
  #delays = perRoad(() => [] as number[]);
  #isMeasuring = false;
  #at = 0;

  constructor() {
    this.#control = new Control((state) => this.#turned(state), (message) => this.#took(message));
  }

  close(): void {
    this.#control.close();
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
    this.settings = { ...this.settings, ...settings };
    this.send({ type: "set", ...settings });
  }

  line(road: RoadChoice, line: Partial<Slowness>): void {
    for (const one of road === "all" ? ROADS : [road]) Object.assign(this.lines[one], line);
    this.send({ type: "line", road, ...line });
  }

  cut(road: RoadChoice, for_ms: number): void {
    this.send({ type: "cut", road, for_ms });
  }

  race(): void {
    this.raced = null;
    this.send({ type: "race" });
  }

  watch(road: Road | null): void {
    this.watched = road;
    this.records = [];
    this.dropped = 0;
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

  /** What passes on every road in so many milliseconds from now on. */
  async measure(milliseconds: number): Promise<Window> {
    const before = await this.#fresh();
    this.#delays = perRoad(() => []);
    this.#isMeasuring = true;
    const start = this.#at;
    const missed = perRoad(() => 0);
    for (const road of ROADS) missed[road] = this.continuity[road].missed;
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    const after = await this.#fresh();
    this.#isMeasuring = false;
    for (const road of ROADS) missed[road] = this.continuity[road].missed - missed[road];
    return windowOf(before, after, (this.#at - start) / 1_000, this.#delays, missed);
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
    if (!this.numbers) throw new Error("the lab's server does not answer");
    return this.numbers;
  }

  #turned(state: ControlState): void {
    this.control = state;
    if (state === "open") return;
    this.#closeRoads();
    for (const road of ROADS) this.states[road] = "lost";
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
          if (this.#isMeasuring && this.#delays[road].length < 5_000) this.#delays[road].push(delay);
        }
        return;
      case "wire":
        if (message.road !== this.watched) return;
        this.records = [...this.records, ...message.records].slice(-RECORDS_KEPT);
        this.dropped += message.dropped;
        return;
      case "handshake":
        this.handshakes = { ...this.handshakes, [message.road]: message };
        return;
      case "raced":
        this.raced = message;
        return;
      case "refused":
        this.refusal = message.message;
    }
  }

  #greeted(hello: Hello): void {
    this.#closeRoads();
    this.hello = hello;
    this.settings = hello.settings;
    this.numbers = this.rates = this.raced = null;
    this.#at = 0;
    this.watched = null;
    this.records = [];
    for (const road of ROADS) {
      Object.assign(this.lines[road], { delay_ms: 0, bytes_per_second: 0 });
      this.continuity[road].reset();
      for (const series of Object.values(this.series[road])) series.clear();
      this.states[road] = "connecting";
      this.#openRoad(road);
    }
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
    this.settings = settings;
    if (isNewSecond) this.#ended(second);
    for (const done of this.#waiting) done();
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
        delay: series.delay.mean(second - 1),
      };
      missed[road] = this.continuity[road].missed;
    }
    this.rates = rates;
    this.missed = missed;
    this.second = second;
  }
}
