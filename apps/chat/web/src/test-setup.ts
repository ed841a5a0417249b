import { vi } from "vitest";

// Newer versions of Node have a navigator with the machine's language.
vi.stubGlobal("navigator", { language: "en" });
