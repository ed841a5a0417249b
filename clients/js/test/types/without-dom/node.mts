// Compiled, never run: the package in a Node program, whose types know no DOM.

import { io, Manager, type Socket, WebSocket } from "sockeye-client";
import { io as logged } from "sockeye-client/debug";
import { Socket as Engine } from "sockeye-client/engine";
import * as parser from "sockeye-client/msgpack";
import { url } from "sockeye-client/url";

const socket: Socket = io("https://example.com", { transports: [WebSocket], parser });
const manager = new Manager("https://example.com");
const delay: number = manager.backoff.ms;
const hostname: string = new Engine("https://example.com").hostname;

export { delay, hostname, logged, manager, socket, url };
