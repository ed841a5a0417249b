import { locale } from "../language.ts";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** So many bytes, in the unit that suits them. */
export function sizeOf(bytes: number): string {
  let unit = 0;
  let size = bytes;
  for (; size >= 999.5 && unit < UNITS.length - 1; unit++) size /= 1000;
  const maximumFractionDigits = unit === 0 || size >= 99.5 ? 0 : 1;
  const style = { style: "unit", unit: UNITS[unit]!, unitDisplay: "short", maximumFractionDigits } as const;
  return new Intl.NumberFormat(locale, style).format(size);
}
