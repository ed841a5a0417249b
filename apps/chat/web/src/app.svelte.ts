import { Renewal } from "./accounts/renewal.ts";
import { Connection, openSockets } from "./connection.svelte.ts";
import type { Boot, Me, Person } from "./contract.ts";
import type { ToastItem } from "./design/Toast.svelte";
import { http } from "./http.ts";
import { say, sayRefusal } from "./i18n.ts";
import { Conversations } from "./messages/conversations.svelte.ts";
import { Drafts } from "./messages/drafts.svelte.ts";
import { forgetWritten } from "./messages/unsent.ts";
import { Online } from "./presence/online.svelte.ts";
import { problemOf } from "./refusal.ts";
import { RoomList } from "./rooms/list.svelte.ts";
import { type Route, Router } from "./router.svelte.ts";
import { lasting } from "./storage.ts";

/** Everything of somebody who is logged in: gone when they log out. */
export class Visit {
  readonly connection: Connection;
  readonly list: RoomList;
  readonly conversations: Conversations;
  readonly online: Online;
  readonly drafts: Drafts;
  readonly renewal: Renewal;

  constructor(
    private readonly app: App,
    /** Whose it is. */
    readonly person: string,
    sockets: ReturnType<typeof openSockets>,
  ) {
    this.connection = new Connection(sockets.rooms, sockets.chat, () => app.lost());
    this.list = new RoomList(this.connection);
    this.conversations = new Conversations(this.connection, () => app.me!.person);
    this.online = new Online(this.connection, () => app.me!.person.role !== "guest");
    this.drafts = new Drafts(lasting, person);
    this.renewal = new Renewal(() => app.look());
    this.block(app.me!);
    const { rooms, chat } = sockets;
    // Both are told: whichever of them is there first.
    rooms.on("person", (person) => this.renamed(person));
    chat.on("person", (person) => this.renamed(person));
    rooms.on("me", (me) => app.changed(me));
    chat.on("me", (me) => app.changed(me));
  }

  /** Shows what an address leads to. */
  follow(route: Route): void {
    if (route.page === "room" && !route.isTooLong) this.conversations.show(route.key, route.message);
    else this.conversations.hide();
  }

  close(): void {
    this.renewal.close();
    this.conversations.close();
    this.connection.close();
  }

  /** Those whom one has blocked are not heard. */
  block({ blocked }: Me): void {
    this.conversations.block(blocked.map(({ id }) => id));
  }

  private renamed(person: Person): void {
    const me = this.app.me!;
    const { id, name } = person;
    if (id === me.person.id) this.app.changed({ ...me, person });
    else if (me.blocked.some((one) => one.id === id)) {
      this.app.changed({ ...me, blocked: me.blocked.map((one) => (one.id === id ? { id, name } : one)) });
    }
    this.list.person(person);
    this.conversations.person(person);
  }
}

/** The page: who it is, where it is, and what it has to say in passing. */
export class App {
  me = $state.raw<Me | null>(null);
  visit = $state.raw<Visit>();
  toasts = $state.raw<ToastItem[]>([]);
  /** Whether the session has ended without one having wanted that. */
  isOver = $state(false);
  /** Whether it was that of an account: who had one logs in again. */
  hadAccount = false;
  /** Whether the first account was made just now: the page says what comes next. */
  isFirstRun = $state(false);
  /** The title of the room that an invitation has led to, until the list has it. */
  wantedRoom = $state<string>();
  /** What the server has told of itself. */
  boot: Boot;
  readonly router = new Router((route) => this.visit?.follow(route));

  private toastsMade = 0;

  constructor(
    boot: Boot,
    /** Makes the sockets, which do not connect yet. */
    private readonly open = openSockets,
  ) {
    this.boot = $state.raw(boot);
    if (boot.me) this.enter(boot.me);
  }

  /** Somebody has logged in, in the place of whoever was. */
  enter(me: Me): void {
    this.visit?.close();
    this.me = me;
    this.isOver = false;
    this.boot = { ...this.boot, needs_setup: false };
    this.visit = new Visit(this, me.person.id, this.open());
    this.visit.follow(this.router.route);
    this.visit.connection.connect();
    const { lost } = this.visit.conversations.uploads;
    if (lost > 0) this.tell(say("picturesLost", { count: lost }), "danger");
    // A stranger was told less.
    if (me !== this.boot.me) void this.look().catch(() => {});
  }

  /** Asks who this page is: then the session and its cookie last on. */
  async look(): Promise<void> {
    const { visit } = this;
    const boot = await http<Boot | undefined>("GET", "me");
    // A proxy on the way may have answered otherwise, and the page may be somebody else's by now.
    if (boot?.me === undefined || visit !== this.visit) return;
    this.boot = boot;
    if (boot.me === null) this.lost();
    else if (boot.me.person.id === visit?.person) this.changed(boot.me);
    // Somebody else has logged in meanwhile, in another tab.
    else this.enter(boot.me);
  }

  /** Who this page is has changed, perhaps on another device. */
  changed(me: Me): void {
    if (me.person.id !== this.me?.person.id) return;
    this.me = me;
    this.visit?.block(me);
  }

  /** The session is over. */
  lost(): void {
    this.hadAccount = this.me !== null && this.me.person.role !== "guest";
    this.leave();
    this.isOver = true;
  }

  /** Logs out, here or everywhere. */
  async logOut(isEverywhere = false): Promise<void> {
    await http("POST", isEverywhere ? "logout-everywhere" : "logout");
    this.forget();
  }

  /** Nothing stays of whoever was logged in. */
  forget(): void {
    const person = this.me?.person.id;
    this.visit?.conversations.forget();
    this.leave();
    // Behind what the conversations keep until their end.
    if (person !== undefined) forgetWritten(lasting, person);
    this.router.go("/", true);
  }

  /** Says something in passing. */
  tell(text: string, tone: ToastItem["tone"] = "success"): void {
    // Of many the last ones are read.
    this.toasts = [...this.toasts.slice(-2), { key: `t${this.toastsMade++}`, text, tone }];
  }

  /** Says that a part of the page could not be loaded, and why if that is known. */
  tellNotLoaded(): void {
    this.tell(this.visit?.connection.isOnline === false ? sayRefusal({ code: "offline" }) : say("notLoaded"), "danger");
  }

  dismiss(key: string): void {
    this.toasts = this.toasts.filter((toast) => toast.key !== key);
  }

  /** Does something, and says so if it fails. Whether it went well. */
  async attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      this.tell(sayRefusal(problemOf(error)), "danger");
      return false;
    }
  }

  private leave(): void {
    this.visit?.close();
    this.visit = undefined;
    this.me = null;
  }
}
