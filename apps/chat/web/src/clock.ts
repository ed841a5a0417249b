import { say } from "./i18n.ts";
import { language, locale } from "./language.ts";

const time = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(locale, { dateStyle: "full" });
const shortDay = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric" });
const dayWithYear = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });

/** The time of day. */
export const timeOf = (at: number): string => time.format(at);
/** Day and time, for tables and narrow places. */
export const momentOf = (at: number): string => moment.format(at);
/** Day and time to the second. */
export const fullOf = (at: number): string => full.format(at);

/** The day in words; the words of the page where the browser's language is the page's. */
export function dayOf(at: number, now = Date.now()): string {
  const name = daysAgo(at, now) === 0 ? say("today") : daysAgo(at, now) === 1 ? say("yesterday") : "";
  return name && locale.toLowerCase().startsWith(language) ? name : day.format(at);
}

/** The time if it was today, else the day: for lists. */
export function briefOf(at: number, now = Date.now()): string {
  if (daysAgo(at, now) === 0) return time.format(at);
  const isThisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (isThisYear ? shortDay : dayWithYear).format(at);
}

/** Whole calendar days between then and now. */
function daysAgo(at: number, now: number): number {
  const midnight = (time: number) => new Date(time).setHours(0, 0, 0, 0);
  // Rounded, because a day with a change to or from summer time is not 24 hours long.
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}
