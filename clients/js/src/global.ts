// Entry of the script build: CommonJS, AMD, or the global `io`, whichever there is.

import lookup from "./index.js";

// For `import io from` by way of CommonJS.
const io = Object.assign(lookup, { default: lookup });

declare const module: { exports: unknown } | undefined;
declare const define: { (dependencies: [], factory: () => unknown): void; amd?: unknown };

if (typeof module === "object" && module.exports) module.exports = io;
else if (typeof define === "function" && define.amd) define([], () => io);
else (globalThis as any).io = io;
