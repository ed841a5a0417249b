import { NICKNAME_CHARS_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN } from "../contract.ts";
import { normalized, problemOf as nameProblemOf } from "../names.ts";
import type { Problem } from "../refusal.ts";

/** The field beside which a refusal is told; `undefined` is below them all. */
export function fieldOf(code: string): "name" | "password" | undefined {
  if (code.startsWith("name_")) return "name";
  if (code.startsWith("password_") || code === "wrong_login" || code === "wrong_password") return "password";
  return undefined;
}

/** What is wrong with the name of somebody, as the server would say it. */
export function problemOfName(name: string): Problem | undefined {
  const problem = nameProblemOf(normalized(name), NICKNAME_CHARS_MAX);
  return problem && { code: `name_${problem}` };
}

/** What is wrong with a new password, as the server would say it. */
export function problemOfPassword(password: string): Problem | undefined {
  if ([...password].length < PASSWORD_CHARS_MIN) return { code: "password_short" };
  if (new TextEncoder().encode(password).length > PASSWORD_BYTES_MAX) return { code: "password_long" };
  return undefined;
}
