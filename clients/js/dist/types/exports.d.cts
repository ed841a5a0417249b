import { io } from "./core.cjs";
import "./features/catch-all.cjs";
import { PayloadTooLarge } from "./features/limit.cjs";
import "./features/page.cjs";
import "./features/retries.cjs";
import { nextTick } from "./timer.cjs";
export * from "./core.cjs";
export * from "./features/engine.cjs";
export { io as default, nextTick, PayloadTooLarge };
