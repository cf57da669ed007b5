// Find or do anything: pages, things, actions and pasted refs, from the JSON twin of the page /find.
import { el, icon } from "./draw.js";
import { open } from "./overlays.js";

const lit = (text, words) => {
  const parts = [], lower = text.toLowerCase();
  let at = 0;
  const spots = words.map(word => [lower.indexOf(word), word.length]).filter(([i]) => i >= 0).sort((a, b) => a[0] - b[0]);
  for (const [i, length] of spots) {
    if (i < at) continue;
    parts.push(text.slice(at, i), el("mark", {}, text.slice(i, i + length)));
    at = i + length;
  }
  return [...parts, text.slice(at)];
};

export const start = () => {
  const box = document.querySelector("[data-palette-box]");
  if (!box) return;
  const input = box.querySelector("input"), list = box.querySelector("[role=listbox]");
  let chosen = 0, options = [], asked = 0, timer = 0;

  const choose = index => {
    if (!options.length) return;
    chosen = (index + options.length) % options.length;
    options.forEach((option, i) => option.setAttribute("aria-selected", i === chosen));
    input.setAttribute("aria-activedescendant", options[chosen].id);
    options[chosen].scrollIntoView({ block: "nearest" });
  };
  const show = (found, words) => {
    list.replaceChildren();
    options = [];
    const groups = Map.groupBy ? Map.groupBy(found, f => f.group ?? "Go to") : found.reduce((m, f) => m.set(f.group ?? "Go to", [...(m.get(f.group ?? "Go to") ?? []), f]), new Map());
    for (const [group, items] of groups) {
      const shelf = el("div", { role: "group", "aria-label": group }, el("div", { class: "group", "aria-hidden": "true" }, group));
      for (const item of items) {
        const option = el("div", { role: "option", id: `found-${options.length}`, "data-href": item.href, "aria-selected": "false" },
          icon(item.icon || "dot"), el("bdi", { class: "cut" }, ...lit(item.text, words)), item.note ? el("span", { class: "note cut push" }, item.note) : null);
        options.push(option);
        shelf.append(option);
      }
      list.append(shelf);
    }
    if (!options.length) list.append(el("p", { class: "none" }, "Nothing is called that. A ref looks like table:trips@12."));
    choose(0);
  };
  const ask = async () => {
    const mine = ++asked, words = input.value.trim();
    try {
      const answer = await fetch(`/find.json?q=${encodeURIComponent(words)}`, { headers: { accept: "application/json" } });
      const data = await answer.json();
      if (mine === asked && answer.ok) show(data.found, words.toLowerCase().split(/\s+/).filter(Boolean));
      else if (mine === asked) list.replaceChildren(el("p", { class: "none" }, data.detail ?? "The yard did not answer."));
    } catch {
      if (mine === asked) list.replaceChildren(el("p", { class: "none" }, "The yard does not answer. Is it still up? yard status"));
    }
  };
  const show_box = event => {
    event?.preventDefault();
    open(box);
    input.select();
    ask();
  };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 60); });
  input.addEventListener("keydown", event => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") { if (options[chosen]) location.assign(options[chosen].dataset.href); }
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", event => {
    const option = event.target.closest("[role=option]");
    if (option) location.assign(option.dataset.href);
  });
  list.addEventListener("mousemove", event => {
    const index = options.indexOf(event.target.closest("[role=option]"));
    if (index >= 0 && index !== chosen) choose(index);
  });
  document.querySelectorAll("[data-palette]").forEach(button => button.addEventListener("click", show_box));
  addEventListener("yard:palette", show_box);
};
