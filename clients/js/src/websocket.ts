// The smallest build: WebSocket only, without the features of `features/`.

import { lookup } from "./io.js";
import { Manager } from "./manager.js";
import { protocol } from "./parser/packet.js";
import { Socket } from "./socket.js";

export { lookup as connect, lookup as default, lookup as io, Manager, protocol, Socket };
