import assert from "node:assert/strict";
import { afterEach, describe, it, mock } from "node:test";

import { backoffMs } from "../build/backoff.js";

const options = { reconnectionDelay: 100, reconnectionDelayMax: 1000, randomizationFactor: 0 };

describe("backoffMs", () => {
  afterEach(() => mock.restoreAll());

  it("doubles up to the maximum", () => {
    const delays = [0, 1, 2, 3, 4, 5, 2000].map((attempt) => backoffMs(attempt, options));
    assert.deepEqual(delays, [100, 200, 400, 800, 1000, 1000, 1000]);
  });

  it("randomises both ways and cuts to the maximum afterwards", () => {
    const random = mock.method(Math, "random", () => 0);
    const half = { ...options, randomizationFactor: 0.5 };
    assert.equal(backoffMs(0, half), 50);
    random.mock.mockImplementation(() => 0.75);
    assert.equal(backoffMs(0, half), 125);
    assert.equal(backoffMs(3, half), 1000);
  });

  it("stays within its bounds whatever is drawn", () => {
    for (let round = 0; round < 2000; round++) {
      const attempt = round % 8;
      const delay = backoffMs(attempt, { ...options, randomizationFactor: 0.5 });
      assert.ok(Number.isInteger(delay));
      assert.ok(delay >= Math.min(1000, 50 * 2 ** attempt) && delay <= 1000, `${attempt} ${delay}`);
    }
  });

  it("never gives a delay that a timer would take for none", () => {
    const endless = { ...options, reconnectionDelayMax: Infinity };
    assert.equal(backoffMs(5000, endless), 2 ** 31 - 1);
    assert.equal(backoffMs(0, { randomizationFactor: 0, reconnectionDelay: 0 }), 1000);
    assert.equal(backoffMs(9, { randomizationFactor: 0, reconnectionDelayMax: 0 }), 5000);
  });
});
