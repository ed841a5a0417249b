// A TCP proxy that loses its connections at random bytes, in either direction: with both sides told, or
// silently for a while.
import { TcpProxy } from "./tcp-proxy.mjs";

export class CuttingProxy extends TcpProxy {
  /** Connections that were lost. */
  cuts = 0;
  /** Nothing is lost any more, if that is set. */
  isCalm = false;

  carry(client, server) {
    const both = [client, server];
    let isLost = false;
    const lose = (isSilent) => {
      if (isLost || this.isCalm) return;
      isLost = true;
      this.cuts += 1;
      const end = () => both.forEach((connection) => connection.destroySoon());
      if (isSilent) setTimeout(end, Math.random() * 300);
      else end();
    };
    for (const [from, to] of [both, both.toReversed()]) {
      let left = bytesUntilCut();
      from.on("data", (chunk) => {
        if (isLost) return;
        if (chunk.length < left || this.isCalm) {
          left -= chunk.length;
          to.write(chunk);
        } else {
          to.write(chunk.subarray(0, left));
          lose(Math.random() < 0.2);
        }
      });
      from.on("end", () => to.end());
    }
    const timer = setTimeout(() => lose(Math.random() < 0.2), 50 + Math.random() * 1_000);
    both.forEach((connection) => connection.on("close", () => clearTimeout(timer)));
  }
}

/** Often amid the handshake or the reply, often amid what is sent again, often not at all. */
function bytesUntilCut() {
  const kind = Math.random();
  if (kind < 0.4) return Infinity;
  const limit = kind < 0.6 ? 800 : kind < 0.8 ? 6_000 : 60_000;
  return Math.floor(Math.random() * limit);
}
