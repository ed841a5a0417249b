// The suite of Durable Streams, for Vitest, against the server that `DURABLE_URL` names.
import { runConformanceTests } from "@durable-streams/server-conformance-tests";

runConformanceTests({ baseUrl: process.env.DURABLE_URL });
