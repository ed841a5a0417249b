/** Texts that outlive the page. Where the browser forbids it, they last as long as the page. */
export interface TextStorage {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
  /** The names that begin with this. */
  namesFrom(prefix: string): string[];
}

/** Remembered by the browser, for all its tabs. */
export const lasting = guarded(() => localStorage);

function guarded(storage: () => Storage): TextStorage {
  // Reading the property already throws where cookies are blocked, and writing where it is full.
  const attempt = <T>(action: (storage: Storage) => T): T | null => {
    try {
      return action(storage());
    } catch {
      return null;
    }
  };
  return {
    getItem: (name) => attempt((s) => s.getItem(name)),
    setItem: (name, value) => void attempt((s) => s.setItem(name, value)),
    removeItem: (name) => void attempt((s) => s.removeItem(name)),
    namesFrom: (prefix) => attempt((s) => Object.keys(s).filter((name) => name.startsWith(prefix))) ?? [],
  };
}
