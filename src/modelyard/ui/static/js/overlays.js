// Dialogs, menus, toasts, copying, theme: the small acts of the frame.
import { el, icon, mark } from "./draw.js";

export const toast = (words, { note = "", tone = "ok", keep = false } = {}) => {
  const shelf = document.querySelector("[data-toasts]");
  if (!shelf) return;
  const close = el("button", { class: "btn quiet small only", type: "button", "data-drops": true, "aria-label": "Close" }, icon("close", "icon small"));
  const box = el("div", { class: "toast", "data-toast": true }, mark(tone), el("div", {}, words), note ? el("p", {}, note) : null, close);
  shelf.append(box);
  if (!keep) setTimeout(() => box.remove(), 8000);
};

export const copy = async text => {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied", { note: text.length > 160 ? `${text.slice(0, 160)}…` : text });
  } catch {
    toast("Not copied: the browser does not allow it here", { note: text, tone: "warn", keep: true });
  }
};

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
export const toggleTheme = () => {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  document.cookie = `yard_theme=${next}; path=/; max-age=31536000; samesite=lax`; // the server writes it into every page, so that nothing waits for a script
  dispatchEvent(new Event("yard:theme"));
};

export const open = box => { if (box && !box.open) box.showModal(); };

const guardTyped = form => {
  const field = form.querySelector("[data-typed]"), go = form.querySelector("footer button[type=submit]");
  if (!field || !go) return;
  const judge = () => { go.disabled = field.value !== field.dataset.typed; };
  field.addEventListener("input", judge);
  judge();
};

export const start = () => {
  document.querySelectorAll("dialog form").forEach(guardTyped);
  document.addEventListener("click", event => {
    const hit = selector => event.target.closest?.(selector);
    if (hit("[data-theme-toggle]")) toggleTheme();
    const opens = hit("[data-opens]");
    if (opens) open(document.getElementById(opens.dataset.opens));
    if (hit("[data-closes]")) hit("dialog")?.close();
    if (event.target instanceof HTMLDialogElement) event.target.close();
    hit("[data-drops]")?.closest("[data-toast]").remove();
    if (hit("[data-copies-here]")) copy(location.href);
    const copies = hit("[data-copies]");
    if (copies) copy(copies.dataset.copies);
    if (hit("[data-menu]")) { event.preventDefault(); document.getElementById("nav").classList.toggle("open"); }
    if (hit("[data-keys]")) open(document.querySelector("[data-keys-box]"));
    const who = document.querySelector(".who[open]");
    if (who && !who.contains(event.target)) who.open = false;
    const row = hit("tr[data-href]");
    if (row && !hit("a, button, input, label") && !String(getSelection())) location.assign(row.dataset.href);
  });
};
