// Compiled, never run: the types that users see, by `require`.

import io = require("sockeye-client");

interface Events {
  chat: (text: string, ack: (id: number) => void) => void;
}

const socket: io.Socket<Events> = io<Events>("http://a", { forceNew: true });
socket.on("chat", (text, ack) => ack(text.length));
const named: io.Socket = io.io("http://a");
const manager: io.Manager = new io.Manager("http://a");
const options: io.ManagerOptions = { reconnection: false };
const reason: io.DisconnectReason = "transport close";

// @ts-expect-error no such event
socket.on("nothing", () => {});

export = { named, manager, options, reason, byDefault: io.default };
