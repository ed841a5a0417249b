// npm socket.io on Node as one server of a cluster: `node socket-io-cluster.mjs PORT classic|sharded|streams REDIS`.
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { serve } from "./socket-io-events.mjs";

const [port, kind, url] = process.argv.slice(2);
const publisher = createClient({ url });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);
const create = { classic: createAdapter, sharded: createShardedAdapter, streams: createStreamsAdapter }[kind];
const http = createServer();
const io = new Server(http, { serveClient: false, adapter: create(publisher, kind === "streams" ? {} : subscriber) });
serve(io);
http.listen(Number(port), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
