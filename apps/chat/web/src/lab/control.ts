import { CLOSE_FULL, CONTROL_PATH, type FromPage, type FromServer } from "./contract.ts";

export type ControlState = "connecting" | "open" | "lost" | "full";

/** How long after a loss the control WebSocket is tried again. */
const RETRY_MS = 1_000;

/** The message in a text, or `null` when it is none that this page knows. */
export function messageIn(text: string): FromServer | null {
  const known = ["hello", "numbers", "seen", "wire", "handshake", "raced", "refused"];
  try {
    const message = JSON.parse(text) as FromServer | null;
    return message && known.includes(message.type) ? message : null;
  } catch {
    return null;
  }
}

/** The control WebSocket: one visit while it lasts, and another when it comes back. */
export class Control {
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(
    readonly state: (state: ControlState) => void,
    readonly take: (message: FromServer) => void,
    readonly connect = () => new WebSocket(`${location.origin.replace(/^http/, "ws")}${CONTROL_PATH}`),
  ) {
    this.#open();
  }

  /** Sends, when there is somebody to send to. */
  send(message: FromPage): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #open(): void {
    const socket = this.connect();
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const message = this.#isClosed ? null : messageIn(String(data));
      if (!message) return;
      if (message.type === "hello") this.state("open");
      this.take(message);
    };
    socket.onclose = ({ code }) => {
      if (this.#isClosed) return;
      this.state(code === CLOSE_FULL ? "full" : "lost");
      this.#timer = setTimeout(() => this.#open(), RETRY_MS);
    };
  }
}
