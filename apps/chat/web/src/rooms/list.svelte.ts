import type { Connection } from "../connection.svelte.ts";
import { type Counts, FIRST_ROOM, type Membership, type Person, type Room, type RoomPage, type RoomsChanged } from "../contract.ts";
import { say } from "../i18n.ts";
import { type Problem, problemOf } from "../refusal.ts";

/** How long the search waits for another letter, milliseconds. */
const SEARCH_DELAY = 150;
/** How many rooms of a page. */
const PAGE = 50;
/** The most rooms that are kept; of more, the ones that are wanted are found by the search. */
export const ROOMS_KEPT_MAX = 2_000;

/** The list of rooms, which the server keeps up to date. */
export class RoomList {
  /** Whether the list is there, however short. */
  isLoaded = $state(false);
  /** What is looked for; empty for all. */
  search = $state("");
  /** Whether there are more than are shown. */
  hasMore = $state(false);
  problem = $state.raw<Problem>();

  /** Those that are listed while nothing is looked for. */
  private all = $state.raw<ReadonlyMap<string, Room>>(new Map());
  /** Those that were found. */
  private found = $state.raw<ReadonlyMap<string, Room>>();
  private memberships = $state.raw<ReadonlyMap<string, Membership>>(new Map());
  private counted = $state.raw<ReadonlyMap<string, Counts>>(new Map());
  /** The order in which rooms stay while somebody is about to press one. */
  private held = $state.raw<ReadonlyMap<string, number>>();
  private next: string | null = null;
  private asked = 0;
  private isLoadingMore = false;
  private timer?: ReturnType<typeof setTimeout>;

  /** The rooms in order: pinned ones first, then those with something to be read, then those with the newest message. */
  readonly rooms = $derived(
    [...(this.found ?? this.all).values()].sort(
      (a, b) =>
        this.heldAt(a) - this.heldAt(b) ||
        Number(this.isPinned(b)) - Number(this.isPinned(a)) ||
        Number(this.isNews(b)) - Number(this.isNews(a)) ||
        b.active_at - a.active_at ||
        (a.id < b.id ? -1 : 1),
    ),
  );

  /** How many messages one has not read in all of them; of silenced rooms only those that mention one. */
  readonly unread = $derived(
    [...this.counted.values()].reduce(
      (sum, { room, unread, mentions }) => sum + (this.memberships.get(room)?.is_silenced ? mentions : unread),
      0,
    ),
  );

  constructor(private readonly connection: Connection) {
    const { rooms } = connection;
    rooms.on("connect", () => void this.load());
    rooms.on("rooms", (change) => this.change(change));
    rooms.on("membership", (membership) => this.place(membership));
    rooms.on("counts", (counts) => this.count([counts]));
  }

  /** A room that is listed. */
  room(id: string): Room | undefined {
    return this.all.get(id) ?? this.found?.get(id);
  }

  /** One's own place in a room. */
  membership(id: string): Membership | undefined {
    return this.memberships.get(id);
  }

  isPinned({ id }: Room): boolean {
    return this.memberships.get(id)?.is_pinned ?? false;
  }

  /** What one has not read in a room. */
  counts(id: string): Counts | undefined {
    return this.counted.get(id);
  }

  /** Whether there is something to be read; in a silenced room only what mentions one. */
  private isNews({ id }: Room): boolean {
    const counts = this.counted.get(id);
    if (!counts) return false;
    return (this.memberships.get(id)?.is_silenced ? counts.mentions : counts.unread) > 0;
  }

  /** Keeps the rooms where they are, so that none moves away from under the pointer; or does not any more. */
  hold(isHeld: boolean): void {
    if (!isHeld) this.held = undefined;
    else this.held ??= new Map(this.rooms.map(({ id }, at) => [id, at]));
  }

  /** Where a room stays; new ones come behind those. */
  private heldAt({ id }: Room): number {
    return this.held ? (this.held.get(id) ?? this.held.size) : 0;
  }

  private count(counts: readonly Counts[]): void {
    const counted = new Map(this.counted);
    for (const one of counts) {
      if (one.unread > 0) counted.set(one.room, one);
      else counted.delete(one.room);
    }
    this.counted = counted;
  }

