// The official client against our own server, in the suite that our own client also passes.
import { after } from "node:test";
import { standIn } from "./support/program.mjs";

const server = await standIn("behaviour");
after(() => server.stop());
process.env.SOCKEYE_TEST_URL = server.url;
process.env.SOCKEYE_TEST_CLIENT = "official";
await import("../../clients/js/test/behaviour.test.mjs");
