// Every component, with the styles and words of all, for the test of what they weigh.
import "../app.css";
import { english } from "../words.en.ts";
import { korean } from "../words.ko.ts";

const components = import.meta.glob("../*.svelte", { eager: true });
export default { components, english, korean };
