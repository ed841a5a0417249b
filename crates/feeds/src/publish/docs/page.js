// The page to try the publishing API: what it offers comes from openapi.json, what is typed in stays here.
"use strict";

const byId = (id) => document.getElementById(id);
const [key, input, status, answer, command] = ["key", "input", "status", "answer", "command"].map(byId);

let api;
let chosen;
/** What was typed for each operation, so that looking at another one loses nothing. */
const typed = new Map();

function resolve(node) {
  if (!node || !node.$ref) return node;
  return node.$ref.slice(2).split("/").reduce((at, part) => at[part], api);
}

/** The operations as [{path, method, operation}]: what most come for first, and the rest as it is listed. */
function operations() {
  const all = Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));
  const isFirst = ({ path }) => path === "/publish";
  return [...all.filter(isFirst), ...all.filter((entry) => !isFirst(entry))];
}

function suggestion({ method, operation }) {
  if (method === "GET") return "namespace=/";
  const schema = resolve(operation.requestBody.content["application/json"].schema);
  return JSON.stringify(schema.examples[0], null, 2);
}

function address() {
  const url = new URL(chosen.path.slice(1), location.href);
  if (chosen.method === "GET") url.search = input.value.trim().replace(/^\?/, "");
  return url;
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function showCommand() {
  const parts = ["curl -H \"Authorization: Bearer $SOCKEYE_KEY\""];
  if (chosen.method === "POST") parts.push(`--json ${quoted(input.value.trim())}`);
  parts.push(quoted(address().href));
  command.textContent = parts.join(" \\\n  ");
}

function check() {
  let error = "";
  if (chosen.method === "POST") {
    try {
      JSON.parse(input.value);
    } catch (cause) {
      error = `This is no JSON yet: ${cause.message}`;
    }
  }
  byId("input-error").textContent = error;
  input.setAttribute("aria-invalid", String(error !== ""));
  return error === "";
}

function choose(entry) {
  if (chosen) typed.set(chosen.path, input.value);
  chosen = entry;
  input.value = typed.get(entry.path) ?? suggestion(entry);
  byId("input-label").textContent = entry.method === "GET" ? "Query" : "Body";
  byId("summary").textContent = `${entry.method} ${address().pathname}: ${entry.operation.summary}.`;
  const list = byId("responses");
  list.replaceChildren();
  for (const [code, response] of Object.entries(entry.operation.responses)) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = code;
    text.textContent = response.description.replaceAll("`", "");
    list.append(term, text);
  }
  check();
  showCommand();
}

async function send(event) {
  event.preventDefault();
  if (!check()) return input.focus();
  const button = byId("send");
  button.disabled = true;
  show("", "Sending …", "");
  try {
    const headers = new Headers();
    if (key.value.trim()) headers.set("Authorization", `Bearer ${key.value.trim()}`);
    const request = { method: chosen.method, headers, credentials: "omit", cache: "no-store" };
    if (chosen.method === "POST") {
      headers.set("Content-Type", "application/json");
      request.body = input.value;
    }
    const response = await fetch(address(), request);
    const text = await response.text();
    const wait = response.headers.get("Retry-After");
    const more = wait ? `, try again in ${wait} s` : "";
    show(response.ok ? "good" : "bad", `${response.status} ${response.statusText}${more}`, pretty(text));
  } catch (error) {
    show("bad", `Not sent, or not answered: ${error.message}`, "");
  } finally {
    button.disabled = false;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function show(kind, line, body) {
  status.dataset.kind = kind;
  status.textContent = line;
  answer.textContent = body;
}

async function start() {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`openapi.json was answered with ${response.status}`);
  api = await response.json();
  const all = operations();
  for (const entry of all) {
    const [label, radio] = [document.createElement("label"), document.createElement("input")];
    radio.type = "radio";
    radio.name = "operation";
    radio.value = entry.path;
    radio.checked = entry === all[0];
    radio.addEventListener("change", () => choose(entry));
    label.append(radio, entry.operation.operationId);
    byId("operations").append(label);
  }
  choose(all[0]);
  input.addEventListener("input", () => {
    check();
    showCommand();
  });
  byId("request").addEventListener("submit", send);
}

start().catch((error) => show("bad", `The page cannot begin: ${error.message}`, ""));
