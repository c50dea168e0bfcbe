// The reference of HTTP, with a form under each call: it is sent to the Baton that served the page. A token is kept for as long as
// the tab is open; ids of what was created are filled in where the next call needs them.
const docs = new URL(document.documentElement.dataset.docs, location.href);
const base = new URL("../", docs).href.replace(/\/$/, "");
const calls = await (await fetch(new URL("assets/calls.json", docs))).json();
const seen = {};

const make = (tag, fields = {}, ...inside) => {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...inside);
  return element;
};

const token = make("input", { type: "password", autocomplete: "off", value: sessionStorage.getItem("token") ?? "" });
token.addEventListener("input", () => sessionStorage.setItem("token", token.value));
const bar = make(
  "p",
  { className: "token" },
  make("label", {}, "Token ", token),
  " where this Baton asks for one. It stays in this tab.",
);
document.querySelector("h1").after(bar);

for (const heading of document.querySelectorAll("main h3")) {
  const call = calls[heading.id];
  if (call) heading.after(trying(call));
}
// What stands above has moved.
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();

function trying(call) {
  const details = make("details", { className: "try" }, make("summary", {}, `Try ${call.method} ${call.path}`));
  details.addEventListener("toggle", () => details.open && details.children.length === 1 && details.append(form(call)));
  return details;
}

function form(call) {
  const fields = call.parameters.map((parameter) => ({ parameter, input: make("input", inputOf(call, parameter)) }));
  const body = call.body === undefined ? undefined : make("textarea", textOf(call.body));
  const send = make("button", { type: "submit", textContent: "Send" });
  const answer = make("div", { className: "answer" });
  answer.setAttribute("aria-live", "polite");
  const rows = fields.map(({ parameter, input }) =>
    make(
      "label",
      {},
      make("span", { textContent: parameter.name }),
      input,
      make("small", { textContent: parameter.description }),
    ),
  );
  const all = make(
    "form",
    {},
    ...rows,
    ...(body ? [make("label", { className: "body" }, make("span", { textContent: "Body" }), body)] : []),
    send,
    answer,
  );
  all.addEventListener("submit", (event) => {
    event.preventDefault();
    perform(call, fields, body?.value, send, answer);
  });
  return all;
}

const inputOf = (call, { in: place, name, required, example }) => ({
  placeholder: String(example),
  required: required === true,
  spellcheck: false,
  value: place === "path" && name === "id" ? (seen[call.path.split("/")[1]] ?? "") : "",
});

function textOf(body) {
  const value = JSON.stringify(body, null, 2);
  return { value, rows: Math.min(24, value.split("\n").length), spellcheck: false };
}

async function perform(call, fields, body, send, answer) {
  const request = requestOf(call, fields, body);
  const stop = new AbortController();
  const ended = make("button", { type: "button", textContent: "Stop" });
  ended.addEventListener("click", () => stop.abort());
  send.disabled = true;
  const status = make("p", { className: "status", textContent: "…" });
  const text = make("pre", { tabIndex: 0 });
  answer.replaceChildren(
    status,
    ended,
    text,
    make("pre", { tabIndex: 0, className: "curl", textContent: curlOf(request) }),
  );
  const began = performance.now();
  try {
    const response = await fetch(request.url, { ...request.options, signal: stop.signal });
    const headers = ["x-batch-id", "link", "baton-deduplicated", "baton-warning", "retry-after", "allow"];
    const shown = headers
      .filter((name) => response.headers.has(name))
      .map((name) => `${name}: ${response.headers.get(name)}`);
    status.textContent = [
      `${response.status} ${response.statusText} · ${Math.round(performance.now() - began)} ms`,
      ...shown,
    ].join("\n");
    if (response.status === 401) status.textContent += "\nEnter a token at the top of this page.";
    const got = await streamed(response, text);
    remember(response, got);
    text.textContent = pretty(got);
  } catch (error) {
    if (!stop.signal.aborted) status.textContent = `No answer: ${error.message}`;
  }
  ended.remove();
  send.disabled = false;
}

function requestOf({ method, path, parameters: _ }, fields, body) {
  const url = new URL(base + path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(pathValue(fields, name))));
  const headers = token.value ? { authorization: `Bearer ${token.value}` } : {};
  for (const { parameter, input } of fields) {
    if (input.value === "" || parameter.in === "path") continue;
    if (parameter.in === "query") url.searchParams.append(parameter.name, input.value);
    else headers[parameter.name.toLowerCase()] = input.value;
  }
  if (body !== undefined && body !== "") headers["content-type"] = "application/json";
  return { url: url.href, options: { method, headers, ...(headers["content-type"] ? { body } : {}) } };
}

const pathValue = (fields, name) => fields.find(({ parameter }) => parameter.name === name)?.input.value ?? "";

const quoted = (text) => `'${text.replace(/'/g, "'\\''")}'`;

/** The same call for a shell; the token is left to the reader. */
function curlOf({ url, options: { method, headers, body } }) {
  const lines = Object.entries({
    ...headers,
    ...(headers.authorization ? { authorization: "Bearer $BATON_TOKEN" } : {}),
  }).map(([name, value]) =>
    name === "authorization" ? `-H "${name}: ${value}"` : `-H ${quoted(`${name}: ${value}`)}`,
  );
  return [
    "curl -s",
    ...(method === "GET" ? [] : [`-X ${method}`]),
    quoted(url),
    ...lines,
    ...(body ? [`-d ${quoted(body)}`] : []),
  ].join(" ");
}

/** A stream of events is shown as it comes. */
async function streamed(response, text) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let got = "";
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) return got;
    got += value;
    text.textContent = got.slice(-100_000);
  }
}

function remember(response, got) {
  const batch = response.headers.get("x-batch-id");
  if (!batch) return;
  seen.batch = batch;
  seen.dag = batch;
  seen.task = JSON.parse(got || "[]")[0]?.id;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2).slice(0, 200_000);
  } catch {
    return text;
  }
}
