// nginx as docs/operations.md has it.
import { documentedProxy } from "./support/documented.mjs";

documentedProxy({
  language: "nginx",
  configuration({ replace, port, folder, text }) {
    replace("listen 443 ssl;", `listen 127.0.0.1:${port};`);
    replace("ssl_certificate /etc/ssl/chat.example.pem;", "");
    replace("ssl_certificate_key /etc/ssl/chat.example.key;", "");
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    return `
      ${process.getuid?.() === 0 ? "user root;" : ""}
      daemon off;
      pid ${folder}/pid;
      events {}
      http {
        access_log off;
        ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n")}
        ${text()}
      }`;
  },
  command: (file, folder) => ["nginx", "-e", "stderr", "-p", folder, "-c", file],
  otherHosts: { status: 421, body: /allowed_hosts/ },
});
