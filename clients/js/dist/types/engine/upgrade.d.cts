import type { Carrier } from "./carrier.cjs";
/** Tries several transports; the first one that works is taken. */
export declare function probeAll(engine: Carrier, names: string[]): void;
/**
 * Tries another transport beside the one in use (Engine.IO v4 "Upgrade"):
 *
 * | this side                          | server                                     |
 * |------------------------------------|--------------------------------------------|
 * | opens it, sends `2probe`           | `3probe`, answers a waiting poll with noop |
 * | stops sending, lets the poll and the POST under way end, sends `5` | sends by the new one |
 *
 * If it fails before `5` the session goes on as it was.
 */
export declare function probe(engine: Carrier, name: string): void;
