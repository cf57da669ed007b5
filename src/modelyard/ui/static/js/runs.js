// The table of runs: sorted in place, chosen, kept on top, columns picked, completed, and drawn anew when runs change.
import { el, icon } from "./draw.js";
import { complete } from "./offers.js";
import { number } from "./write.js";

const table = document.querySelector("yard-table[data-indexed]"), bar = document.querySelector(".chosen-bar"), chosen = new Map();
const state = () => new URLSearchParams(location.search);
const road = () => new URLSearchParams(state().getAll("experiment").map(e => ["experiment", e])).toString();

// --- choosing: ticks outlive scrolling, because they are kept by run and not by row
const tell = () => {
  const many = chosen.size, clear = bar.querySelector("[data-chosen-clear]"), top = bar.querySelector("[data-chosen-keep]");
  bar.querySelector("[data-chosen-count]").textContent = many ? `${number(many)} chosen` : "Tick runs to compare them";
  bar.querySelector("[data-chosen-names]").replaceChildren(...[...chosen.values()].slice(0, 6).map(name => el("bdi", { class: "cut t12" }, name)), ...(many > 6 ? [el("span", { class: "faint t12" }, `and ${many - 6} more`)] : []));
  clear.hidden = top.hidden = !many;
  if (bar.hidden !== !many) { bar.hidden = !many; table.fit(); table.plan(); }
};
const tick = (row, on) => {
  const box = row?.querySelector(".check");
  if (!box) return;
  box.checked = on;
  row.setAttribute("aria-selected", on);
  if (on) chosen.set(box.value, row.querySelector(".held-left")?.textContent.trim() ?? box.value);
  else chosen.delete(box.value);
};
const clear = () => { chosen.clear(); table.querySelectorAll("tbody tr").forEach(row => tick(row, false)); tell(); };
const go = fields => location.assign(`${location.pathname}?${fields}`);
const keep = () => {
  const here = document.activeElement?.closest?.("tr[data-run]"), runs = chosen.size ? [...chosen.keys()] : here ? [here.dataset.run] : [], fields = state();
  if (!runs.length) return;
  const top = new Set(fields.getAll("top")), all = runs.every(run => top.has(run));
  runs.forEach(run => all ? top.delete(run) : top.add(run));
  fields.delete("top");
  top.forEach(run => fields.append("top", run));
  go(fields);
};

// --- sorting in place
const sort = async (link, push) => {
  const key = link.dataset.sort, fields = state(), now = table.dataset.sort === key ? `-${key}` : key;
  const source = new URL(table.source, location.href);
  source.searchParams.set("sort", now);
  fields.set("sort", now);
  fields.delete("first");
  table.dataset.sort = now;
  await table.look(source.pathname + source.search);
  if (table.dataset.sort !== now) return; // sorted otherwise meanwhile
  // the head changes in the frame of its rows: one that changes before has the page laid out once more, and them wait for it
  for (const th of table.querySelectorAll("th[data-key]")) {
    const sorted = th.dataset.key === key;
    if (sorted) th.setAttribute("aria-sort", now.startsWith("-") ? "descending" : "ascending"); else th.removeAttribute("aria-sort");
    th.querySelector(".icon")?.remove();
    if (sorted) th.querySelector("a").append(icon(now.startsWith("-") ? "down-arrow" : "up-arrow", "icon small"));
  }
  if (push) history.pushState(null, "", `${location.pathname}?${fields}`);
};

const columns = async form => {
  const list = form.querySelector("[data-column-list]"), q = form.querySelector("[data-column-q]");
  if (!list.dataset.full) {
    list.dataset.full = "";
    const have = new Set([...list.querySelectorAll("[name=col]")].map(box => box.value));
    const { fields } = await (await fetch(`/runs/fields?${road()}`, { headers: { accept: "application/json" } })).json();
    for (const f of fields) if (!have.has(f.name) && !["run_name", "status", "user_id", "start_time"].includes(f.name)) list.append(el("li", {},
      el("label", { class: "run-on cut" }, el("input", { class: "check", type: "checkbox", name: "col", value: f.name }), el("bdi", { class: "mono cut" }, f.name), el("span", { class: "faint" }, f.runs ? number(f.runs) : "")),
      el("label", { class: "push run-on faint" }, el("input", { class: "check", type: "checkbox", name: "pin", value: f.name }), "pinned")));
  }
  q.oninput = () => list.querySelectorAll("li").forEach(li => { li.hidden = !li.textContent.toLowerCase().includes(q.value.toLowerCase()); });
  q.focus();
};

