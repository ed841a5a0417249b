import { mount } from "svelte";

import App from "./App.svelte";
import { language } from "./i18n.ts";
import "./app.css";

document.documentElement.lang = language;
mount(App, { target: document.getElementById("app")! });
