// The package `ws`, for ES modules. Bundlers find it here and take it along.

export type WsConstructor = new (url: string, protocols: string | string[], options: object) => any;

/** Loads its class; null if there is none. What stands in `try` may be missing for bundlers, too. */
export async function loadWs(): Promise<WsConstructor | null> {
  try {
    // @ts-ignore -- it has no types of its own
    const module: any = await import("ws");
    // Bundlers make different things of it.
    return module.WebSocket || module.default || module;
  } catch {
    return null;
  }
}
