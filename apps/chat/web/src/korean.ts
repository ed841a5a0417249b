import { korean as design } from "./design/words.ko.ts";
import type { english } from "./english.ts";
import { korean as messages } from "./messages/words.ko.ts";
import { korean as presence } from "./presence/words.ko.ts";
import { korean as reading } from "./reading/words.ko.ts";
import { korean as refusals } from "./refusal-words.ko.ts";
import { korean as rooms } from "./rooms/words.ko.ts";
import { korean as page } from "./words.ko.ts";

/** Everything the page says from its beginning on, in Korean. */
export const korean: Record<keyof typeof english, string> = {
  ...page,
  ...design,
  ...rooms,
  ...messages,
  ...presence,
  ...reading,
  ...refusals,
};
