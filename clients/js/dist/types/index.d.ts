import { io } from "./core.js";
import "./features/catch-all.js";
import { PayloadTooLarge } from "./features/limit.js";
import "./features/page.js";
import "./features/retries.js";
import { nextTick } from "./timer.js";
export * from "./core.js";
export * from "./features/engine.js";
export { io as default, nextTick, PayloadTooLarge };
