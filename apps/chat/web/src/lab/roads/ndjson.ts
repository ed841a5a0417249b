import { EVENT } from "../contract.ts";
import { type OpenRoad, retryDelay, type Sink, tickOf, type World } from "./road.ts";

/** The most characters of a line that is not ended; a feed's lines are much shorter. */
const LINE_CHARS_MAX = 1 << 20;

/** Cuts a stream of text into its lines. */
export class Lines {
  #rest = "";

  /** The lines that end in this piece; throws when one is longer than a line can be. */
  push(piece: string): string[] {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LINE_CHARS_MAX) throw new Error("a line of the feed has no end");
    return lines.filter((line) => line.trim() !== "");
  }
}

/** HTTP streaming: one answer that goes on and on, a line for each event. */
export function openNdjson(url: string, sink: Sink, world: World): OpenRoad {
  const gone = new AbortController();
  let cursor = "now";
  let failures = 0;
  let timer = 0;

  async function read(): Promise<void> {
    try {
      const answer = await world.fetch(`${url}?offset=${encodeURIComponent(cursor)}`, {
        headers: { accept: "application/x-ndjson" },
        signal: gone.signal,
        cache: "no-store",
      });
      if (answer.status === 409 || answer.status === 410) cursor = "now";
      if (!answer.ok || !answer.body) throw new Error(`the feed answered ${answer.status}`);
      // Where it begins, should it be cut before the first event.
      cursor = answer.headers.get("stream-next-offset") ?? cursor;
      failures = 0;
      sink.state("open");
      await lines(answer.body);
    } catch {
      // Cut, or refused: below it is tried again.
    }
    if (gone.signal.aborted) return;
    sink.state("lost");
    timer = world.setTimeout(() => void read(), retryDelay(failures));
    failures += 1;
  }

  async function lines(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    const cut = new Lines();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const line of cut.push(decoder.decode(value, { stream: true }))) {
        const item = JSON.parse(line) as { id?: string; event?: string; data?: unknown[] };
        cursor = item.id ?? cursor;
        const tick = item.event === EVENT ? tickOf(item.data?.[0]) : null;
        if (tick) sink.tick(tick);
      }
    }
  }

  sink.state("connecting");
  void read();
  return {
    close() {
      gone.abort();
      world.clearTimeout(timer);
    },
  };
}
