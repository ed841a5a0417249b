import { EVENT } from "../contract.ts";
import { type OpenRoad, retryDelay, type Sink, tickOf, type World } from "./road.ts";

/** How a feed is asked for its events. */
export interface Asking {
  /** Milliseconds between two requests; asked anew before each. */
  period(): number;
  /** How many seconds the server may hold a request; absent: it answers at once. */
  wait?: number;
}

/** HTTP polling, and with `wait` long polling: requests, one after another, from a cursor on. */
export function openPolling(url: string, asking: Asking, sink: Sink, world: World): OpenRoad {
  const gone = new AbortController();
  let cursor = "now";
  let failures = 0;
  let timer = 0;

  async function ask(): Promise<void> {
    const wait = asking.wait === undefined ? "" : `&wait=${asking.wait}`;
    try {
      const answer = await world.fetch(`${url}?offset=${encodeURIComponent(cursor)}${wait}`, {
        signal: gone.signal,
        cache: "no-store",
      });
      // Where it was is not kept any more: go on at the end, and the gap is counted.
      if (answer.status === 409 || answer.status === 410) cursor = "now";
      if (!answer.ok) throw new Error(`the feed answered ${answer.status}`);
      const items: unknown = await answer.json();
      const next = answer.headers.get("stream-next-offset");
      if (next === null) throw new Error("the feed did not say where to go on");
      cursor = next;
      failures = 0;
      sink.state("open");
      for (const item of Array.isArray(items) ? items : []) {
        const tick = item?.event === EVENT ? tickOf(item.data?.[0]) : null;
        if (tick) sink.tick(tick);
      }
      // An answer has a bound: the rest is asked for at once.
      const isBehind = !answer.headers.has("stream-up-to-date");
      again(asking.wait === undefined && !isBehind ? asking.period() : 0);
    } catch {
      if (gone.signal.aborted) return;
      sink.state("lost");
      again(retryDelay(failures));
      failures += 1;
    }
  }

  function again(milliseconds: number): void {
    if (!gone.signal.aborted) timer = world.setTimeout(() => void ask(), milliseconds);
  }

  sink.state("connecting");
  void ask();
  return {
    close() {
      gone.abort();
      world.clearTimeout(timer);
    },
  };
}
