/** The browser's language if the page speaks it, else English. */
export function languageOf(preferred: string): "ko" | "en" {
  return /^ko\b/i.test(preferred) ? "ko" : "en";
}

/** Dates and numbers follow the browser's own language, whether or not the page speaks it. */
export const locale = typeof navigator === "undefined" ? "en" : navigator.language;
export const language = languageOf(locale);

export type Values = Record<string, string | number>;

/** Says what is in a table. `{name}` is replaced by the value of that name. */
export function sayFrom<Word extends string>(table: Record<Word, string>): (text: Word, values?: Values) => string {
  return (text, values = {}) =>
    table[text].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Says what is in the table of the browser's language. */
export function speaker<Word extends string>(
  english: Record<Word, string>,
  korean: Record<Word, string>,
): (text: Word, values?: Values) => string {
  return sayFrom(language === "ko" ? korean : english);
}
