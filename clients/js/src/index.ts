// All of the library: what pages, bundlers and Node get unless they ask for less.

import { io } from "./core.js";
import "./features/catch-all.js";
import * as engine from "./features/engine.js";
import { PayloadTooLarge } from "./features/limit.js";
import "./features/internals.js";
import "./features/page.js";
import "./features/retries.js";
import { nextTick } from "./timer.js";

Object.assign(io, engine, { nextTick, PayloadTooLarge });

export * from "./core.js";
export * from "./features/engine.js";
export { io as default, nextTick, PayloadTooLarge };