  /** Looks for rooms by a part of their title. */
  find(search: string): void {
    this.search = search;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(), SEARCH_DELAY);
  }

  /** Asks for the first rooms. */
  async load(): Promise<void> {
    clearTimeout(this.timer);
    const asked = ++this.asked;
    const search = this.search.trim();
    try {
      const page = await this.connection.askList("list", { limit: PAGE, ...(search && { search }) });
      if (asked !== this.asked) return;
      this.problem = undefined;
      if (search) {
        this.found = byId(page.rooms);
      } else {
        this.found = undefined;
        this.all = byId(page.rooms);
        // After a lost connection, what was read meanwhile is read.
        this.counted = new Map();
      }
      this.turned(page);
      this.isLoaded = true;
    } catch (error) {
      const problem = problemOf(error);
      // When the connection is back, the list is asked for again.
      if (asked === this.asked && problem.code !== "offline") this.problem = problem;
    }
  }

  /** Asks for the rooms that follow. */
  async more(): Promise<void> {
    if (this.next === null || this.isLoadingMore) return;
    this.isLoadingMore = true;
    const asked = this.asked;
    const search = this.search.trim();
    try {
      const after = this.next;
      const page = await this.connection.askList("list", { limit: PAGE, after, ...(search && { search }) });
      if (asked !== this.asked) return;
      if (this.found) this.found = byId([...this.found.values(), ...page.rooms]);
      else this.all = byId([...this.all.values(), ...page.rooms]);
      this.turned(page);
    } catch {
      // Whoever scrolls on asks again.
    } finally {
      this.isLoadingMore = false;
    }
  }

  /** One's own place in a room is otherwise than before. */
  place(membership: Membership): void {
    const memberships = new Map(this.memberships);
    if (membership.role === null) this.count([{ room: membership.room, read: 0, unread: 0, mentions: 0 }]);
    if (membership.role === null && !membership.is_pinned) memberships.delete(membership.room);
    else memberships.set(membership.room, membership);
    this.memberships = memberships;
  }

  /** Rooms have changed, or are gone. */
  change({ changed, removed }: RoomsChanged): void {
    // The answer that is on its way has them all; until then one alone would stand where it does not belong.
    if (!this.isLoaded) return;
    const all = new Map(this.all);
    const found = this.found && new Map(this.found);
    // Those that come first for another reason may be older than what is further down.
    const inOrder = [...all.values()].filter((room) => !this.isPinned(room) && !this.isNews(room));
    const oldest = this.next === null ? -Infinity : Math.min(...inOrder.map(({ active_at }) => active_at));
    for (const room of changed) {
      // What is further down than was loaded comes with the pages there.
      if (all.has(room.id) || room.active_at >= oldest || this.isPinned(room) || this.isNews(room)) all.set(room.id, room);
      if (found?.has(room.id)) found.set(room.id, room);
    }
    if (removed.some((id) => this.counted.has(id))) this.count(removed.map((room) => ({ room, read: 0, unread: 0, mentions: 0 })));
    for (const id of removed) {
      all.delete(id);
      found?.delete(id);
    }
    this.all = all;
    this.found = found;
  }

  /** Somebody is called or coloured otherwise. */
  person(person: Person): void {
    const changed: Room[] = [];
    for (const room of this.all.values()) {
      if (!room.with.some(({ id }) => id === person.id)) continue;
      changed.push({ ...room, with: room.with.map((one) => (one.id === person.id ? person : one)) });
    }
    if (changed.length > 0) this.change({ changed, removed: [] });
  }

  private turned({ memberships, counts, next }: RoomPage): void {
    this.count(counts);
    const places = new Map(this.memberships);
    for (const membership of memberships) places.set(membership.room, membership);
    this.memberships = places;
    const count = (this.found ?? this.all).size;
    this.next = count < ROOMS_KEPT_MAX ? next : null;
    this.hasMore = this.next !== null;
  }
}

const byId = (rooms: readonly Room[]): ReadonlyMap<string, Room> => new Map(rooms.map((room) => [room.id, room]));

/** What a room is called: direct messages by their people, the first room by the page's language. */
export function titleOf(room: Pick<Room, "kind" | "title" | "with">, self: string): string {
  if (room.kind !== "direct") return room.title === FIRST_ROOM ? say("lobby") : room.title;
  const others = othersOf(room, self);
  return others.length === 0 ? say("directAlone") : others.map(({ name }) => name).join(", ");
}

/** The people of direct messages, oneself left out. */
export function othersOf(room: Pick<Room, "with">, self: string): Person[] {
  return room.with.filter(({ id }) => id !== self);
}
