// Caddy as docs/operations.md has it. Other names it does not hand on.
import { documentedProxy } from "./support/documented.mjs";

documentedProxy({
  language: "caddy",
  configuration({ replace, port, text }) {
    replace("chat.example {", `http://chat.example:${port} {`);
    return `{
  admin off
  auto_https off
  default_bind 127.0.0.1
}
${text()}`;
  },
  command: (file) => ["caddy", "run", "--adapter", "caddyfile", "--config", file],
  otherHosts: { status: 200, body: /^$/ },
});
