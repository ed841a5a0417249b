// What an outbox keeps of an event's arguments: nothing that changes under it.

import { bytesOf, isBinary, isBlob, owned, readBytes } from "../engine/packet.js";

/**
 * A copy, but for Blobs, of what `emit` would send: `toJSON` of addresses and other objects is called
 * with the name that they have. Throws on what cannot be copied, such as functions.
 */
export function copyOf(value: unknown, name = ""): unknown {
  if (isBlob(value)) return value;
  // Pages of test runners do not have it.
  const clone = globalThis.structuredClone as typeof structuredClone | undefined;
  if (isBinary(value)) return clone ? clone(owned(value)) : bytesOf(value as ArrayBuffer).slice();
  // Dates stay what they are, for parsers that know them.
  const isSpoken = typeof (value as any)?.toJSON === "function" && !(value instanceof Date);
  // Only once, as in JSON: it may return the object itself.
  return isSpoken ? copyOfMembers((value as any).toJSON(name)) : copyOfMembers(value);
}

function copyOfMembers(value: any): any {
  if (Array.isArray(value)) return value.map((item, index) => copyOf(item, String(index)));
  if (isTree(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item, key)]));
  const clone = globalThis.structuredClone as typeof structuredClone | undefined;
  return clone && value instanceof Object ? clone(value) : value;
}

/** Puts their content in the place of files and other Blobs. Rejects if one cannot be read. */
export async function readFiles(args: unknown[]): Promise<void> {
  const reads: Promise<void>[] = [];
  const search = (of: any) => {
    for (const key of Object.keys(of)) {
      const value = of[key];
      if (isBlob(value)) reads.push(readBytes(value).then((bytes) => void (of[key] = bytes)));
      else if (isTree(value)) search(value);
    }
  };
  search(args);
  await Promise.all(reads);
}

/** Whether values are looked for in it: lists and objects, but none of those that the platform makes. */
function isTree(value: unknown): value is object {
  if (!value || typeof value !== "object" || isBinary(value)) return false;
  return Array.isArray(value) || Object.prototype.toString.call(value) === "[object Object]";
}
