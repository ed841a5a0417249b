import { type Begun, begunAt, type Candidate, suggest } from "../messages/mentions.ts";

/** Whom a name that is being written behind an `@` may mean, and which of them is marked. */
export class Suggesting {
  /** The name that is being written. */
  begun = $state.raw<Begun>();
  marked = $state(0);

  constructor(
    /** Who can be mentioned. */
    private readonly people: () => readonly Candidate[],
    private readonly onpick: (person: Candidate) => void,
  ) {}

  readonly proposed: readonly Candidate[] = $derived.by(() => (this.begun ? suggest(this.people(), this.begun.query) : []));

  /** Looks whether a name is being written where the caret is. */
  look({ value, selectionStart, selectionEnd }: HTMLTextAreaElement): void {
    const mayBe = this.people().length > 0 && selectionStart === selectionEnd;
    const now = mayBe ? begunAt(value, selectionStart) : undefined;
    if (now?.from !== this.begun?.from || now?.query !== this.begun?.query) this.marked = 0;
    this.begun = now;
  }

  end(): void {
    this.begun = undefined;
  }

  /** A key was pressed in the field. Whether it was for those who are proposed. */
  key(event: KeyboardEvent): boolean {
    const { proposed, marked } = this;
    if (proposed.length === 0 || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) this.marked = (marked + step + proposed.length) % proposed.length;
    else if (event.key === "Enter" || event.key === "Tab") this.onpick(proposed[marked]!);
    else if (event.key === "Escape") this.end();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }
}
