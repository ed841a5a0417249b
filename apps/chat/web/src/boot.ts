import { type Boot, FIRST_ROOM } from "./contract.ts";

/** What the server wrote into the page; under the development server, what the address says. */
export function readBoot(): Boot {
  const told = document.getElementById("boot")?.textContent;
  return told ? (JSON.parse(told) as Boot) : bootOf(location.pathname);
}

function bootOf(path: string): Boot {
  if (path === "/") return { page: "rooms", rooms: [], lab: false };
  if (path === "/room") return { page: "room", room: FIRST_ROOM, lab: false };
  const name = /^\/room\/([^/]+)$/.exec(path)?.[1];
  return name ? { page: "room", room: decodeURIComponent(name), lab: false } : { page: "missing" };
}

/** The address of a room. */
export function roomPath(room: string): string {
  return room === FIRST_ROOM ? "/room" : `/room/${encodeURIComponent(room)}`;
}
