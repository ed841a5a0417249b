// Apache as docs/operations.md has it, with one server.
import { documentedProxy } from "./support/documented.mjs";

const MODULES = "/usr/lib/apache2/modules";

documentedProxy({
  language: "apache",
  servers: 1,
  configuration({ replace, port, folder, text }) {
    replace("<VirtualHost *:443>", `<VirtualHost 127.0.0.1:${port}>`);
    replace("SSLEngine on", "");
    replace("SSLCertificateFile /etc/ssl/chat.example.pem", "");
    replace("SSLCertificateKeyFile /etc/ssl/chat.example.key", "");
    const modules = ["mpm_event", "authz_core", "headers", "proxy", "proxy_http"];
    // Its workers do not stay root.
    const user = process.getuid?.() === 0 ? "User www-data\nGroup www-data" : "";
    return `
${user}
ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
ErrorLog ${folder}/log
DefaultRuntimeDir ${folder}
${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join("\n")}
${text()}`;
  },
  command: (file) => ["apache2", "-D", "FOREGROUND", "-f", file],
  otherHosts: { status: 421, body: /allowed_hosts/ },
});
