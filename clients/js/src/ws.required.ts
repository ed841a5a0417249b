// The package `ws`, for CommonJS. The build puts it in the place of `ws.ts` there.

/// <reference types="node" />

import type { WsConstructor } from "./ws.js";

export type { WsConstructor } from "./ws.js";

/** Loads its class; null if there is none. What stands in `try` may be missing for bundlers, too. */
export function loadWs(): WsConstructor | null {
  try {
    return require("ws");
  } catch {
    return null;
  }
}
