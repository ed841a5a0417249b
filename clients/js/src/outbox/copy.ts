// What an outbox keeps of an event's arguments: nothing that changes under it.

import { bytesOf, isBinary, isBlob, owned, readBytes } from "../engine/packet.js";

/** A copy, but for Blobs. Throws on what cannot be copied, such as functions. */
export function copyOf(value: any): any {
  if (isBlob(value)) return value;
  // Pages of test runners do not have it.
  const clone = globalThis.structuredClone as typeof structuredClone | undefined;
  if (isBinary(value)) return clone ? clone(owned(value)) : bytesOf(value as ArrayBuffer).slice();
  if (Array.isArray(value)) return value.map(copyOf);
  if (isTree(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item)]));
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

/** Whether values are looked for in it. */
function isTree(value: unknown): value is object {
  const prototype = value && typeof value === "object" && !isBinary(value) && Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
