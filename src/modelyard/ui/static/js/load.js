// Libraries that a page takes only when it needs them: each is asked for once, beside our own modules.
import { el } from "./draw.js";

const asked = new Map();
export const load = name => {
  if (!asked.has(name)) asked.set(name, new Promise((done, failed) => {
    const script = el("script", { src: new URL(`../vendor/${name}`, import.meta.url) });
    script.addEventListener("load", done);
    script.addEventListener("error", failed);
    document.head.append(script);
  }));
  return asked.get(name);
};
