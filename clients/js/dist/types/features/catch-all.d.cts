type AnyListener = (event: string, ...args: any[]) => void;
declare module "../socket.cjs" {
    interface Socket<Listen, Emit> {
        /** Calls `listener` with name and arguments of every event that arrives. */
        onAny(listener: AnyListener): this;
        /** As `onAny`, but before those that are there. */
        prependAny(listener: AnyListener): this;
        /** Removes a catch-all listener of `onAny`, or all of them. */
        offAny(listener?: AnyListener): this;
        /** The catch-all listeners of `onAny`. */
        listenersAny(): AnyListener[];
        /** Calls `listener` with name and arguments of every event that is sent; not for acknowledgements. */
        onAnyOutgoing(listener: AnyListener): this;
        /** As `onAnyOutgoing`, but before those that are there. */
        prependAnyOutgoing(listener: AnyListener): this;
        /** Removes a catch-all listener of `onAnyOutgoing`, or all of them. */
        offAnyOutgoing(listener?: AnyListener): this;
        /** The catch-all listeners of `onAnyOutgoing`. */
        listenersAnyOutgoing(): AnyListener[];
    }
}
export {};
