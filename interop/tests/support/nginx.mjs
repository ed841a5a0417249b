// nginx, with all that it writes in a folder of its own.

/** A configuration with this text in its `http` block. */
export function nginxConfiguration(folder, http) {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  // Started by root it would give its workers to a user that may not enter the folder.
  return `
    ${process.getuid?.() === 0 ? "user root;" : ""}
    daemon off;
    pid ${folder}/pid;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n")}
      ${http}
    }`;
}

/** Starts it with that file. */
export const nginxCommand = (file, folder) => ["nginx", "-e", "stderr", "-p", folder, "-c", file];
