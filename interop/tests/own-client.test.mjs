// Our own JavaScript client against our own server: the suite of clients/js, which also runs
// against the official server there.
import { after } from "node:test";
import { standIn } from "./support/program.mjs";

const server = await standIn("behaviour");
after(() => server.stop());
process.env.SOCKEYE_TEST_URL = server.url;
process.env.SOCKEYE_TEST_CLIENT = "ours";
await import("../../clients/js/test/behaviour.test.mjs");
