import { type Picture, PICTURES_MAX } from "../contract.ts";
import type { Picture as ShownPicture, PictureUpload } from "../design/rows.ts";
import { newKey } from "../random.ts";
import { isRefused, type Problem } from "../refusal.ts";
import { mayRetry, PICTURE_BYTES_MAX, refusalOf } from "./picture-limits.ts";

/** How many are on their way at once: the order of the rest is that in which they were chosen. */
const SENDING_MAX = 2;
/** What is noted while pictures are on their way, which a reload ends. */
const NOTE = "uploads";

/** Sends a file, and tells how far it is. Rejects with a `Problem`. */
export type Send = (room: string, file: Blob, signal: AbortSignal, progress: (share: number) => void) => Promise<Picture>;

/**
 * What is sent in a file's place, which may be the file. `starting` is called before what takes time. Never rejects.
 */
export type Prepare = (file: Blob, bytesMax: number, signal: AbortSignal, starting: () => void) => Blob | Promise<Blob>;

/** A picture that was chosen, on its way to the server or there already. */
export class Upload implements PictureUpload {
  readonly key = newKey();
  progress = $state(0);
  state = $state<PictureUpload["state"]>("waiting");
  problem = $state.raw<Problem>();
  /** Pixels; nought until it is known. */
  size = $state.raw({ width: 0, height: 0 });
  /** What the server calls it. */
  picture = $state.raw<Picture>();
  /** Where it can be shown from until then. */
  readonly src: string;
  /** What is sent of it, once that is known. */
  prepared?: Blob;
  aborting = new AbortController();

  constructor(
    private readonly uploads: { retry(upload: Upload): void; cancel(upload: Upload): void },
    readonly room: string,
    readonly file: File,
    /** The most bytes that the server takes. */
    readonly bytesMax: number,
  ) {
    this.src = URL.createObjectURL(file);
  }

  get name(): string {
    return this.file.name;
  }

  /** Whether trying again may help: what is wrong with the file itself stays so. */
  get mayRetry(): boolean {
    return this.state === "failed" && mayRetry(this.problem?.code ?? "");
  }

  retry(): void {
    this.uploads.retry(this);
  }

  cancel(): void {
    this.uploads.cancel(this);
  }

  /** As it is shown in a message that waits for it. */
  get shown(): ShownPicture {
    const { key: id, src, size, file } = this;
    return { id, ...size, isAnimated: file.type === "image/gif", src, thumbnail: src, upload: this };
  }
}

/** A message that was sent before its pictures were there, and goes out when they are. */
export class Held<What> {
  constructor(
    readonly room: string,
    /** What was given along: the text, what it answers, its key. */
    readonly what: What,
    readonly uploads: readonly Upload[],
    /** Whether there is something to send without pictures. */
    readonly hasText: boolean,
  ) {}

  /** What is shown of them; a new list only when there are others. */
  pictures: readonly ShownPicture[] = $derived.by(() => this.uploads.map((upload) => upload.shown));
}

interface Options<What> {
  /** All pictures of a held message are there: it can be sent. */
  deliver: (held: Held<What>, pictures: readonly Picture[]) => void;
  send?: Send;
  prepare?: Prepare;
}

/**
 * The pictures of the page that are on their way: those chosen in each room, and those of messages that were sent
 * before they were there. They go on while another room is shown, and end with the page.
 */
export class Uploads<What = unknown> {
  /** How many pictures were on their way when the page was loaded again: these are not sent. */
  readonly lost: number;
  private chosen = $state.raw<readonly Upload[]>([]);
  private waiting = $state.raw<readonly Held<What>[]>([]);
  private readonly send: Send;
  private readonly prepare: Prepare;

  constructor(private readonly options: Options<What>) {
    this.send = options.send ?? sendByRequest;
    this.prepare = options.prepare ?? prepareByDrawing;
    this.lost = Number(noted() ?? 0) || 0;
    note(0);
  }

  /** Those chosen in a room for the message that is being written. */
  of(room: string): readonly Upload[] {
    return this.chosen.filter((upload) => upload.room === room);
  }

  /** The messages of a room that wait for their pictures, in order. */
  held(room: string): readonly Held<What>[] {
    return this.waiting.filter((held) => held.room === room);
  }

  /** Whether something would be lost by leaving the page. */
  get isBusy(): boolean {
    return this.chosen.length > 0 || this.waiting.length > 0;
  }

  /** Takes files for the message that is being written. What cannot be sent is said at once, in its place. */
  add(room: string, files: Iterable<File>, bytesMax = PICTURE_BYTES_MAX): void {
    for (const file of files) {
      const upload = new Upload(this, room, file, bytesMax);
      const count = this.of(room).filter(({ state }) => state !== "failed").length;
      const code = refusalOf(file, bytesMax) ?? (count >= PICTURES_MAX ? "too_many_pictures" : undefined);
      if (code !== undefined) this.failed(upload, { code });
      this.chosen = [...this.chosen, upload];
      measure(upload);
    }
    this.go();
  }

  /**
   * Sends the message with the pictures that were chosen in its room, as soon as they are there. Undefined when there
   * are none.
   */
  hold(room: string, what: What, hasText: boolean): Held<What> | undefined {
    const uploads = this.of(room);
    if (uploads.length === 0) return undefined;
    const held = new Held(room, what, uploads, hasText);
    this.chosen = this.chosen.filter((upload) => upload.room !== room);
    this.waiting = [...this.waiting, held];
    this.settle();
    return held;
  }

