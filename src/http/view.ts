// The page at /view: what runs, and how far the newest batches are. One file without dependencies; it polls the API,
// asks for a token when the API wants one, and says so when the API does not answer.
export const viewPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Baton</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { margin: 0; font-size: 1.5rem; }
  header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; }
  .table { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
  th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
  th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
  td.zero { opacity: .35; }
  code { font-size: .9em; }
</style>
</head>
<body>
<header><h1>Baton</h1><span id="health" role="status">asking…</span><a href="docs">API documentation</a></header>
<div class="table">
<table aria-label="Newest batches"><thead><tr id="head"></tr></thead><tbody id="rows"></tbody></table>
</div>
<p id="note">The newest batches, refreshed every second.</p>
<script>
const states = ["waiting","pending","claimed","running","retrying","paused","success","failure","canceled","skipped"];
const byId = (id) => document.getElementById(id);
let token = sessionStorage.getItem("token") || "";
const cell = (tag, text, zero) => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (zero) element.className = "zero";
  return element;
};
byId("head").append(...["batch", "created", "tasks", ...states].map((name) => cell("th", name)));
async function get(path) {
  const answer = await fetch(path, token ? { headers: { authorization: "Bearer " + token } } : {});
  if (answer.status === 401) {
    token = prompt("Token") || "";
    sessionStorage.setItem("token", token);
  }
  if (!answer.ok) throw new Error(answer.status + " " + ((await answer.json().catch(() => ({}))).error || ""));
  return answer.json();
}
async function refresh() {
  try {
    const health = await get("health");
    byId("health").textContent = health.status;
    const batches = await get("batches?page_size=20");
    byId("rows").replaceChildren(...batches.map((batch) => {
      const row = document.createElement("tr");
      row.append(
        cell("td", batch.batch_id),
        cell("td", new Date(batch.created_at).toLocaleString()),
        cell("td", batch.total_tasks),
        ...states.map((state) => cell("td", batch.status_counts[state], batch.status_counts[state] === 0)),
      );
      return row;
    }));
    byId("note").textContent = batches.length ? "The newest batches, refreshed every second." : "Nothing has been posted yet.";
  } catch (error) {
    byId("note").textContent = "Could not refresh: " + error.message;
  }
  setTimeout(refresh, 1000);
}
refresh();
</script>
</body>
</html>
`;
