import { mount } from "svelte";

import "../design/app.css";
import { markKeys } from "../design/focus.ts";
import { language } from "../language.ts";
import Lab from "./Lab.svelte";

document.documentElement.lang = language;
markKeys();
mount(Lab, { target: document.getElementById("app")! });
