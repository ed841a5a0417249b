/** An event that waits for its answer. */
export interface StoredEvent {
    /** Its number in the outbox, from 1. */
    number: number;
    /** Name and arguments. */
    args: unknown[];
    /** Bytes that it counts for. */
    bytes: number;
    /** When it was emitted, in milliseconds as `Date.now()`. */
    time: number;
}
/** What a store holds. */
export interface StoredOutbox {
    /** The outbox's secret name, see `docs/reliable.md`. */
    id: string;
    /** The number of the next event. */
    next: number;
    /** Events without answer, in the order of their numbers. */
    events: StoredEvent[];
}
/**
 * Keeps one outbox. Nobody else uses it at the same time, but calls come while earlier ones are
 * under way: they take effect in their order.
 */
export interface OutboxStore {
    /** Whether it outlives the page. */
    readonly isDurable: boolean;
    /** What was kept, or a new outbox. */
    load(): Promise<StoredOutbox>;
    /** Keeps an event; the next one gets a number behind it. Resolves once it outlives the page. */
    add(event: StoredEvent): Promise<void>;
    /** Forgets events. */
    remove(numbers: number[]): Promise<void>;
    /** Lets others use it. */
    close(): void;
}
/**
 * The store is gone for good, as one that was closed under the page and cannot be opened again. The
 * outbox goes on in memory; what the store holds is the next page's.
 */
export declare class StoreLostError extends Error {
    /** What it failed with. */
    readonly cause: unknown;
    readonly name = "StoreLostError";
    constructor(
    /** What it failed with. */
    cause: unknown);
}
/** An outbox that ends with the page. */
export declare function memoryStore(): OutboxStore;
/**
 * An outbox in IndexedDB. Each page has one for itself, held by a lock (Web Locks); what a page
 * leaves behind, the next one takes over. Undefined where the platform lacks one or the other, as
 * pages without HTTPS do, where it may not be used, and where it does not answer within 5 seconds.
 */
export declare function indexedDbStore(name: string): Promise<OutboxStore | undefined>;
/** Web Locks, where IndexedDB is there, too. In some frames it is an error to look for them. */
export declare function locksHere(): LockManager | undefined;
/** 24 characters that nobody guesses. */
export declare function newId(): string;
