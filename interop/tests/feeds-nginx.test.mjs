// Feeds behind nginx with its defaults: it buffers, and speaks HTTP/1.0 or 1.1 to the server by its version.
import { feedsBehind, PATIENCE_SECONDS } from "./support/behind.mjs";

feedsBehind({
  name: "nginx",
  configuration({ port, upstream, folder }) {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    return `
      ${process.getuid?.() === 0 ? "user root;" : ""}
      daemon off;
      pid ${folder}/pid;
      events {}
      http {
        access_log off;
        ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n")}
        gzip on;
        gzip_min_length 100;
        gzip_types application/json text/event-stream application/x-ndjson;
        server {
          listen 127.0.0.1:${port};
          location / {
            proxy_pass http://127.0.0.1:${upstream};
            proxy_read_timeout ${PATIENCE_SECONDS}s;
          }
        }
      }`;
  },
  command: (file, folder) => ["nginx", "-e", "stderr", "-p", folder, "-c", file],
});
