// What was asked on this browser: the last queries, kept here and nowhere else.
import { el } from "./draw.js";

const KEY = "yard-asked", MOST = 20;
const read = () => { try { return JSON.parse(localStorage.getItem(KEY)) ?? []; } catch { return []; } };

export const start = () => {
  const list = document.querySelector("[data-asked]"), query = document.querySelector("[data-ask] textarea")?.value.trim();
  if (!list) return;
  const kept = read().filter(text => typeof text === "string" && text !== query);
  if (query) kept.unshift(query);
  try { localStorage.setItem(KEY, JSON.stringify(kept.slice(0, MOST))); } catch { /* no storage: nothing is kept */ }
  const shown = kept.slice(0, MOST).map(text => el("li", {}, el("a", { class: "mono cut", href: `/sql?q=${encodeURIComponent(text)}`, title: text }, el("bdi", {}, text))));
  if (shown.length) list.replaceChildren(...shown);
};
