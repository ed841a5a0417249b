// Recovery under connections that are lost at random bytes, for as long as you like: both clients, each
// over polling, WebSocket and both, all at once. Prints a table; fails if anything came twice, was lost
// or came in another order.
//
//   cargo build -p sockeye-interop && node recovery.mjs [SECONDS]
import { standIn } from "./tests/support/program.mjs";
import { KINDS, torment } from "./tests/support/recovering.mjs";

const seconds = Number(process.argv[2] ?? 300);
const server = await standIn("recovery");
const end = performance.now() + seconds * 1_000;
const rows = await Promise.all(KINDS.map(async (kind) => {
  const seen = await torment(kind, server.port, () => performance.now() > end, Infinity);
  return { client: kind.name, ...seen };
}));
await server.stop();
console.table(rows);
const isWrong = ({ twice, lost, disordered }) => twice + lost + disordered > 0;
process.exitCode = rows.some(isWrong) ? 1 : 0;
