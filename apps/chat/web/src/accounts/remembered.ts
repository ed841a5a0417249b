/** What the browser remembers of whoever was here last, so that they need not say it again. */
export const NICKNAME = "sockeye.nickname";
export const COLOUR = "sockeye.colour";
/** The name of the account that was last logged in. */
export const ACCOUNT = "sockeye.account";
