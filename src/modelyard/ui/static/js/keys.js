// The keyboard: J and K through the list that has the focus (or the first one), G then a letter to a page, ? for the sheet.
import { copy, open, toggleTheme } from "./overlays.js";

const ROWS = "[data-list] > li, .needs > li, .table tbody tr[data-href]";
const typing = target => target.closest?.("input, textarea, select, [contenteditable]");
const rows = () => {
  const here = document.activeElement?.closest?.("[data-list], .needs, tbody, .drawer");
  const all = [...(here ?? document).querySelectorAll(ROWS)];
  return all.length ? all : [...document.querySelectorAll(ROWS)];
};
const current = () => document.activeElement?.closest?.(ROWS);

const move = by => {
  const all = rows(), row = current();
  if (!all.length) return;
  const next = all[row ? Math.max(0, Math.min(all.length - 1, all.indexOf(row) + by)) : 0];
  if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
};
const step = (link, by) => {
  if (!document.querySelector(".drawer")) move(by);
  else document.querySelector(`.drawer ${link}`)?.click();
};
const refHere = () => {
  const focus = document.activeElement;
  return (focus?.closest?.("[data-ref]") ?? current()?.querySelector("[data-ref]") ?? document.querySelector("main [data-here-ref]"));
};
const openRow = row => {
  const to = row.dataset.href ?? row.querySelector("a[href]:not(.ref), a.btn")?.href ?? row.querySelector("a[href]")?.href;
  if (to) location.assign(to);
};

export const start = () => {
  const jumps = new Map([...document.querySelectorAll("[data-jumps] > li")].map(li => [li.dataset.key, li.dataset.href]));
  let going = 0;
  addEventListener("keydown", event => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      dispatchEvent(new Event("yard:palette"));
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if (going && performance.now() - going < 1500 && jumps.has(key)) {
      going = 0;
      event.preventDefault();
      location.assign(jumps.get(key));
      return;
    }
    going = 0;
    const acts = {
      g: () => { going = performance.now(); },
      j: () => step("[data-after]", 1),
      k: () => step("[data-before]", -1),
      d: toggleTheme,
      "?": () => open(document.querySelector("[data-keys-box]")),
      w: () => { const at = refHere(); if (at) location.assign(`/lineage?ref=${encodeURIComponent(at.dataset.ref ?? at.dataset.hereRef)}`); },
      y: () => { const at = refHere(); if (at) copy(at.dataset.ref ?? at.dataset.hereRef); },
      "/": () => document.querySelector("main input[type=search], main input[name=q], main .input")?.focus(),
      " ": () => current()?.querySelector(".check")?.click(),
      enter: () => { const row = current(); if (row && document.activeElement === row) openRow(row); },
      escape: () => document.querySelector(".drawer [data-close-drawer]")?.click(),
    };
    const named = document.querySelector(`main [data-key="${CSS.escape(key)}"]:is(a, button), .drawer [data-key="${CSS.escape(key)}"]:is(a, button)`);
    if (key === " " && !current()) return;
    if (key === "enter" && document.activeElement !== current()) return;
    if (named && !["j", "k"].includes(key)) named.click();
    else if (acts[key]) acts[key]();
    else return;
    event.preventDefault();
  });
};
