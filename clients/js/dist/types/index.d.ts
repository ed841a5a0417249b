import "./features/catch-all.js";
import "./features/limit.js";
import "./features/page.js";
import "./features/retries.js";
export * from "./core.js";
export { io as default } from "./core.js";
export type { PayloadTooLarge } from "./features/limit.js";
