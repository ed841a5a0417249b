/**
 * The language that a text is in, as far as its letters tell, for the attribute `lang`: where lines
 * break, which shapes ideographs have and who reads it aloud follow from it. Empty where they do not tell;
 * what somebody wrote has not got the page's language.
 */
export function languageOfText(text: string): "ko" | "ja" | "" {
  if (/\p{Script=Hangul}/u.test(text)) return "ko";
  return /[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text) ? "ja" : "";
}
