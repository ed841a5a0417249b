declare module "../socket.cjs" {
    interface Socket<Listen, Emit> {
        /** Packets of the option `retries`, as functions that send them; the first one is under way. */
        _queue: (() => void)[];
        /** Whether the first one was sent on this connection. */
        _trying: boolean;
    }
    interface Flags {
        /** A try of the queue, not an event of the application. */
        fromQueue?: boolean;
    }
}
export {};
