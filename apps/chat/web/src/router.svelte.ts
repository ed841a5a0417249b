import { FIRST_ROOM, ROOM_CHARS_MAX } from "./contract.ts";
import { normalized } from "./names.ts";

/** What an address leads to. */
export type Route =
  | { page: "list" | "settings" | "admin" | "login" | "missing" }
  /** By its id, or by the title of one that everybody sees; perhaps at one of its messages. */
  | { page: "room"; key: string; isTooLong: boolean; message?: number }
  /** With what follows the `#`, which no server on the way gets to see. */
  | { page: "setup" | "invite" | "reset"; code: string };

/** The pages without anything further in their addresses. */
const PLAIN = { "/": "list", "/settings": "settings", "/admin": "admin", "/login": "login" } as const;
/** The pages whose links carry a code. */
const CODED = { "/setup": "setup", "/invite": "invite", "/reset": "reset" } as const;

/** What an address leads to. */
export function routeOf(path: string, hash = ""): Route {
  if (Object.hasOwn(PLAIN, path)) return { page: PLAIN[path as keyof typeof PLAIN] };
  if (Object.hasOwn(CODED, path)) return { page: CODED[path as keyof typeof CODED], code: hash.replace(/^#/, "") };
  if (path === "/room" || path === "/room/") return { page: "room", key: FIRST_ROOM, isTooLong: false };
  const [, name, number] = /^\/room\/([^/]+)(?:\/([1-9]\d{0,14}))?$/.exec(path) ?? [];
  const key = name === undefined ? "" : normalized(decoded(name));
  if (key === "") return { page: "missing" };
  const isTooLong = [...key].length > ROOM_CHARS_MAX;
  return { page: "room", key, isTooLong, ...(number !== undefined && { message: Number(number) }) };
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return "";
  }
}

/** The address of a room. */
export function roomPath(id: string): string {
  return id === FIRST_ROOM ? "/room" : `/room/${encodeURIComponent(id)}`;
}

/** The address of a message in a room. */
export function messagePath(room: string, message: number): string {
  return `/room/${encodeURIComponent(room)}/${message}`;
}

/** Whether this is how the server makes ids of rooms; a title may look like it, too. */
export function isRoomId(key: string): boolean {
  return /^[\w-]{16}$/.test(key);
}

/** What is kept of an entry of the history: the path from which the page itself has gone there. */
interface Visit {
  from?: string;
}

/** Where the page is, in step with the browser's history. */
export class Router {
  route = $state.raw<Route>({ page: "list" });

  constructor(
    /** Told of each way taken, also back and forward. */
    private readonly onchange: (route: Route) => void = () => {},
  ) {
    this.route = routeOf(location.pathname, location.hash);
    addEventListener("popstate", () => this.follow());
    addEventListener("hashchange", () => this.follow());
  }

  /** Goes to a path of this page; in place of the present one if that is no place to come back to. */
  go(path: string, isReplacing = false): void {
    const isHere = path === location.pathname + location.hash;
    const visit: Visit = { from: location.pathname };
    if (isReplacing || isHere) history.replaceState(isHere ? history.state : visit, "", path);
    else history.pushState(visit, "", path);
    this.follow();
  }

  /** Goes up to a path: back, if that is where one came from, so that the history does not grow. */
  up(path: string): void {
    if ((history.state as Visit | null)?.from === path) history.back();
    else this.go(path);
  }

  /** Takes over a press on a link to a page of this program. */
  pressed(event: MouseEvent): void {
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || event.defaultPrevented || event.button !== 0 || link.target || link.hasAttribute("download")) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.origin !== location.origin) return;
    if (routeOf(link.pathname).page === "missing") return;
    event.preventDefault();
    if (link.dataset.up !== undefined) this.up(link.pathname);
    else this.go(link.pathname + link.hash);
  }

  private follow(): void {
    this.route = routeOf(location.pathname, location.hash);
    this.onchange(this.route);
  }
}
