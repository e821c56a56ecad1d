"use strict";
const all = (query, node = document) => [...node.querySelectorAll(query)];

// Copy buttons: made here, so that a page without script shows none that does nothing.
for (const line of all(".replay")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const text = line.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(line.querySelector("code"));
      button.textContent = "Selected";
    }
  });
  line.append(button);
}

// A link from the matrix opens the operator that it leads to.
function reveal() {
  const node = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (node && node.tagName === "DETAILS") { node.open = true; node.scrollIntoView(); }
}
addEventListener("hashchange", reveal);
reveal();

// Filter of the laws; its state is in the URL's query, so that a view can be passed on.
const find = document.getElementById("find"), bad = document.getElementById("bad");
const state = new URLSearchParams(location.search);
const notPassing = /\b(fail|error|crash|timeout|incomplete|excused|unsupported)\b/;

function filter() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const op of all(".op")) {
    let some = false;
    for (const law of all(".one", op)) {
      const text = (op.id + " " + law.textContent).toLowerCase();
      const good = !all("td[class]", law).some(cell => notPassing.test(cell.className));
      law.hidden = !words.every(word => text.includes(word)) || (bad.checked && good);
      some ||= !law.hidden;
      shown += !law.hidden;
    }
    op.hidden = !some;
    if (words.length || bad.checked) op.open = some;
  }
  const number = shown === 1 ? "1 law" : shown + " laws";
  document.getElementById("shown").textContent = words.length || bad.checked ? number : "";
  const query = new URLSearchParams();
  if (find.value) query.set("find", find.value);
  if (bad.checked) query.set("bad", "1");
  try { history.replaceState(null, "", (query.size ? "?" + query : location.pathname) + location.hash); } catch { /* file: in some browsers */ }
}

document.querySelector(".filter").hidden = false;
find.value = state.get("find") || "";
bad.checked = state.has("bad");
if (find.value || bad.checked) filter();
find.addEventListener("input", filter);
bad.addEventListener("change", filter);
document.querySelector(".filter").addEventListener("submit", event => event.preventDefault());
for (const [id, open] of [["open", true], ["shut", false]])
  document.getElementById(id).addEventListener("click", () => all(".op, .one").forEach(node => { node.open = open; }));
