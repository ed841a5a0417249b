import type { Row } from "../rows.ts";

/** What was seen of a flood, for whoever measures: `window.flooded`. */
export interface Flooded {
  messages: number;
  /** Lengths of the tasks over 50 ms after the first second, milliseconds. */
  longTasks: number[];
  frames: number;
  /** The longest time between two pictures after the first second, milliseconds. */
  frameMax: number;
  /** From when a message came to when it could be seen, milliseconds. */
  delay: { p50: number; p99: number; max: number };
  /** How far what somebody reads further up has moved, pixels, and in how many pictures that was asked. */
  movedMax: number;
  reads: number;
  /** Lines in the page at the end. */
  elements: number;
}

declare global {
  interface Window {
    flooded?: Flooded;
  }
}

interface Options {
  /** Messages a second. */
  rate: number;
  seconds: number;
  /** Whether the reader scrolls up after the first second and reads there. */
  isReading: boolean;
  show: (rows: Row[]) => void;
  log: () => HTMLElement | undefined;
}

/** How often a reader is looked at before the flood ends, however slow the machine is. */
const READS_MIN = 30;

/** Pours messages into a page as a socket would: one at a time, whenever its time has come. */
export function flood({ rate, seconds, isReading, show, log }: Options): () => void {
  const rows: Row[] = [];
  const total = rate * seconds;
  /** When each came, and how many of them were seen. */
  const came: number[] = [];
  let shown = 0;
  const delays: number[] = [];
  const longTasks: number[] = [];
  const start = performance.now();
  let frames = 0;
  let frameMax = 0;
  let lastFrame = start;
  let hasScrolled = false;
  let read: { key: string; top: number } | undefined;
  let movedMax = 0;
  let reads = 0;

  const hasEnough = () => rows.length >= total && (!isReading || reads >= READS_MIN);

  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      if (startTime > start + 1000) longTasks.push(Math.round(duration));
    }
  });
  observer.observe({ type: "longtask" });

  const channel = new MessageChannel();
  let timer: ReturnType<typeof setTimeout>;
  channel.port1.onmessage = () => {
    const due = Math.floor(((performance.now() - start) / 1000) * rate);
    // Each is given to the page by itself, as each packet of a socket is.
    while (rows.length < due && !hasEnough()) {
      const n = rows.length + 1;
      rows.push(message(n));
      came.push(performance.now());
      show(rows.slice());
    }
    if (!hasEnough()) timer = setTimeout(() => channel.port2.postMessage(0), 4);
  };
  channel.port2.postMessage(0);

  const frame = (now: number) => {
    // For whoever traces: from here on it counts.
    if (lastFrame <= start + 1000 && now > start + 1000) performance.mark("flood-is-on");
    frames++;
    if (lastFrame > start + 1000) frameMax = Math.max(frameMax, now - lastFrame);
    lastFrame = now;
    const element = log();
    if (element) look(element);
    if (hasEnough() && (shown === rows.length || isReading)) finish();
    else handle = requestAnimationFrame(frame);
  };
  let handle = requestAnimationFrame(frame);

  function look(element: HTMLElement): void {
    const lines = element.querySelectorAll<HTMLElement>("[data-line]");
    // What came before the newest that is drawn is there too, be it beyond what is drawn.
    const newest = Number(lines[lines.length - 1]?.dataset.line?.slice(1) ?? 0);
    for (; shown < newest; shown++) delays.push(performance.now() - came[shown]!);
    if (!isReading) return;
    if (!hasScrolled) {
      hasScrolled = performance.now() > start + 1000;
      if (hasScrolled) element.scrollTop = element.scrollHeight / 2;
      return;
    }
    // What is in the middle of what is seen, some pictures later.
    const isInSight = ({ top, bottom }: DOMRect) => top > element.clientHeight / 3 && bottom < element.clientHeight;
    const line = [...lines].find((one) => (read ? one.dataset.line === read.key : isInSight(one.getBoundingClientRect())));
    if (!line) return;
    const top = line.getBoundingClientRect().top;
    read ??= { key: line.dataset.line!, top };
    movedMax = Math.max(movedMax, Math.abs(top - read.top));
    reads++;
  }

  function finish(): void {
    delays.sort((one, other) => one - other);
    const part = (share: number) => Math.round(delays[Math.floor(delays.length * share)] ?? 0);
    for (const { startTime, duration } of observer.takeRecords()) {
      if (startTime > start + 1000) longTasks.push(Math.round(duration));
    }
    window.flooded = {
      messages: rows.length,
      longTasks,
      frames,
      frameMax: Math.round(frameMax),
      delay: { p50: part(0.5), p99: part(0.99), max: Math.round(delays.at(-1) ?? 0) },
      movedMax,
      reads,
      elements: log()?.querySelectorAll("[data-line]").length ?? 0,
    };
  }

  return () => {
    observer.disconnect();
    clearTimeout(timer);
    cancelAnimationFrame(handle);
  };
}

function message(n: number): Row {
  const person = n % 5;
  const text = n % 9 === 0 ? `${n} https://www.example.com/a/b?c=d&e=${n}` : n % 4 === 0 ? `${n} 한국어 메시지입니다. 조금 더 길게 이어지는 문장도 있습니다.` : `${n} hello`;
  return { kind: "message", key: `m${n}`, id: n, person: `p${person}`, name: `Person ${person}`, text, at: Date.now(), isOwn: person === 0, state: "stored" };
}
