import { type OpenRoad, retryDelay, type Sink, tickIn, type World } from "./road.ts";

/** What the browser's `WebSocket` and SockJS's have in common. */
export interface MessageSocket {
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  close(): void;
}

/** A socket that brings one event with each message, made anew by `connect` when it was lost. */
export function openSocket(connect: () => MessageSocket, sink: Sink, world: World): OpenRoad {
  let socket: MessageSocket;
  let timer = 0;
  let failures = 0;
  let isClosed = false;

  function open(): void {
    socket = connect();
    socket.onopen = () => {
      failures = 0;
      if (!isClosed) sink.state("open");
    };
    socket.onmessage = (event) => {
      const tick = isClosed || typeof event.data !== "string" ? null : tickIn(event.data);
      if (tick) sink.tick(tick);
    };
    socket.onclose = () => {
      if (isClosed) return;
      sink.state("lost");
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
      socket.close();
    },
  };
}

/** The browser's own `WebSocket`. */
export function openWebSocket(url: string, sink: Sink, world: World): OpenRoad {
  return openSocket(() => new world.WebSocket(url.replace(/^http/, "ws")), sink, world);
}
