import { mount } from "svelte";

import App from "./App.svelte";
import { readBoot } from "./boot.ts";
import "./design/app.css";
import { markKeys } from "./design/focus.ts";
import { language } from "./language.ts";

document.documentElement.lang = language;
markKeys();
mount(App, { target: document.getElementById("app")!, props: { boot: await readBoot() } });
