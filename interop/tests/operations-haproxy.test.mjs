// HAProxy as docs/operations.md has it.
import { documentedProxy } from "./support/documented.mjs";

documentedProxy({
  language: "haproxy",
  configuration({ replace, port, text }) {
    replace("bind :443 ssl crt /etc/ssl/chat.example.pem alpn h2,http/1.1", `bind 127.0.0.1:${port}`);
    return text();
  },
  command: (file) => ["haproxy", "-db", "-f", file],
  otherHosts: { status: 421, body: /allowed_hosts/ },
});
