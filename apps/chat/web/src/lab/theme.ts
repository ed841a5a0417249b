/** The colours that canvases paint with: those of the page's theme, read anew when it changes. */
export interface Colours {
  accent: string;
  green: string;
  muted: string;
  line: string;
}

let colours: Colours | undefined;
const changed = new Set<() => void>();

/** The colours of now. */
export function theme(): Colours {
  if (!colours) {
    const style = getComputedStyle(document.documentElement);
    const of = (name: string) => style.getPropertyValue(name).trim();
    colours = { accent: of("--accent"), green: of("--green"), muted: of("--muted"), line: of("--line") };
  }
  return colours;
}

/** Calls back whenever the theme changes, until the returned function is called. */
export function onTheme(callback: () => void): () => void {
  if (changed.size === 0) scheme().addEventListener("change", turned);
  changed.add(callback);
  return () => {
    changed.delete(callback);
    if (changed.size === 0) scheme().removeEventListener("change", turned);
  };
}

let query: MediaQueryList | undefined;
const scheme = () => (query ??= matchMedia("(prefers-color-scheme: dark)"));

function turned(): void {
  colours = undefined;
  for (const callback of changed) callback();
}
