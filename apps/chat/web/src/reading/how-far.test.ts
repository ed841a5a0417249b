import { expect, test } from "vitest";

import { HowFar } from "./how-far.ts";

test("those whose pointers are before a message have not read it, without whoever wrote it", () => {
  const far = new HowFar();
  far.begin({ turn: 3, pointers: [[7, 2], [2, 3]], behind: [{ person: "a", read: 2 }] });
  expect([1, 2, 3, 7, 8].map((id) => far.unread(id, "x"))).toEqual([0, 0, 3, 3, 5]);
  expect(far.unread(3, "a"), "who wrote it, before their own pointer").toBe(2);
  far.move({ room: "r", turn: 4, moved: [[2, -1], [8, 1]], behind: [] });
  expect([3, 8].map((id) => far.unread(id, "a"))).toEqual([2, 4]);
});

test("what comes before the answer is applied if it is newer, each once and in order", () => {
  const far = new HowFar();
  const moved = (turn: number) => ({ room: "r", turn, moved: [[turn, 1], [1, -1]] as [number, number][], behind: [] });
  far.move(moved(4));
  far.move(moved(5));
  far.move(moved(6));
  expect(far.unread(99, "x"), "nothing is known yet").toBe(0);
  far.begin({ turn: 4, pointers: [[1, 9]], behind: [] });
  expect(far.unread(2, "x")).toBe(7);
  far.move(moved(5));
  far.move(moved(8));
  expect(far.unread(2, "x"), "one is missing").toBe(7);
  far.move(moved(7));
  expect(far.unread(2, "x")).toBe(5);
  far.lost();
  far.move(moved(2));
  far.begin({ turn: 1, pointers: [[1, 3]], behind: [] });
  expect(far.unread(2, "x"), "after a lost connection it begins anew").toBe(2);
  far.begin(null);
  expect(far.unread(2, "x")).toBe(0);
});

test("random readers: as many as a naive count says", () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >>> 8) % below;
  };
  for (let round = 0; round < 100; round++) {
    const people = new Map(Array.from({ length: 1 + random(20) }, (_, n) => [`p${n}`, random(50)]));
    const written = new Map<string, number>();
    const behind = () =>
      [...people].filter(([person, read]) => (written.get(person) ?? 0) > read).map(([person, read]) => ({ person, read }));
    const pointers = () => {
      const counts = new Map<number, number>();
      for (const read of people.values()) counts.set(read, (counts.get(read) ?? 0) + 1);
      return [...counts] as [number, number][];
    };
    const far = new HowFar();
    far.begin({ turn: 0, pointers: pointers(), behind: behind() });
    for (let turn = 1; turn < 30; turn++) {
      const moved: [number, number][] = [];
      for (let n = random(4); n > 0; n--) {
        const person = `p${random(people.size)}`;
        const to = random(50);
        moved.push([people.get(person)!, -1], [to, 1]);
        people.set(person, to);
        if (random(3) === 0) written.set(person, random(50));
      }
      far.move({ room: "r", turn, moved, behind: behind() });
      for (let id = 0; id <= 50; id += 7) {
        const author = `p${random(people.size)}`;
        const counts = [...people].filter(([person, read]) => read < id && !(person === author && (written.get(person) ?? 0) > read));
        expect(far.unread(id, author), `round ${round}, turn ${turn}, message ${id}`).toBe(counts.length);
      }
    }
  }
});