const input = document.querySelector("[data-seek] input[name=where]");
if (input) complete(input, document.getElementById("where-list"), road);
document.querySelectorAll("[data-at-once]").forEach(form => form.addEventListener("change", () => form.requestSubmit()));
document.querySelector("[data-opens=choose-columns]")?.addEventListener("click", () => columns(document.querySelector("[data-columns]")));
document.querySelector("[data-columns]")?.addEventListener("change", event => { // what is pinned is shown
  const li = event.target.closest("li"), box = name => li?.querySelector(`[name=${name}]`);
  if (event.target.name === "pin" && event.target.checked) box("col").checked = true;
  if (event.target.name === "col" && !event.target.checked) box("pin").checked = false;
});
document.getElementById("group")?.addEventListener("focus", async event => {
  const list = document.getElementById("group-list");
  if (list.dataset.full !== undefined) return;
  list.dataset.full = "";
  const { fields } = await (await fetch(`/runs/fields?${road()}`, { headers: { accept: "application/json" } })).json();
  list.append(...fields.filter(f => /^(params|tags)\./.test(f.name)).map(f => el("option", { value: f.name })));
  event.target.blur();
  event.target.focus();
}, { once: true });

if (!table && bar) bar.hidden = true;
if (table) {
  const said = () => document.getElementById("runs-said"), apart = () => "tally" in said().dataset;
  table.picked = chosen;
  table.addEventListener("change", event => {
    if (event.target.matches("[data-pick-all]")) table.querySelectorAll("tbody tr[data-run]").forEach(row => tick(row, event.target.checked));
    else tick(event.target.closest("tr[data-run]"), event.target.checked);
    tell();
  });
  table.addEventListener("click", event => {
    const link = event.target.closest("a[data-sort]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    sort(link, true).catch(() => location.assign(link.href));
  });
  table.addEventListener("yard:found", event => { if (!apart()) said().textContent = `${number(event.detail)} ${event.detail === 1 ? "run" : "runs"}.`; });
  // --- counting: rows come first; how many there are, and in which states, is asked for behind them and again after news
  let counting = false, due = false, counted = false;
  const count = async () => {
    due = counting;
    if (counting) return;
    counting = counted = true;
    try {
      const answer = await fetch(`/runs/tally${new URL(table.source, location.href).search}`, { headers: { accept: "application/json" } }), told = await answer.json();
      if (answer.ok) {
        said().textContent = told.state;
        if (table.bound(told.total)) table.plan();
      }
    } catch { counted = false; } // what stands there, "more than", stays true
    setTimeout(() => { counting = false; if (due) count(); }, 2000);
  };
  table.addEventListener("yard:uncounted", event => { if (!counted || event.detail) count(); });
  if (apart()) setTimeout(count, 150);
  document.querySelector("[data-chosen]").addEventListener("submit", event => {
    event.preventDefault();
    const here = document.activeElement?.closest?.("tr[data-run]"), runs = chosen.size ? [...chosen.keys()] : here ? [here.dataset.run] : [];
    if (runs.length) location.assign(`/compare?${new URLSearchParams(runs.map(run => ["run", run]))}`);
  });
  bar.querySelector("[data-chosen-clear]").addEventListener("click", clear);
  bar.querySelector("[data-chosen-keep]").addEventListener("click", keep);
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input:not(.check), textarea, select") || document.querySelector("dialog[open]")) return;
    if (event.key === "x") { const row = document.activeElement?.closest?.("tr[data-run]"); if (row) { tick(row, !row.querySelector(".check").checked); tell(); event.preventDefault(); } }
    else if (event.key === "p") { keep(); event.preventDefault(); }
    else if (event.key === "Escape" && chosen.size) clear();
  });
  addEventListener("popstate", () => location.reload());
  addEventListener("resize", () => { table.fit(); table.plan(); });
  const anew = () => table.again ??= setTimeout(() => { table.again = null; counted = false; table.refresh(); if (apart()) count(); }, 500); // at most two looks in a second
  addEventListener("yard:news", event => { if (event.detail.topics.includes("runs")) anew(); });
  addEventListener("yard:points", () => { if (table.querySelector(".mark.run")) anew(); });
  tell();
}
