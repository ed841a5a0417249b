/** What each theme says to the questions that style sheets ask. */
const THEMES: Record<string, Record<string, boolean>> = {
  light: { "(prefers-color-scheme: dark)": false, "(prefers-contrast: more)": false },
  dark: { "(prefers-color-scheme: dark)": true, "(prefers-contrast: more)": false },
  contrast: { "(prefers-color-scheme: dark)": false, "(prefers-contrast: more)": true },
  "contrast-dark": { "(prefers-color-scheme: dark)": true, "(prefers-contrast: more)": true },
};

/** Answers the style sheets' questions in place of the system. */
export function pretend(theme: string | null): void {
  const answers = theme === null ? undefined : THEMES[theme];
  if (!answers) return;
  document.documentElement.style.colorScheme = theme!.endsWith("dark") ? "dark" : "light";
  for (const sheet of document.styleSheets) answer(sheet.cssRules, answers);
}

function answer(rules: CSSRuleList, answers: Record<string, boolean>): void {
  for (const rule of rules) {
    if (!(rule instanceof CSSMediaRule)) continue;
    let text = rule.media.mediaText;
    for (const [question, isTrue] of Object.entries(answers)) {
      text = text.replaceAll(question, isTrue ? "(min-width: 0)" : "(max-width: 0)");
    }
    rule.media.mediaText = text;
    answer(rule.cssRules, answers);
  }
}
