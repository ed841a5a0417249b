import { NamedEmitter } from "../named-emitter.js";
import type { EngineOptions, TransportClass } from "../options.js";
import { type BinaryType, startTimer, stopTimer } from "../platform.js";
import { parseQuery, type Query } from "../query.js";
import { nextTick } from "../timer.js";
import { ENGINE_PROTOCOL, type Packet, type PacketType, type RawData } from "./packet.js";
import type { EngineEvents, Handshake } from "./socket.js";
import type { CloseDetails, Transport } from "./transport.js";
import { probe, probeAll } from "./upgrade.js";

/** Transport constructors by name. The entry file fills it, so that unused ones cost nothing. */
export const transports: Record<string, TransportClass> = {};

/** From so many bytes that a peer has not read, its pings are not answered. */
const UNREAD_BYTES_MAX = 1024 * 1024;

/** Whether the last session had a working WebSocket, for `rememberUpgrade`. */
let websocketWorked = false;

/**
 * What carries the packets of an engine socket: one of several transports, which may fail and be
 * replaced by the next one, or by a better one; and the buffer before it. It is what engine sockets of
 * different builds differ in: where WebSocket is all there is, it is `websocket-carrier.ts`.
 */
export abstract class Carrier extends NamedEmitter<{}, {}, EngineEvents> {
  /** Session id, while there is one. */
  id?: string;
  /** The transport that messages leave by. */
  transport!: Transport;
  readyState!: "opening" | "open" | "closing" | "closed";
  /** Packets that no transport has confirmed to have passed on. */
  writeBuffer: Packet[] = [];
  /** Form of received binary messages. */
  abstract binaryType: BinaryType;
  /** Names of the transports that may be used, the first one at first. */
  transports!: string[];
  abstract readonly opts: EngineOptions;
  /** Whether another transport is taking over; nothing is sent meanwhile. */
  upgrading = false;
  /** Classes of the transports by name. The core has those that it was built with. */
  _transportsByName = FULL ? { ...transports } : transports;
  /** How many of the first packets of `writeBuffer` the transport has. */
  _prevBufferLen = 0;

  /** Most bytes of a polling payload that the server takes, if it said so. */
  _maxPayload?: number;

  // What the engine socket itself does.
  abstract _begin(handshake: Handshake): void;
  abstract _resetPingTimer(): void;
  abstract _giveUp(error: Error): void;
  abstract _onClose(reason: string, details?: CloseDetails | Error): void;

  /** Opens the first of the transports. */
  _open(): void {
    const { opts } = this;
    this.readyState = "opening";
    const names = (this.transports =
      this.transports ||
      (opts.transports || Object.keys(transports))
        .map((item) => {
          if (!FULL || typeof item === "string") return item as string;
          const { name } = item.prototype;
          this._transportsByName[name] = item;
          return name;
        })
        .filter((name) => this._transportsByName[name]));
    if (FULL && !names.length) {
      // Later, so that the caller can listen first.
      nextTick(() => this._onError(new Error("No transports available")));
      return;
    }
    const remembered = opts.rememberUpgrade && websocketWorked && names.includes("websocket");
    const transport = this._createTransport(remembered ? "websocket" : names[0]);
    this._setTransport(transport);
    const { openTimeout, tryAllTransports } = opts;
    if (FULL && tryAllTransports && openTimeout && names.length > 1) {
      // A proxy that holds a WebSocket and says nothing.
      const giveUp = () => {
        if (this.readyState !== "opening" || this.transport !== transport) return;
        transport.off().close();
        this._onError(new Error("timeout"));
      };
      const timer = startTimer(opts, giveUp, openTimeout);
      const stop = () => stopTimer(opts, timer);
      this.once("open", stop).once("close", stop);
    }
    nextTick(() => {
      if (this.readyState !== "closed") transport.open();
    });
  }

  /** A transport of this session that is not open yet. */
  _createTransport(name: string): Transport {
    const query: Query = {
      ...parseQuery(this.opts.query),
      EIO: ENGINE_PROTOCOL,
      transport: name,
      ...(this.id && { sid: this.id }),
    };
    return new this._transportsByName[name]({
      ...this.opts,
      query,
      socket: this,
      ...(this.opts.transportOptions?.[name] as object | undefined),
    });
  }

  /** Makes `transport` the one that messages go through. */
  _setTransport(transport: Transport): void {
    this.transport?.off();
    this.transport = transport
      .off()
      .on("drain", () => {
        this.writeBuffer.splice(0, this._prevBufferLen);
        this._prevBufferLen = 0;
        if (this.writeBuffer.length) this._flush();
        else this._emitReserved("drain");
      })
      .on("packet", (packet) => {
        try {
          this._onPacket(packet);
        } catch (error) {
          // No handshake.
          this._onError(error as Error);
        }
      })
      .on("error", (error) => this._onError(error))
      .on("close", (details) => this._onClose("transport close", details));
  }

