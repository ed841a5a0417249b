// Every component in every state, for those who work on them: `npm run dev`, then /components.html.
// `?lang=ko|en` and `?theme=light|dark|contrast` stand in for what the browser and the system say.
import { mount } from "svelte";

import "../app.css";
import { markKeys } from "../focus.ts";
import { pretend } from "./theme.ts";

const asked = new URLSearchParams(location.search);
const lang = asked.get("lang");
if (lang) Object.defineProperty(navigator, "language", { value: lang });

// What the page says depends on the language from its first moment on.
const parts = Promise.all([import("../../language.ts"), import("./Gallery.svelte")]);
// The parts wait for this file to be done, so that it does not wait for them.
void parts.then(([{ language }, { default: Gallery }]) => {
  document.documentElement.lang = language;
  mount(Gallery, { target: document.getElementById("app")!, props: { scene: asked.get("scene") ?? "components" } });
  markKeys();
  pretend(asked.get("theme"));
});
