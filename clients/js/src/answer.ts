// Answers that are errors: what a server says in the place of a value, and what `request` makes of it.

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
export type WithoutError<Value> = Value extends ErrorAnswer
  ? keyof Value extends "error"
    ? never
    : Value
  : Value;

/** An error that the other side answered with; `request` rejects with it. */
export class RemoteError extends Error {
  readonly name = "RemoteError";
  /** A word for programs, such as `decode`. */
  readonly code: string;
  /** What else the server said of it; undefined if nothing. */
  readonly data?: unknown;

  constructor({ code, message, data }: ErrorAnswer["error"]) {
    super(message);
    this.code = code;
    this.data = data;
  }

  /** Also true of those that another copy of the library has made, as in `sockeye-client/outbox`. */
  static [Symbol.hasInstance](error: unknown): error is RemoteError {
    return (error as Error | undefined)?.name === "RemoteError";
  }
}

/**
 * Whether an answer is an error: an object with nothing but `error`, in which `code` and `message` are
 * texts. Whatever else is in there, as a handler's own answer may have it, is a value.
 */
export function isErrorAnswer(answer: unknown): answer is ErrorAnswer {
  const error = (answer as Partial<ErrorAnswer> | undefined)?.error;
  return (
    typeof error?.code === "string" &&
    typeof error.message === "string" &&
    Object.keys(answer as object).length === 1
  );
}

/** The error that the arguments of an acknowledgement are: there is no other argument then. */
export const remoteErrorOf = ([answer, ...more]: unknown[]): RemoteError | undefined =>
  more.length || !isErrorAnswer(answer) ? undefined : new RemoteError(answer.error);
