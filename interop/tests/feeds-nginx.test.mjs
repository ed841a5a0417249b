// Feeds behind nginx with its defaults: it buffers, and speaks HTTP/1.0 or 1.1 to the server by its version.
import { feedsBehind, PATIENCE_SECONDS } from "./support/behind.mjs";
import { nginxCommand, nginxConfiguration } from "./support/nginx.mjs";

feedsBehind({
  name: "nginx",
  configuration({ port, upstream, folder }) {
    return nginxConfiguration(folder, `
      gzip on;
      gzip_min_length 100;
      gzip_types application/json text/event-stream application/x-ndjson;
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://127.0.0.1:${upstream};
          proxy_read_timeout ${PATIENCE_SECONDS}s;
        }
      }`);
  },
  command: nginxCommand,
});