  /** Tries again what has failed. */
  retry(upload: Upload): void {
    if (!upload.mayRetry) return;
    upload.problem = undefined;
    upload.progress = 0;
    upload.state = "waiting";
    this.go();
  }

  /** Gives a picture up. A message that has nothing else then is none. */
  cancel(upload: Upload): void {
    upload.aborting.abort();
    URL.revokeObjectURL(upload.src);
    this.chosen = this.chosen.filter((one) => one !== upload);
    this.waiting = this.waiting.flatMap((held) => {
      if (!held.uploads.includes(upload)) return held;
      const rest = held.uploads.filter((one) => one !== upload);
      return rest.length > 0 || held.hasText ? new Held(held.room, held.what, rest, held.hasText) : [];
    });
    this.settle();
    this.go();
  }

  /** Gives up a message with all its pictures. */
  drop(held: Held<What>): void {
    this.waiting = this.waiting.filter((one) => one !== held);
    for (const upload of held.uploads) this.cancel(upload);
  }

  /** Gives up everything: the session is over. */
  end(): void {
    for (const upload of this.all()) this.cancel(upload);
  }

  private all(): Upload[] {
    return [...this.waiting.flatMap(({ uploads }) => uploads), ...this.chosen];
  }

  /** Sends as many as may be on their way, those of messages that wait first. */
  private go(): void {
    const all = this.all();
    note(all.length);
    let sending = all.filter(({ state }) => state === "sending" || state === "preparing").length;
    for (const upload of all) {
      if (sending >= SENDING_MAX) break;
      if (upload.state !== "waiting") continue;
      sending++;
      void this.carry(upload);
    }
  }

  private async carry(upload: Upload): Promise<void> {
    upload.state = "sending";
    upload.aborting = new AbortController();
    const { signal } = upload.aborting;
    try {
      const file = upload.prepared ?? this.prepare(upload.file, upload.bytesMax, signal, () => (upload.state = "preparing"));
      upload.prepared = file instanceof Promise ? await file : file;
      signal.throwIfAborted();
      if (upload.prepared.size > upload.bytesMax) throw { code: "file_too_large" };
      upload.state = "sending";
      upload.picture = await this.send(upload.room, upload.prepared, signal, (share) => (upload.progress = share));
      upload.progress = 1;
      upload.state = "done";
    } catch (problem) {
      if (signal.aborted) return;
      this.failed(upload, isProblem(problem) ? problem : { code: "other" });
    }
    this.settle();
    this.go();
  }

  private failed(upload: Upload, problem: Problem): void {
    upload.problem = problem;
    upload.state = "failed";
  }

  /** Delivers the messages whose pictures are all there. One does not wait for another. */
  private settle(): void {
    const isReady = ({ uploads }: Held<What>) => uploads.every(({ state }) => state === "done");
    const ready = this.waiting.filter(isReady);
    if (ready.length === 0) return;
    this.waiting = this.waiting.filter((held) => !isReady(held));
    note(this.all().length);
    for (const held of ready) {
      this.options.deliver(held, held.uploads.map(({ picture }) => picture!));
      for (const { src } of held.uploads) URL.revokeObjectURL(src);
    }
  }
}

function isProblem(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "code" in error;
}

function measure(upload: Upload): void {
  if (typeof Image === "undefined") return;
  const image = new Image();
  image.onload = () => (upload.size = { width: image.naturalWidth, height: image.naturalHeight });
  image.src = upload.src;
}

/** What is large is made smaller; what does that is loaded with the first picture. */
const prepareByDrawing: Prepare = async (file, ...rest) => {
  try {
    return await (await import("./shrinking.ts")).prepare(file, ...rest);
  } catch {
    // The server says what is wrong with it.
    return file;
  }
};

/** `fetch` does not tell how far a body has gone. */
const sendByRequest: Send = (room, file, signal, progress) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/rooms/${encodeURIComponent(room)}/pictures`);
    // What the server tells its own pages from forms of others by.
    request.setRequestHeader("content-type", "application/octet-stream");
    request.responseType = "json";
    // The last part is the server's work.
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? (0.95 * loaded) / total : 0);
    request.onerror = request.ontimeout = () => reject({ code: "offline" });
    request.onload = () => {
      const answer: unknown = request.response;
      if (request.status < 300 && answer) resolve(answer as Picture);
      else if (isRefused(answer)) reject(answer.error);
      else reject({ code: codeOf(request.status) });
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });

function codeOf(status: number): string {
  if (status === 401) return "unauthorized";
  if (status === 413) return "file_too_large";
  return status === 502 || status === 503 || status === 504 ? "offline" : "other";
}

/** Of this tab alone; where the browser forbids it, nothing is said after a reload. */
function note(count: number): void {
  try {
    if (count > 0) sessionStorage.setItem(NOTE, String(count));
    else sessionStorage.removeItem(NOTE);
  } catch {
    // Then it is not.
  }
}

function noted(): string | null {
  try {
    return sessionStorage.getItem(NOTE);
  } catch {
    return null;
  }
}
