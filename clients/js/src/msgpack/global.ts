// Entry of the script build whose sockets speak MessagePack.

import { defaults } from "../manager.js";
import * as parser from "./index.js";
import "../global.js";

defaults.parser = parser;
