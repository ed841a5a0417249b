import { roundedUp } from "./series.ts";

/** The vertical axis that all plots share. */
export interface Axis {
  /** Whether its values are powers of ten: plots then show the logarithm. */
  isLogarithmic: boolean;
  /** Its ends, and where it has a line, as they are plotted. */
  from: number;
  to: number;
  splits: number[];
}

/** By how much values have to differ for powers of ten. */
const RATIO = 10;
/** What is less than this is shown as this where there are powers of ten. */
const LEAST = 0.1;

/**
 * The axis on which the values of all roads can be read: with `mayBeLogarithmic`, powers of ten
 * where what is usual on one road is more than ten times what is usual on another.
 */
export function axisOf(views: (number | null)[][], mayBeLogarithmic: boolean): Axis {
  const usual = views.map((view) => middle(view)).filter((value) => value > 0);
  const most = Math.max(0, ...views.map((view) => largest(view)));
  if (mayBeLogarithmic && Math.max(...usual) > RATIO * Math.min(...usual)) {
    let least = most;
    for (const view of views) for (const value of view) if (value) least = Math.min(least, value);
    const from = Math.floor(Math.log10(Math.max(LEAST, least)));
    const to = Math.max(from + 1, Math.ceil(Math.log10(most)));
    const splits = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    return { isLogarithmic: true, from, to, splits };
  }
  const to = roundedUp(most);
  return { isLogarithmic: false, from: 0, to, splits: [0, to / 2, to] };
}

/** A value as it is plotted on the axis. */
export function plotted(value: number | null, { isLogarithmic }: Axis): number | null {
  return value === null || !isLogarithmic ? value : Math.log10(Math.max(LEAST, value));
}

/** What a plotted value stands for. */
export function valueOf(plotted: number, { isLogarithmic }: Axis): number {
  return isLogarithmic ? 10 ** plotted : plotted;
}

/** Plotted values with a line over each second without one between two that have one: it is no cut. */
export function bridged(values: (number | null)[]): (number | null)[] {
  return values.map((value, index) => {
    const [before, after] = [values[index - 1] ?? null, values[index + 1] ?? null];
    return value ?? (before !== null && after !== null ? (before + after) / 2 : null);
  });
}

/** Where the values are that have none beside them. */
export function alone(values: ArrayLike<number | null | undefined>): number[] {
  const is = (index: number) => typeof values[index] === "number";
  return Array.from(values, (_, index) => index).filter((index) => is(index) && !is(index - 1) && !is(index + 1));
}

function largest(view: (number | null)[]): number {
  let most = 0;
  for (const value of view) most = Math.max(most, value ?? 0);
  return most;
}

/** The middle one, so that a moment in which all were late changes nothing; 0 of none. */
function middle(view: (number | null)[]): number {
  const sorted = view.filter((value) => value !== null).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
