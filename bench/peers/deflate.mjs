// What compression costs and gains: `bench_server --deflate on` beside npm `ws`, which keeps a
// compressor and its memory for each connection unless it is told not to.
//
//   node deflate.mjs [CONNECTIONS] [MESSAGES]      (in bench/peers, after `cargo build --release`)
//
// Each connection sends so many JSON messages of about 2 KiB and gets each back. Told are the bytes
// that came over the wire for each byte of text, the server's processor time for each message, and
// what its resident memory grew by, over the number of connections, after two seconds of silence.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import WebSocket, { WebSocketServer } from "ws";

if (process.argv[2] === "serve") serve(JSON.parse(process.argv[3]));
else await compare(Number(process.argv[2] ?? 1000), Number(process.argv[3] ?? 20));

function serve(perMessageDeflate) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate });
  server.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
  server.on("listening", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
}

async function compare(connections, messages) {
  const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
  const ours = [`${target}/release/bench_server`, ["--port", "0", "--deflate", "on"]];
  const theirs = (options) => [process.execPath, [process.argv[1], "serve", JSON.stringify(options)]];
  const forgetting = { serverNoContextTakeover: true, clientNoContextTakeover: true };
  console.log(`${connections} connections, ${messages} messages each\n`);
  console.log("| server | wire / text | us per message | bytes per connection |\n|---|---|---|---|");
  for (const [name, [program, args]] of [
    ["sockeye (nothing remembered)", ours],
    ["ws, nothing remembered", theirs({ threshold: 1024, ...forgetting })],
    ["ws, its defaults (remembers)", theirs(true)],
  ]) {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [line] = await once(child.stdout.setEncoding("utf8"), "data");
      const port = /:(\d+)\s*$/m.exec(line)[1];
      const { wire, text, before, after, cpu } = await measure(child.pid, port, connections, messages);
      const perConnection = Math.round((after - before) / connections);
      const perMessage = (cpu / (connections * messages)).toFixed(1);
      console.log(`| ${name} | ${(wire / text).toFixed(3)} | ${perMessage} | ${perConnection} |`);
    } finally {
      child.kill();
      await once(child, "exit");
    }
  }
}

async function measure(pid, port, connections, messages) {
  const before = resident(pid);
  const url = `ws://127.0.0.1:${port}/echo`;
  const sockets = [];
  for (let index = 0; index < connections; index += 1) {
    const socket = new WebSocket(url, { perMessageDeflate: { threshold: 1024 } });
    await once(socket, "open");
    assert.match(socket.extensions, /^permessage-deflate/);
    sockets.push(socket);
  }
  const opened = sockets.map((socket) => socket._socket.bytesRead);
  const started = cpuMicroseconds(pid);
  let text = 0;
  for (let round = 0; round < messages; round += 1) {
    await Promise.all(sockets.map(async (socket, index) => {
      const message = sample(index, round);
      const echo = once(socket, "message");
      socket.send(message);
      const [data] = await echo;
      assert.equal(data.toString(), message);
      text += message.length;
    }));
  }
  const cpu = cpuMicroseconds(pid) - started;
  const wire = sockets.reduce((sum, socket, index) => sum + socket._socket.bytesRead - opened[index], 0);
  await pause(2000);
  const after = resident(pid);
  for (const socket of sockets) socket.terminate();
  return { wire, text, before, after, cpu };
}

/** What a chat sends: names that repeat, numbers and words that do not. */
function sample(seed, round) {
  let state = seed * 2654435761 + round * 40503 + 1;
  const next = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
  const word = () => Array.from({ length: 3 + next(6) }, () => "etaoinshrdlu"[next(12)]).join("");
  const entry = () => ({
    id: next(1e9),
    author: word(),
    at: 1.7e12 + next(1e9),
    text: Array.from({ length: 8 }, word).join(" "),
  });
  return JSON.stringify({ type: "history", room: word(), messages: Array.from({ length: 16 }, entry) });
}

function resident(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

function cpuMicroseconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  // utime and stime, in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
