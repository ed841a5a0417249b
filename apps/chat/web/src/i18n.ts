import * as accounts from "./accounts/words.ts";
import type { Refusal } from "./contract.ts";
import * as design from "./design/words.ts";
import * as invitations from "./invitations/words.ts";
import * as messages from "./messages/words.ts";
import * as presence from "./presence/words.ts";
import * as reading from "./reading/words.ts";
import * as refusals from "./refusal-words.ts";
import * as rooms from "./rooms/words.ts";
import * as page from "./words.ts";

/** Everything the page says from its beginning on, in English: each part brings its own words. */
export const english = {
  ...page.english,
  ...design.english,
  ...accounts.english,
  ...invitations.english,
  ...rooms.english,
  ...messages.english,
  ...presence.english,
  ...reading.english,
  ...refusals.english,
};

export type Text = keyof typeof english;

/** The same in Korean. */
export const korean: Record<Text, string> = {
  ...page.korean,
  ...design.korean,
  ...accounts.korean,
  ...invitations.korean,
  ...rooms.korean,
  ...messages.korean,
  ...presence.korean,
  ...reading.korean,
  ...refusals.korean,
};

/** The browser's language if the page speaks it, else English. */
export function languageOf(preferred: string): "ko" | "en" {
  return /^ko\b/i.test(preferred) ? "ko" : "en";
}

/** Dates and numbers follow the browser's own language, whether or not the page speaks it. */
export const locale = typeof navigator === "undefined" ? "en" : navigator.language;
export const language = languageOf(locale);

type Values = Record<string, string | number>;

/** Says what is in a table, in the browser's language. */
export function speaker<Word extends string>(
  english: Record<Word, string>,
  korean: Record<Word, string>,
): (text: Word, values?: Values) => string {
  const table = language === "ko" ? korean : english;
  return (text, values = {}) =>
    table[text].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** What the page says, in the browser's language. */
export const say = speaker(english, korean);

/** What to tell somebody about a refusal of the server, which may say when to try again. */
export function sayRefusal({ code, retry_after }: Pick<Refusal, "code" | "retry_after">): string {
  // Without a time it is not a matter of waiting.
  const text = code === "too_many_rooms" && retry_after === undefined ? "error_rooms_owned" : `error_${code}`;
  const values = { time: sayTime(retry_after ?? 1) };
  return say(text in english ? (text as Text) : "error_other", values);
}

/** So many seconds in words, in the unit that suits them. */
export function sayTime(seconds: number): string {
  const [unit, length] =
    seconds < 100 ? ["second", 1] : seconds < 6_000 ? ["minute", 60] : ["hour", 3_600];
  const format = { style: "unit", unit, unitDisplay: "long" } as const;
  return new Intl.NumberFormat(language, format).format(Math.ceil(seconds / length));
}
