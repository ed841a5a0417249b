import type { Refusal, Refused } from "./contract.ts";

/** What a refusal says to programs. */
export type Problem = Pick<Refusal, "code" | "retry_after">;

/** The server has refused something, or could not be asked: then the code is `offline`. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";

  constructor(readonly problem: Problem) {
    super(problem.code);
  }
}

/** Whether an answer says that something was refused. */
export function isRefused(answer: unknown): answer is Refused {
  return typeof answer === "object" && answer !== null && "error" in answer;
}

/** Why something has failed. */
export function problemOf(error: unknown): Problem {
  return error instanceof RefusedError ? error.problem : { code: "other" };
}

/** Whether waiting helps: the server will recover, or the connection will be back. */
export function isPassing({ code, retry_after }: Problem): boolean {
  return retry_after !== undefined || ["offline", "storage", "too_fast", "disk_full"].includes(code);
}
