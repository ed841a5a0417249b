// Ends connections with a reset.

/**
 * Resets a connection of `node:net`; one whose sending side has ended is destroyed instead. Node 20 cannot reset
 * while that end is on its way: the handle then stays open, and the process never ends, with its processor at full
 * load (libuv's `uv_tcp_close_reset` answers EINVAL, and Node closes nothing).
 */
export function reset(connection) {
  if (connection.writableEnded) connection.destroy();
  else connection.resetAndDestroy();
}
