import type { FromServer, Limits, Settings } from "./contract.ts";
import { bytes, count } from "./format.ts";
import { tell } from "./texts.ts";

type Refused = Extract<FromServer, { type: "refused" }>;

/**
 * Why the server has refused something and what to do, in the page's language; `settings` are those that
 * the page had asked for. What no control of the page can ask for is told as the server told it.
 */
export function refusalText({ of, message }: Refused, settings: Settings, limits: Limits | undefined): string {
  if (of === "race") return tell("refusedRace");
  if (of === "set" && limits) {
    const events = settings.rate * settings.burst;
    const { events_per_second_max, event_bytes_per_second_max } = limits;
    if (events > events_per_second_max) return tell("refusedEvents", { most: count(events_per_second_max) });
    if (events * settings.size > event_bytes_per_second_max) return tell("refusedBytes", { most: bytes(event_bytes_per_second_max) });
  }
  return tell("refused", { message });
}
