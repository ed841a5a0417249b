import type { Boot } from "./contract.ts";
import { http } from "./http.ts";

/** What the server wrote into the page; the development server's is asked for. */
export async function readBoot(): Promise<Boot> {
  const told = document.getElementById("boot")?.textContent;
  return told ? (JSON.parse(told) as Boot) : await http<Boot>("GET", "me");
}
