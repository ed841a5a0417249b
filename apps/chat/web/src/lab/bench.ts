import { type Road, type RoadChoice, ROADS, type RoadNumbers, type Settings, type Slowness } from "./contract.ts";

/** What passed on one road in a window of time. */
export interface Passed {
  requests: number;
  header_bytes: number;
  payload_bytes: number;
  framing_bytes: number;
  upstream_bytes: number;
  downstream_bytes: number;
  events: number;
  /** How late the middle one was, in milliseconds; `null` when none passed. */
  delay_ms: number | null;
  /** Events that never came to the page. */
  missed: number;
}

/** What passed on all of them. */
export interface Window {
  seconds: number;
  roads: Record<Road, Passed>;
}

/** What a demonstration may do to the lab. */
export interface Bench {
  settings: Settings;
  period: number;
  lines: Record<Road, Slowness>;
  available(road: Road): boolean;
  set(settings: Partial<Settings>): void;
  line(road: RoadChoice, line: Partial<Slowness>): void;
  cut(road: RoadChoice, for_ms: number): void;
  reopen(road: Road): void;
  setPeriod(milliseconds: number): void;
  /** One request on a road, with this query and perhaps a body, and the text of its answer. */
  ask(road: Road, query: string, body?: string): Promise<string>;
  /** Waits until what was sent before has passed on every road. */
  settle(): Promise<void>;
  /** What passes on every road in so many milliseconds from now on; measurements may overlap. */
  measure(milliseconds: number): Promise<Window>;
}

/** The difference between two readings. */
export function windowOf(
  before: Record<Road, RoadNumbers>,
  after: Record<Road, RoadNumbers>,
  seconds: number,
  delays: Record<Road, number[]>,
  missed: Record<Road, number>,
): Window {
  const roads = Object.fromEntries(
    ROADS.map((road) => {
      const less = (name: keyof RoadNumbers) =>
        Math.max(0, (after[road][name] as number) - (before[road][name] as number));
      const passed: Passed = {
        requests: less("requests"),
        header_bytes: less("header_bytes"),
        payload_bytes: less("payload_bytes"),
        framing_bytes: less("framing_bytes"),
        upstream_bytes: less("upstream_bytes"),
        downstream_bytes: less("downstream_bytes"),
        events: less("events"),
        delay_ms: median(delays[road]),
        missed: missed[road],
      };
      return [road, passed];
    }),
  ) as Record<Road, Passed>;
  return { seconds, roads };
}

/** The middle one, or `null` of none. */
export function median(values: number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
