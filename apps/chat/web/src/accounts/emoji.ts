/** One emoji and nothing else, which may be made of several characters. */
const EMOJI = /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|\p{Emoji_Modifier_Base}|\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\uFE0F\u20E3)/u;

/** Whether a text is one emoji. */
export function isOneEmoji(text: string): boolean {
  const [first, ...more] = new Intl.Segmenter().segment(text);
  return first !== undefined && more.length === 0 && !/^[0-9#*]$/.test(text) && EMOJI.test(first.segment);
}
