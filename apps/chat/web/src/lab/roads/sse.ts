import { EVENT } from "../contract.ts";
import { type OpenRoad, retryDelay, type Sink, tickOf, type World } from "./road.ts";

/** Server-Sent Events: the browser's own `EventSource`, which comes back where it was. */
export function openSse(url: string, sink: Sink, world: World): OpenRoad {
  let source: EventSource;
  let timer = 0;
  let failures = 0;
  let isClosed = false;
  let cursor = "now";

  function open(): void {
    source = new world.EventSource(`${url}?offset=${encodeURIComponent(cursor)}`);
    source.onopen = () => {
      failures = 0;
      sink.state("open");
    };
    source.addEventListener(EVENT, (event) => {
      cursor = event.lastEventId || cursor;
      const tick = tickOf(first(event.data as string));
      if (tick) sink.tick(tick);
    });
    source.onerror = () => {
      sink.state("lost");
      // After an answer that is an error the browser gives up for good.
      if (source.readyState !== 2 || isClosed) return;
      world.clearTimeout(timer);
      timer = world.setTimeout(open, retryDelay(failures));
      failures += 1;
    };
  }

  sink.state("connecting");
  open();
  return {
    close() {
      isClosed = true;
      world.clearTimeout(timer);
      source.close();
    },
  };
}

function first(text: string): unknown {
  try {
    return (JSON.parse(text) as unknown[])[0];
  } catch {
    return null;
  }
}
