/** The most emoji that are shown large. */
const LARGE_MAX = 3;

const segmenter = new Intl.Segmenter();
/** One that is shown as a picture: by itself, by the sign for it, a flag or a key. */
const PICTURE = /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|\p{Regional_Indicator}{2}|[0-9#*]\uFE0F?\u20E3)/u;

/** Whether a message is nothing but one to three emoji, which are shown large and without a bubble. */
export function isEmojiOnly(text: string): boolean {
  const bare = text.trim();
  // The longest emoji have some 35 units; whatever is longer is not looked at.
  if (bare === "" || bare.length > 40 * LARGE_MAX) return false;
  let count = 0;
  for (const { segment } of segmenter.segment(bare)) {
    if (/^ +$/.test(segment)) continue;
    if (!PICTURE.test(segment) || ++count > LARGE_MAX) return false;
  }
  return count > 0;
}
