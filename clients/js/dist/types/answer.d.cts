/** An answer that is an error: what a Sockeye server acknowledges with in the place of a value. */
export interface ErrorAnswer {
    error: {
        /** A word for programs, such as `decode`. */
        code: string;
        /** A sentence for people. */
        message: string;
        /** What else the server says of it. */
        data?: unknown;
    };
}
/** What an event is answered with by a server whose handler may fail: a value, or an error. */
export type Answer<Value> = Value | ErrorAnswer;
/** What is left of an answer when errors are not among it. */
export type WithoutError<Value> = Value extends ErrorAnswer ? keyof Value extends "error" ? never : Value : Value;
/** An error that the other side answered with; `request` rejects with it. */
export declare class RemoteError extends Error {
    readonly name = "RemoteError";
    /** A word for programs, such as `decode`. */
    readonly code: string;
    /** What else the server said of it; undefined if nothing. */
    readonly data?: unknown;
    constructor({ code, message, data }: ErrorAnswer["error"]);
    /** Also true of those that another copy of the library has made, as in `sockeye-client/outbox`. */
    static [Symbol.hasInstance](error: unknown): error is RemoteError;
}
/**
 * Whether an answer is an error: an object with nothing but `error`, in which `code` and `message` are
 * texts. Whatever else is in there, as a handler's own answer may have it, is a value.
 */
export declare function isErrorAnswer(answer: unknown): answer is ErrorAnswer;
/** The error that the arguments of an acknowledgement are: there is no other argument then. */
export declare const remoteErrorOf: ([answer, ...more]: unknown[]) => RemoteError | undefined;
