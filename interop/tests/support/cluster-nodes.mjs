// Nodes of a cluster that are driven alike: ours by lines of JSON over `stand-in cluster`, Node's official server in this
// process. `request({ do, nsp, … })` gives what the stand-in answers with; what happens is told as events of the same names.
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";
import { binary } from "./program.mjs";
import { PATIENCE, within } from "./waiting.mjs";

/** Our node. */
export class OurNode extends EventEmitter {
  #child;
  #exit;
  #next = 1;
  #waiting = new Map();
  log = "";

  static async start(...options) {
    const node = new OurNode();
    const args = ["cluster", ...options.map(String)];
    node.#child = spawn(binary("stand-in"), args, { stdio: ["pipe", "pipe", "pipe"] });
    node.#exit = once(node.#child, "exit");
    node.#child.stderr.setEncoding("utf8").on("data", (text) => { node.log += text; });
    createInterface({ input: node.#child.stdout }).on("line", (line) => node.#hear(JSON.parse(line)));
    const ended = node.#exit.then(([code]) => { throw new Error(`the node ended with ${code}:\n${node.log}`); });
    ended.catch(() => {});
    const listening = Promise.race([once(node, "listening"), ended]);
    [{ port: node.port }] = await within(PATIENCE, "our node", listening);
    return node;
  }

  #hear(said) {
    if (said.event) return void this.emit(said.event, fromWire(said));
    const { resolve, reject } = this.#waiting.get(said.id);
    this.#waiting.delete(said.id);
    if ("ok" in said) resolve(fromWire(said.ok));
    else reject(Object.assign(new Error(said.error), { partial: said.partial }));
  }

  request(request) {
    const id = this.#next++;
    const answered = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdin.write(`${JSON.stringify(toWire({ id, ...request }))}\n`);
    return within(PATIENCE, JSON.stringify(request), answered);
  }

  async close() {
    await this.request({ do: "close" });
    const [code] = await within(PATIENCE, "the end of our node", this.#exit);
    if (code !== 0) throw new Error(`the node ended with ${code}:\n${this.log}`);
  }

  async kill() {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }
}

/** Node's, with an adapter that was made for it. */
export class OfficialNode extends EventEmitter {
  #io;
  #calls = new Map();
  #next = 1;
  #known = new Set();

  static async start(adapter, options, port = 0) {
    const node = new OfficialNode();
    const http = createServer();
    node.#io = new Server(http, { adapter, ...options });
    node.#nsp("/");
    node.#io.of(/^\//).on("connection", () => {});
    node.#io.on("new_namespace", (nsp) => node.#nsp(nsp.name));
    http.listen(port, "127.0.0.1");
    await once(http, "listening");
    node.port = http.address().port;
    return node;
  }

  /** A namespace, whose events are told from now on. */
  #nsp(name) {
    const nsp = this.#io.of(name);
    if (this.#known.has(name)) return nsp;
    this.#known.add(name);
    nsp.on("connection", (socket) => {
      const { id, handshake, data, recovered } = socket;
      const rooms = [...socket.rooms];
      this.emit("connection", { nsp: name, socket: id, rooms, handshake, data, recovered });
      socket.on("disconnect", (reason) => this.emit("disconnect", { nsp: name, socket: id, reason }));
    });
    // Events between servers are emitted on the namespace.
    const emit = nsp._onServerSideEmit.bind(nsp);
    nsp._onServerSideEmit = (args) => {
      const [event, ...rest] = args;
      const told = { nsp: name, name: event, args: rest };
      if (typeof rest.at(-1) === "function") {
        const call = this.#next++;
        this.#calls.set(call, rest.pop());
        told.call = call;
      }
      this.emit("server_side", told);
      return emit(args);
    };
    return nsp;
  }

  async request(request) {
    const { nsp: name = "/", rooms = [], except = [], local, volatile, compress, timeout } = request;
    const nsp = this.#nsp(name);
    let to = rooms.length > 0 && request.socket === undefined ? nsp.to(rooms) : nsp.except([]);
    if (except.length > 0) to = to.except(except);
    if (local) to = to.local;
    if (volatile) to = to.volatile;
    if (compress !== undefined) to = to.compress(compress);
    if (timeout !== undefined) to = to.timeout(timeout);
    const { event, args = [] } = request;
    switch (request.do) {
      case "emit":
        if (!request.ack) return void to.emit(event, ...args);
        return new Promise((resolve) => to.emit(event, ...args, (error, responses) =>
          resolve({ responses, error: error?.message ?? null })));
      case "fetch": {
        const sockets = await to.fetchSockets();
        return sockets.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake }));
      }
      case "join": return void to.socketsJoin(request.targets);
      case "leave": return void to.socketsLeave(request.targets);
      case "disconnect": return void to.disconnectSockets(request.close);
      case "server_side_emit":
        if (!request.ack) return void nsp.serverSideEmit(event, ...args);
        return new Promise((resolve) => nsp.serverSideEmit(event, ...args, (error, responses) =>
          resolve({ responses, error: error?.message ?? null })));
      case "answer":
        this.#calls.get(request.call)(...args);
        return null;
      case "socket_emit": {
        const [socket] = await nsp.in(request.socket).fetchSockets();
        if (!request.ack) return void socket.emit(event, ...args);
        return { response: await socket.timeout(timeout ?? 5000).emitWithAck(event, ...args) };
      }
      case "socket_join": return void nsp.in(request.socket).socketsJoin(rooms);
      case "socket_leave": return void nsp.in(request.socket).socketsLeave(rooms);
      case "set_data":
        nsp.sockets.get(request.socket).data = request.data;
        return null;
      case "count": return nsp.adapter.serverCount();
      default: throw new Error(`what is ${request.do}?`);
    }
  }

  /** From now on it keeps no sessions for clients that come back. */
  forgetSessions() {
    this.#io.of("/").adapter.persistSession = () => {};
  }

  async close() {
    await this.#io.close();
  }
}

function toWire(value) {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString("base64") };
  if (Array.isArray(value)) return value.map(toWire);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, toWire(field)]));
}

function fromWire(value) {
  if (Array.isArray(value)) return value.map(fromWire);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return Buffer.from(value.$bytes, "base64");
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, fromWire(field)]));
}
