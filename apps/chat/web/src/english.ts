import { english as design } from "./design/words.en.ts";
import { english as messages } from "./messages/words.en.ts";
import { english as presence } from "./presence/words.en.ts";
import { english as reading } from "./reading/words.en.ts";
import { english as refusals } from "./refusal-words.en.ts";
import { english as rooms } from "./rooms/words.en.ts";
import { english as page } from "./words.en.ts";

/** Everything the page says from its beginning on, in English: each part brings its own words. */
export const english = {
  ...page,
  ...design,
  ...rooms,
  ...messages,
  ...presence,
  ...reading,
  ...refusals,
};
