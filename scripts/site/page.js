// What a page of the docs does in the browser: search, and a button that copies code.
import MiniSearch from "minisearch";
import { countText, searchOptions, shownMax } from "./search-options.ts";

const docs = new URL(document.documentElement.dataset.docs, location.href);
const box = document.querySelector(".search");
const input = box.querySelector("input");
const results = box.querySelector(".results");
let index;

/** Loaded when somebody searches. */
const loaded = () =>
  (index ??= fetch(new URL("search.json", docs))
    .then((answer) => answer.text())
    .then((text) => MiniSearch.loadJSON(text, searchOptions)));

async function search() {
  const asked = input.value.trim();
  if (asked === "") return close();
  const found = (await loaded()).search(asked);
  if (input.value.trim() !== asked) return;
  const list = found.slice(0, shownMax).map(({ id, page, heading, shown }) => {
    const link = document.createElement("a");
    link.href = new URL(id, docs).href;
    const lines = [["strong", heading], ...(heading === page ? [] : [["em", page]]), ["span", shown]];
    link.append(...lines.map(([tag, text]) => Object.assign(document.createElement(tag), { textContent: text })));
    const item = document.createElement("li");
    item.append(link);
    return item;
  });
  const said = document.createElement("p");
  said.setAttribute("role", "status");
  said.textContent = found.length === 0 ? `Nothing about “${asked}”.` : countText(found.length);
  const ul = document.createElement("ul");
  ul.append(...list);
  results.replaceChildren(said, ...(list.length > 0 ? [ul] : []));
  results.hidden = false;
}

function close() {
  results.hidden = true;
}

/** Up and down go through what was found. */
function move(event) {
  const links = [input, ...results.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape") {
    close();
    input.focus();
  } else if (event.key === "Enter" && at === 0) {
    links[1]?.click();
  } else if (step !== undefined && at >= 0) {
    event.preventDefault();
    links[Math.max(0, Math.min(links.length - 1, at + step))]?.focus();
  }
}

input.addEventListener("focus", loaded);
input.addEventListener("input", search);
box.addEventListener("keydown", move);
document.addEventListener("click", (event) => box.contains(event.target) || close());
results.addEventListener("click", close);
document.addEventListener("keydown", (event) => {
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  input.focus();
});

// The contents stand beside the text where there is room, and are folded above it where there is none.
const contents = document.querySelector(".contents details");
if (matchMedia("(max-width: 860px)").matches) contents.open = false;
const here = contents.querySelector("[aria-current]");
if (here) contents.parentElement.scrollTop = here.offsetTop - contents.parentElement.clientHeight / 2;

for (const code of document.querySelectorAll(".code")) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.querySelector("pre").innerText);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1_500);
  });
  code.append(button);
}
