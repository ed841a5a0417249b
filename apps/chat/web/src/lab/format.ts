import { language } from "../language.ts";

/** Three digits that matter at most, as the page's language writes them. */
const number = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });

/** A count. */
export function count(value: number): string {
  return whole.format(value);
}

/** A figure, to three digits. */
export function figure(value: number): string {
  return Math.abs(value) >= 1_000 ? whole.format(value) : number.format(value);
}

/** Bytes with the unit that suits them, of 1,000. */
export function bytes(value: number): string {
  if (Math.abs(value) < 1_000) return `${number.format(value)} B`;
  return Math.abs(value) < 1_000_000
    ? `${number.format(value / 1_000)} kB`
    : `${number.format(value / 1_000_000)} MB`;
}

/** Milliseconds, or seconds from a thousand on. */
export function milliseconds(value: number): string {
  if (Math.abs(value) >= 1_000) return `${number.format(value / 1_000)} s`;
  return `${value < 10 ? number.format(Math.round(value * 10) / 10) : whole.format(value)} ms`;
}
