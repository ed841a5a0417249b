// Recovery with real clients whose connections are lost at random bytes, also amid what they are sent
// again: with the official client and with ours, in two namespaces at once. `node recovery.mjs` does it
// for as long as you like.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { standIn } from "./support/program.mjs";
import { KINDS, torment } from "./support/recovering.mjs";
import { PATIENCE } from "./support/waiting.mjs";

/** In each of the tests. */
const RECOVERIES = Number(process.env.SOCKEYE_RECOVERIES ?? 20);

let server;
before(async () => {
  server = await standIn("recovery");
});
after(() => server?.stop());

describe("recovery under cut connections", { concurrency: true }, () => {
  for (const kind of KINDS) {
    test(`${kind.name}: nothing twice, nothing lost, whatever is cut`, async () => {
      const isEnough = ({ recovered }) => recovered >= RECOVERIES;
      const seen = await torment(kind, server.port, isEnough, PATIENCE * Math.max(1, RECOVERIES / 20));
      const { twice, lost, disordered, anew } = seen;
      assert.deepEqual({ twice, lost, disordered, anew }, { twice: 0, lost: 0, disordered: 0, anew: 0 });
      assert.ok(seen.kept > 100 && seen.others > 0 && seen.cuts > 0, JSON.stringify(seen));
    });
  }
});
