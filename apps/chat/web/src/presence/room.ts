import { type Person, type PresentPerson, type RoomPresence, TYPING_SHOWN } from "../contract.ts";

/** Whoever is back within this time has not left, milliseconds: a reload, a tunnel, a restart of the server. */
export const GRACE = 15_000;

/** Who came or went, after the grace. */
export type Passed = (what: "came" | "went", person: Person, at: number) => void;

/** Who is in a room and who is typing there: people, not connections. */
export class RoomPeople {
  private present = new Map<string, Person>();
  /** Those who are gone, until the grace is over. */
  private leaving = new Map<string, { person: Person; timer: ReturnType<typeof setTimeout> }>();
  /** Since when somebody is typing as they say, and until when it is shown here. */
  private typing = new Map<string, { since: number; timer: ReturnType<typeof setTimeout> }>();

  constructor(
    private readonly own: string,
    private readonly passed: Passed,
    private readonly changed: () => void,
  ) {}

  /** Everybody, oneself included. */
  get people(): Person[] {
    return [...this.present.values()];
  }

  /** Those who are typing, oneself left out. */
  get writers(): Person[] {
    return [...this.typing.keys()].map((id) => this.present.get(id)).filter((person) => person !== undefined);
  }

  /**
   * Who is in the room as one enters it, or enters it again. Those who came meanwhile are simply there; those
   * who are missing may be on their way back, as after a restart of the server.
   */
  enter(present: readonly PresentPerson[]): void {
    const before = this.present;
    this.present = new Map();
    this.forgetTyping();
    for (const one of present) {
      this.present.set(one.user, personOf(one));
      this.stay(one.user);
    }
    for (const [id, person] of before) if (!this.present.has(id)) this.go(person);
    this.changed();
  }

  /** Something has changed. */
  take({ joined, left, changed }: Pick<RoomPresence, "joined" | "left" | "changed">): void {
    const now = Date.now();
    for (const one of joined) {
      const person = personOf(one);
      const isNew = !this.present.has(one.user) && !this.stay(one.user);
      this.present.set(one.user, person);
      if (isNew && one.user !== this.own) this.passed("came", person, now);
      this.write(one);
    }
    for (const one of changed) {
      this.present.set(one.user, personOf(one));
      this.write(one);
    }
    for (const { user } of left) {
      const person = this.present.get(user);
      this.present.delete(user);
      this.rest(user);
      if (person) this.go(person);
    }
    this.changed();
  }

  /** Somebody is called or coloured otherwise. */
  rename(person: Person): void {
    if (!this.present.has(person.id)) return;
    this.present.set(person.id, person);
    this.changed();
  }

  /** Somebody has said something, and so is not typing it any more. */
  said(person: string): void {
    if (this.rest(person)) this.changed();
  }

  /** The connection is lost: nobody is known to type. */
  lost(): void {
    if (this.typing.size === 0) return;
    this.forgetTyping();
    this.changed();
  }

  /** Nothing is told any more. */
  end(): void {
    for (const { timer } of this.leaving.values()) clearTimeout(timer);
    this.leaving.clear();
    this.forgetTyping();
    this.present.clear();
  }

  private go(person: Person): void {
    if (person.id === this.own || this.leaving.has(person.id)) return;
    const timer = setTimeout(() => {
      this.leaving.delete(person.id);
      this.passed("went", person, Date.now());
    }, GRACE);
    this.leaving.set(person.id, { person, timer });
  }

  /** Whether somebody was on the way out, and is not any more. */
  private stay(id: string): boolean {
    const leaving = this.leaving.get(id);
    if (!leaving) return false;
    clearTimeout(leaving.timer);
    return this.leaving.delete(id);
  }

  /** The clocks of two machines differ: what counts is when it was heard that somebody goes on typing. */
  private write({ user, connections }: PresentPerson): void {
    const since = Math.max(0, ...connections.map(({ metadata }) => metadata.typing_at ?? 0));
    if (user === this.own || this.typing.get(user)?.since === since) return;
    this.rest(user);
    if (since === 0) return;
    const timer = setTimeout(() => {
      this.typing.delete(user);
      this.changed();
    }, TYPING_SHOWN);
    this.typing.set(user, { since, timer });
  }

  private rest(user: string): boolean {
    clearTimeout(this.typing.get(user)?.timer);
    return this.typing.delete(user);
  }

  private forgetTyping(): void {
    for (const { timer } of this.typing.values()) clearTimeout(timer);
    this.typing.clear();
  }
}

/** The person as their newest connection knows them. */
export function personOf({ connections }: PresentPerson): Person {
  return connections.at(-1)!.metadata.person;
}
