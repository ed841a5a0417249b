import type { Manager } from "../manager.js";
/** Ends the watch of a manager that stays closed. */
export declare function unwatch(manager: Manager): void;
/** Watches the page until the manager opens again or stays closed. Outside a page does nothing. */
export declare function watch(manager: Manager): void;
