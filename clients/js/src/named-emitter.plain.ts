// The build puts this in the place of `named-emitter.ts` for `websocket.esm.min.js`.

export { Emitter as NamedEmitter } from "./emitter.js";

export const ALIASES = false;
