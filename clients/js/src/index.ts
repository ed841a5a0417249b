// All of the library: what pages, bundlers and Node get unless they ask for less.

import "./features/catch-all.js";
import "./features/limit.js";
import "./features/page.js";
import "./features/retries.js";

export * from "./core.js";
export { io as default } from "./core.js";
export type { PayloadTooLarge } from "./features/limit.js";
