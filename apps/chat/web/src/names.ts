/**
 * What a name may be made of, for rooms and nicknames: the rule of `src/names.rs`, so that the page
 * says at once what the server would refuse. Both are held to `names.json`.
 */

/** What is wrong with a name: the end of the server's code. */
export type NameProblem = "empty" | "too_long" | "character";

const TAGS = ["gbeng", "gbsct", "gbwls"].map(
  (flag) => `${[...flag].map((c) => `\\u{E00${c.charCodeAt(0).toString(16)}}`).join("")}\\u{E007F}`,
);
const ELEMENT =
  `(?:[0-9#*]\\uFE0F\\u20E3|\\u{1F3F4}(?:${TAGS.join("|")})` +
  `|(?!\\p{ASCII})\\p{Emoji}(?:\\uFE0F|\\p{Emoji_Modifier})?)`;
const EMOJI = new RegExp(`${ELEMENT}(?:\\u200D${ELEMENT})*`, "gu");

const UNSEEN =
  "\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}" +
  "\\u2800\\u2D7F\\uFFFC\\u{1107F}\\u{13441}\\u{13442}\\u{16FE4}\\u{1D159}";
const BLANK = new RegExp(`^[\\p{White_Space}${UNSEEN}]*$`, "u");
/** Something else in every font, or no character; emoji may be newer than the browser. */
const UNDEFINED = "\\p{Co}|(?![\\u{1F000}-\\u{1FAFF}\\u{1FC00}-\\u{1FFFD}])\\p{Cn}";
/**
 * What cannot be seen or is nothing for certain, a mark on nothing, and more marks on one character
 * than a language needs.
 */
const FORBIDDEN = new RegExp(`[${UNSEEN}]|${UNDEFINED}|^\\p{M}|\\p{M}{5}`, "u");

/** The one form of a name. */
export function normalized(text: string): string {
  const name = text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");
  return name.normalize("NFC").replace(/\p{Zs}+/gu, " ");
}

/** What is wrong with a name in its one form, of at most so many characters. */
export function problemOf(name: string, charsMax: number): NameProblem | undefined {
  if ([...name].length > charsMax) return "too_long";
  if (BLANK.test(name)) return "empty";
  // Inside of an emoji invisible characters hold its parts together.
  if (FORBIDDEN.test(name.replace(EMOJI, "x"))) return "character";
  return undefined;
}
