import type { EventsMap } from "./events.js";
import type { Transport, TransportOptions } from "./engine/transport.js";
/** A transport's constructor. */
export type TransportClass = new (options: TransportOptions) => Transport;
/** Names of the transports that exist. */
export type TransportName = "polling" | "websocket" | "webtransport";
/** Options of the connection (Engine.IO), with their defaults. */
export interface EngineOptions {
    /** Host name, if not in the address. Default: the page's. */
    hostname?: string;
    /** Host name with or without port; `hostname` wins. */
    host?: string;
    /** Whether TLS is used, if not in the address. Default: as the page. */
    secure?: boolean;
    /** Port, if not in the address. Default: the page's, or that of the scheme. */
    port?: string | number;
    /** Query parameters of every request. */
    query?: string | object;
    /** Path on the server. Default `/socket.io` (`/engine.io` without Socket.IO). */
    path?: string;
    /** Whether the path ends with a slash. Default true. */
    addTrailingSlash?: boolean;
    /** Transports to use, the first one at first. Default `["polling", "websocket", "webtransport"]`. */
    transports?: (TransportName | TransportClass)[];
    /** Tries the next transport of the list when one fails to open. Default false. */
    tryAllTransports?: boolean;
    /**
     * Milliseconds that each transport may take to open before the next one is tried, with
     * `tryAllTransports`. Default: only `timeout`, for all of them together.
     */
    openTimeout?: number;
    /** Changes to a better transport of the list when the server offers it. Default true. */
    upgrade?: boolean;
    /** Starts with WebSocket if that worked the last time. Default false. */
    rememberUpgrade?: boolean;
    /** Options for one transport only; they replace the common ones. */
    transportOptions?: {
        [name: string]: Omit<EngineOptions, "transportOptions">;
    };
    /** Sends binary as base64 and asks the server to do so. Default false. */
    forceBase64?: boolean;
    /** Name of the query parameter that keeps caches away. Default `t`. */
    timestampParam?: string;
    /** Whether to send it: polling does unless this is false, WebSocket only if it is true. */
    timestampRequests?: boolean;
    /** Milliseconds after which a polling request is given up. Default 0: never. */
    requestTimeout?: number;
    /** Most bytes of an answer to a poll, of a WebTransport message, and with `ws`. Default 64 MiB. */
    receivedBytesMax?: number;
    /** Additional request headers. Browsers send them with polling only. */
    extraHeaders?: Record<string, string>;
    /** Sends cookies to other origins too; in Node returns those that the server set. Default false. */
    withCredentials?: boolean;
    /** Closes the connection when the page is about to unload. Default false. */
    closeOnBeforeunload?: boolean;
    /** Uses the timers that there were when the client was loaded, not what replaced them. Default false. */
    useNativeTimers?: boolean;
    /** WebSocket sub-protocols to offer. */
    protocols?: string | string[];
    /** Node: timers and sockets do not keep the process alive. Default false. */
    autoUnref?: boolean;
    /** Node: the agent for HTTP and `ws`. */
    agent?: unknown;
    /** Node: TLS client certificate and key, PKCS #12. */
    pfx?: unknown;
    /** Node: TLS private key. */
    key?: unknown;
    /** Node: passphrase of the key or the PKCS #12 bundle. */
    passphrase?: string;
    /** Node: TLS client certificate. */
    cert?: unknown;
    /** Node: certificate authorities to trust. */
    ca?: unknown;
    /** Node: TLS ciphers. */
    ciphers?: string;
    /** Node: whether the server's certificate must be valid. Default true. */
    rejectUnauthorized?: boolean;
    /** Node: local address to connect from. */
    localAddress?: string;
    /** Node with `ws`: compression, by default of messages from 1,024 bytes on; false: none. */
    perMessageDeflate?: boolean | {
        threshold?: number;
        [name: string]: unknown;
    };
    /** Node: IP version, 4 or 6. Default: either. */
    family?: number;
}
/** Classes that turn packets into messages and back, as those of `socket.io-parser`. */
export interface Parser {
    Encoder: new () => object;
    Decoder: new (options?: never) => object;
}
/** Options of a manager, with their defaults. */
export interface ManagerOptions extends EngineOptions {
    /** Reconnects when the connection is lost. Default true. */
    reconnection?: boolean;
    /** Attempts before giving up. Default: no limit. */
    reconnectionAttempts?: number;
    /** First delay in milliseconds; it doubles each time. Default 1000. */
    reconnectionDelay?: number;
    /** Longest delay in milliseconds. Default 5000. */
    reconnectionDelayMax?: number;
    /** Share of each delay that is random, 0 to 1. Default 0.5. */
    randomizationFactor?: number;
    /** Milliseconds that opening may take, or false for no limit. Default 20000. */
    timeout?: number | false;
    /** Connects at once, without `connect()`. Default true. */
    autoConnect?: boolean;
    /** Most binary attachments that a packet may announce. Default 10. */
    maxAttachments?: number;
    /** Encoder and decoder of packets. Default: JSON. */
    parser?: Parser;
}
/** What is sent with the CONNECT packet, or a function that provides it. */
export type Auth = object | ((provide: (auth: object) => void) => void);
/** Options of a socket, with their defaults. */
export interface SocketOptions {
    /** Sent when connecting, for the server to check. */
    auth?: Auth;
    /** Times a packet is sent again when no acknowledgement came. Default 0. */
    retries?: number;
    /** Milliseconds to wait for acknowledgements unless `timeout()` says otherwise. Default: no limit. */
    ackTimeout?: number;
}
/** Options of `io()`. */
export interface ConnectOptions extends ManagerOptions, SocketOptions {
    /** Makes a manager, and so a connection, of its own. Default false. */
    forceNew?: boolean;
    /** Shares the connection with other namespaces of the same server. Default true. */
    multiplex?: boolean;
}
/** Options of every kind, as user code may name them. */
export type AnyOptions<Extra extends EventsMap = {}> = Partial<ConnectOptions> & Extra;
