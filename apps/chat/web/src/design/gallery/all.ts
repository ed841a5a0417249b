// Every component, with the styles and words of all, for the test of what they weigh.
import "../app.css";
import * as words from "../words.ts";

const components = import.meta.glob("../*.svelte", { eager: true });
export default { components, words };
