/** Whether everything is built, or (false) the core that has to be small. Set by `build.mjs`. */
declare const FULL: boolean;
