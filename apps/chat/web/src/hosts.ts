/**
 * Whether the host of an address shows what it is. Written hosts are judged, not what a browser makes
 * of them: `аррӏе.com` in Cyrillic letters is another host than it seems, `example.com∕x.evil.com`
 * leads to `evil.com`.
 */

/** Letters of Latin as languages write it, composed; without those that look like ASCII. */
const LATIN =
  "a-z\\u00DF-\\u00F6\\u00F8-\\u00FF\\u0100-\\u0130\\u0132-\\u0137\\u0139-\\u013E\\u0141-\\u0148" +
  "\\u014A-\\u017E\\u01A0\\u01A1\\u01AF\\u01B0\\u01CD-\\u01DC\\u0218-\\u021B\\u1E00-\\u1E99\\u1EA0-\\u1EFF";
/** Whole syllables of Hangul, ideographs, and Kana; single strokes of Hangul look like `l` and `-`. */
const EAST_ASIAN = "\\uAC00-\\uD7A3\\p{Unified_Ideograph}\\u3005\\u3041-\\u3096\\u30A1-\\u30FA\\u30FC";
/** What looks like `/`, `-` or `l` beside Latin letters. */
const STROKES = "[\\u4E00\\u4E28\\u4E36\\u4E3F\\u4E85\\u30BD\\u30BE\\u30CE\\u30F3\\u30FC]";
/** Scripts that look like Latin in no whole word. */
const DISTINCT = ["Arabic", "Bengali", "Devanagari", "Hebrew", "Tamil", "Thai"];
/** Scripts that do, but not to the end: their names for countries show what they are. */
const ALIKE = ["Armenian", "Cyrillic", "Georgian", "Greek"];

const any = (alternatives: string[]) => new RegExp(`^(?:${alternatives.join("|")})$`, "u");
const ofOneScript = (scripts: string[], more: string) =>
  scripts.map((script) => `[\\p{Script=${script}}${more}]*`);

const ASCII = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/;
const WORDS = /^[\p{L}\p{M}0-9._-]+$/u;
const DECEIVING = new RegExp(`[a-z0-9]${STROKES}|${STROKES}[a-z0-9]`, "u");
const LABEL = any([`[${LATIN}${EAST_ASIAN}0-9_-]*`, ...ofOneScript(DISTINCT, "0-9_-")]);
const WHOLE = any(ofOneScript(ALIKE, "0-9._-"));
const GLUED =
  /^([A-Za-z0-9-]+(?::\d+)?)[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/** Whether a host, as it is written, looks like no other one. */
export function isPlainHost(written: string): boolean {
  const host = written.normalize("NFC").toLowerCase();
  if (ASCII.test(host)) return true;
  if (!WORDS.test(host) || DECEIVING.test(host)) return false;
  return WHOLE.test(host) || host.split(".").every((label) => LABEL.test(label));
}

/**
 * The length of a host and its port without what is written on behind them, as Korean and Japanese
 * do (`example.com입니다`): no host's last label begins with ASCII letters and goes on like that.
 */
export function hostLength(authority: string): number {
  const last = authority.lastIndexOf(".") + 1;
  const ends = GLUED.exec(authority.slice(last));
  return ends ? last + ends[1]!.length : authority.length;
}
