/** How many steps a slider has. */
export const STEPS = 1_000;

/** From the position of a slider to a value and back. */
export interface Scale {
  min: number;
  max: number;
  /** Equal steps multiply, as suits values of many sizes; otherwise they add. */
  isLogarithmic?: boolean;
}

/** The position of a value, 0 to `STEPS`. */
export function positionOf(value: number, { min, max, isLogarithmic }: Scale): number {
  const share = isLogarithmic
    ? Math.log(Math.max(value, min) / min) / Math.log(max / min)
    : (value - min) / (max - min);
  return Math.round(Math.min(1, Math.max(0, share)) * STEPS);
}

/** The value of a position: within the bounds, and to two digits, which is what a hand can mean. */
export function valueAt(position: number, { min, max, isLogarithmic }: Scale): number {
  if (position <= 0) return min;
  if (position >= STEPS) return max;
  const share = position / STEPS;
  const value = isLogarithmic ? min * (max / min) ** share : min + (max - min) * share;
  return Math.min(max, Math.max(min, Number(value.toPrecision(2))));
}

/** A typed number within the bounds, or `null` where nothing or no number was typed. */
export function typed(text: string, { min, max }: Scale): number | null {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? Math.min(max, Math.max(min, value)) : null;
}
