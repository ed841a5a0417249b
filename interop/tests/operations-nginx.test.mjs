// nginx as docs/operations.md has it.
import { documentedProxy } from "./support/documented.mjs";
import { nginxCommand, nginxConfiguration } from "./support/nginx.mjs";

documentedProxy({
  language: "nginx",
  configuration({ replace, port, folder, text }) {
    replace("listen 443 ssl;", `listen 127.0.0.1:${port};`);
    replace("ssl_certificate /etc/ssl/chat.example.pem;", "");
    replace("ssl_certificate_key /etc/ssl/chat.example.key;", "");
    return nginxConfiguration(folder, text());
  },
  command: nginxCommand,
  otherHosts: { status: 421, body: /allowed_hosts/ },
});
