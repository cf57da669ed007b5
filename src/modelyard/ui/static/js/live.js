// Live: news from the yard over one event stream; the parts of the page that are now old are fetched again and morphed.
import { mark } from "./draw.js";
import { load } from "./load.js";

const say = (state, words) => {
  const box = document.querySelector("[data-live-mark]");
  box?.replaceChildren(mark(state), Object.assign(document.createElement("span"), { textContent: words }));
};
const stale = new Set();
let timer = 0;

const refresh = async () => {
  timer = 0;
  const topics = new Set(stale);
  stale.clear();
  const parts = [...document.querySelectorAll("[data-live][id]")].filter(part => part.dataset.live.split(" ").some(topic => topics.has(topic) || topic === "*"));
  if (!parts.length || document.querySelector("dialog[open]")) return;
  if (!window.htmx) await load("htmx.min.js");
  for (const part of parts) {
    await htmx.ajax("GET", location.href, { target: `#${CSS.escape(part.id)}`, select: `#${CSS.escape(part.id)}`, swap: "outerMorph" });
  }
};

export const start = () => {
  if (!document.querySelector("[data-live-mark]") || !window.EventSource) return;
  let stream = null;
  const listen = () => {
    stream = new EventSource("/live");
    stream.addEventListener("open", () => say("ok", "live"));
    stream.addEventListener("news", event => {
      const news = JSON.parse(event.data);
      news.topics.forEach(topic => stale.add(topic));
      dispatchEvent(new CustomEvent("yard:news", { detail: news }));
      timer ||= setTimeout(refresh, 400);
    });
    stream.addEventListener("points", () => dispatchEvent(new Event("yard:points")));
    stream.onerror = () => say("warn", `still since ${new Date().toISOString().slice(11, 19)}`);
  };
  const stop = () => { stream?.close(); stream = null; };
  addEventListener("visibilitychange", () => {
    if (document.hidden) stop();
    else if (!stream) { listen(); }
  });
  addEventListener("pagehide", stop);
  if (!document.hidden) listen();
  // What runs tells of itself each second or so, not by news: it is looked at again as long as it is there.
  setInterval(() => {
    const going = document.querySelector("[data-going]")?.closest("[data-live][id]");
    if (!going || document.hidden || timer) return;
    going.dataset.live.split(" ").forEach(topic => stale.add(topic));
    refresh();
  }, 1500);
};
