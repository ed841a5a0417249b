import { render } from "svelte/server";
import { expect, test } from "vitest";

import type { Invited } from "../contract.ts";
import Made from "./Made.svelte";
import { say } from "./words.ts";

const invited = (uses_left: number | null): Invited => ({
  invitation: { id: "i", role: "member", uses_left, used: 0, created_at: 0, expires_at: Date.UTC(2026, 0, 2, 12), by: null, room: null },
  code: "c0de",
  addresses: ["http://192.0.2.7:3000", "http://localhost:3000"],
  qr: "<svg></svg>",
});
const shown = (uses: number | null) => render(Made, { props: { invited: invited(uses) } }).body;

test("an invitation is shown with its link at the best address, its picture and its end", () => {
  const body = shown(null);
  expect(body).toContain('value="http://192.0.2.7:3000/invite#c0de"');
  expect(body).not.toContain("localhost");
  expect(body).toContain(say("invitationQr"));
  expect(body).toMatch(/works until .*2026.*, for as many people as you like/);
  expect(shown(1)).toMatch(/works until .*, for one person/);
});