  /** Ends an upgrade: what follows goes through `transport`. */
  _switchTo(transport: Transport): void {
    this._setTransport(transport);
    websocketWorked = transport.name === "websocket";
    transport.send([{ type: "upgrade" }]);
    this.upgrading = false;
    this._emitReserved("upgrade", transport);
    this._flush();
  }

  /** Hands waiting packets to the transport if it can take them. */
  _flush(): void {
    const { transport, writeBuffer } = this;
    if (transport.writable && !this.upgrading && writeBuffer.length) {
      this._prevBufferLen = writeBuffer.length;
      transport.send([...writeBuffer]);
      this._emitReserved("flush");
    }
  }

  /** Sends a message. */
  send(data: RawData, options?: Packet["options"]): this {
    this._sendPacket("message", data, options);
    return this;
  }

  private _sendPacket(type: PacketType, data?: RawData, options?: Packet["options"]): void {
    if (!this._isActive()) return;
    // One answer is enough for a flood of pings.
    if (FULL && type === "pong" && isFlooded(this)) return;
    const packet: Packet = { type, data, options };
    this._emitReserved("packetCreate", packet);
    this.writeBuffer.push(packet);
    this._flush();
  }

  private _onPacket(packet: Packet): void {
    const { type, data } = packet;
    this._emitReserved("packet", packet);
    this._emitReserved("heartbeat");
    if (type === "open") {
      if (this.readyState === "opening") this._onHandshake(data as string);
    } else if (type === "ping") {
      this._sendPacket("pong");
      this._resetPingTimer();
      this._emitReserved("ping");
      this._emitReserved("pong");
    } else if (type === "message") {
      this._emitReserved("data", data!);
      this._emitReserved("message", data!);
    } else if (type === "error") {
      this._onError(Object.assign(new Error("server error"), { code: data }));
    }
  }

  /** The session has begun: sends what waits, and tries the better transports that the server has. */
  private _onHandshake(text: string): void {
    const { name, pause, query } = this.transport;
    const handshake: Handshake = JSON.parse(text);
    query.sid = handshake.sid;
    this._maxPayload = handshake.maxPayload;
    if (FULL) {
      const { pingInterval, pingTimeout, upgrades } = handshake;
      // As programs find them in engine.io-client.
      Object.assign(this, { _pingInterval: pingInterval, _pingTimeout: pingTimeout, _upgrades: upgrades ?? [] });
    }
    websocketWorked = name === "websocket";
    this._begin(handshake);
    this._emitReserved("handshake", handshake);
    this._emitReserved("open");
    this._flush();
    // A transport that cannot pause cannot be left either.
    if (this.opts.upgrade === false || (FULL && !pause)) return;
    const names = this.transports.filter((other) => other !== name && handshake.upgrades?.includes?.(other));
    if (FULL) return probeAll(this, names);
    for (const other of names) {
      // A listener may have closed the session.
      if (this.readyState === "open") probe(this, other);
    }
  }

  /** Opening or open. */
  private _isActive(): boolean {
    return /^open/.test(this.readyState);
  }

  /** Opens the next transport if one could not be opened; otherwise the session ends. */
  _onError(error: Error): void {
    websocketWorked = false;
    if (this.opts.tryAllTransports && this.readyState === "opening" && this.transports.length > 1) {
      this.transports = this.transports.filter((name) => name !== this.transport.name);
      this._open();
    } else {
      this._giveUp(error);
    }
  }

  /** Ends the session when everything has been sent and no upgrade is under way. */
  close(): this {
    if (!this._isActive()) return this;
    this.readyState = "closing";
    const close = () => {
      if (this.writeBuffer.length) this.once("drain", close);
      else if (this.upgrading) this.once("upgrade", close).once("upgradeError", close);
      else this._onClose("forced close");
    };
    close();
    return this;
  }

  /** The session has ended. */
  _end(reason: string, details?: CloseDetails | Error): void {
    this.transport?.off().close();
    this.id = undefined;
    this._emitReserved("close", reason, details);
    // Only now: listeners may look at what was not sent.
    this.writeBuffer = [];
    this._prevBufferLen = 0;
  }
}

/** Whether a pong waits to be sent already, or the peer does not read. */
function isFlooded({ writeBuffer, _prevBufferLen, transport }: Carrier): boolean {
  const last = writeBuffer.length > _prevBufferLen && writeBuffer[writeBuffer.length - 1];
  return (last && last.type === "pong") || (transport as any).ws?.bufferedAmount > UNREAD_BYTES_MAX;
}
