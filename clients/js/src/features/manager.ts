import type { DefaultEventsMap, EventsMap } from "../events.js";
import { Manager as CoreManager, SETTINGS } from "../manager.js";
import type { ManagerOptions, SocketOptions } from "../options.js";
import type { Packet } from "../parser/packet.js";
import { timerFunctions } from "../timer.js";
import { checkSizes } from "./limit.js";
import { unwatch, watch } from "./page.js";
import { Socket } from "./socket.js";

/**
 * One connection to a server, reconnected when it is lost, shared by sockets of its namespaces.
 *
 * To the manager of the core it adds:
 *
 * - `socket`: makes sockets that have everything;
 * - `_packet`, on the way out: a packet that the server would not take is refused as a whole;
 * - `open`: the page is watched while there is a connection or one is to come; where a connection may
 *   turn out to stay closed, the watch ends.
 */
export class Manager<
  Listen extends EventsMap = DefaultEventsMap,
  Emit extends EventsMap = Listen,
> extends CoreManager<Listen, Emit> {
  /** Sockets by namespace. */
  declare nsps: Record<string, Socket>;

  constructor(uri?: string | Partial<ManagerOptions> | null, options?: Partial<ManagerOptions> | null) {
    super(uri, options);
    Object.assign(this, timerFunctions);
    for (const name of [...Object.keys(SETTINGS), "autoConnect"]) {
      // As programs find them in socket.io-client.
      Object.defineProperty(this, "_" + name, {
        get: () => (this.opts as any)[name],
        set: (value) => ((this.opts as any)[name] = value),
      });
    }
  }

  socket(nsp: string, options?: Partial<SocketOptions> | null): Socket<Listen, Emit> {
    this.nsps[nsp] ||= new Socket(this, nsp, options);
    return super.socket(nsp) as Socket<Listen, Emit>;
  }

  _packet(packet: Packet): void {
    const { engine } = this;
    const messages = this.encoder.encode(packet);
    checkSizes(messages, engine);
    for (const message of messages) engine.send(message, packet.options);
  }

  open(callback?: (error?: Error) => void): this {
    const { engine } = this;
    const settled: typeof callback = (error) => {
      try {
        callback!(error);
      } finally {
        unwatch(this);
      }
    };
    super.open(callback && settled);
    if (engine !== this.engine) watch(this);
    return this;
  }

  connect(callback?: (error?: Error) => void): this {
    return this.open(callback);
  }

  _maybeReconnectOnOpen(): void {
    super._maybeReconnectOnOpen();
    unwatch(this);
  }

  reconnect(): this {
    super.reconnect();
    unwatch(this);
    return this;
  }

  _attempt(): void {
    super._attempt();
    unwatch(this);
  }

  /** Same as `_close`. */
  disconnect(): void {
    this._close();
  }
}
