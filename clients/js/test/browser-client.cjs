// The script build as CommonJS, which `import` would take for an ES module by its name.

const fs = require("node:fs");
const path = require("node:path");

const script = fs.readFileSync(path.join(__dirname, "../dist/socket.io.min.js"), "utf8");
new Function("module", script)(module);
