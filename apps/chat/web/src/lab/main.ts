import { mount } from "svelte";

import { language } from "../i18n.ts";
import Lab from "./Lab.svelte";
import "./app.css";

document.documentElement.lang = language;
mount(Lab, { target: document.getElementById("app")! });
