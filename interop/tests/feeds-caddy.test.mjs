// Feeds behind Caddy with its defaults, which compress where they are asked to.
import { feedsBehind, PATIENCE_SECONDS } from "./support/behind.mjs";

feedsBehind({
  name: "caddy",
  configuration: ({ port, upstream }) => `{
  admin off
  auto_https off
  default_bind 127.0.0.1
}
http://:${port} {
  encode gzip
  reverse_proxy 127.0.0.1:${upstream} {
    transport http {
      read_timeout ${PATIENCE_SECONDS}s
    }
  }
}
`,
  command: (file) => ["caddy", "run", "--adapter", "caddyfile", "--config", file],
});
