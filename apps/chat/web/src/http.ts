import { isRefused, RefusedError } from "./refusal.ts";

type Method = "GET" | "POST" | "PUT" | "DELETE";

/**
 * Asks the server for something below `/api`. Rejects with a `RefusedError`.
 * Where the server answers with nothing, so does this.
 */
export async function http<Answer = undefined>(method: Method, path: string, body: object = {}): Promise<Answer> {
  // The content type is what the server tells its own pages from forms of others by.
  const change = { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let text: string;
  let response: Response;
  try {
    response = await fetch(`/api/${path}`, method === "GET" ? {} : change);
    text = await response.text();
  } catch {
    throw new RefusedError({ code: "offline" });
  }
  const answer = parsed(text);
  if (response.ok) return answer as Answer;
  throw new RefusedError(isRefused(answer) ? answer.error : { code: codeOf(response.status) });
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    // A proxy on the way has answered with a page of its own.
    return undefined;
  }
}

function codeOf(status: number): string {
  if (status === 401) return "unauthorized";
  return status === 502 || status === 503 || status === 504 ? "offline" : "other";
}
