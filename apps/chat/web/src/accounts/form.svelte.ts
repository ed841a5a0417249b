import { sayRefusal } from "../i18n.ts";
import { type Problem, problemOf } from "../refusal.ts";
import { fieldOf } from "./fields.ts";

/** A form under way: what is wrong with it, and whether it was sent. */
export class Form {
  isBusy = $state(false);
  problem = $state.raw<Problem>();

  /** What is to be said at a field, or below all of them. */
  at(field: "name" | "password" | undefined): string | undefined {
    return this.problem && fieldOf(this.problem.code) === field ? sayRefusal(this.problem) : undefined;
  }

  /** Somebody goes on writing. */
  clear(): void {
    this.problem = undefined;
  }

  /** Sends it, unless something is wrong already or it is under way. */
  async submit(event: SubmitEvent, mistakes: (Problem | undefined)[], send: () => Promise<unknown>): Promise<void> {
    event.preventDefault();
    if (this.isBusy) return;
    const form = event.currentTarget as HTMLFormElement;
    this.problem = mistakes.find((mistake) => mistake);
    if (!this.problem) {
      this.isBusy = true;
      await send().catch((error: unknown) => (this.problem = problemOf(error)));
      this.isBusy = false;
    }
    // The focus goes to what is to be mended.
    const field = this.problem && fieldOf(this.problem.code);
    if (field) form.querySelector<HTMLInputElement>(`[data-field="${field}"]`)?.focus();
  }
}
