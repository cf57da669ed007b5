// A pull that is followed while it runs: rows, bytes, rate and time left, as the yard tells them line by line.
import { bytes, duration, number } from "./write.js";

const STAGES = { reading: "reading", checking: "checking and committing", done: "done", failed: "failed" };

const show = (box, told) => {
  const put = (name, words) => { box.querySelector(`[data-${name}]`).textContent = words; };
  const bar = box.querySelector("progress"), whole = told.total_rows ?? told.total_bytes, part = told.total_rows ? told.rows : told.size_bytes;
  if (told.stage === "done" || told.stage === "failed") bar.value = told.stage === "done" ? 1 : 0;
  else if (whole) bar.value = Math.min(1, part / whole); else bar.removeAttribute("value");
  put("stage", STAGES[told.stage] ?? told.stage);
  put("of", told.of ?? "");
  put("rows", number(told.rows ?? 0) + (told.total_rows ? ` of about ${number(told.total_rows)}` : ""));
  put("bytes", bytes(told.size_bytes ?? 0) + (told.total_bytes ? ` of about ${bytes(told.total_bytes)}` : ""));
  put("rate", `${number(Math.round(told.rows_per_s ?? 0))} rows/s, ${bytes(told.bytes_per_s ?? 0)}/s`);
  put("left", told.stage !== "reading" ? "–" : told.left_s === null || told.left_s === undefined ? "not known" : `about ${duration(told.left_s)}`);
  const end = told.stage === "failed" ? told.detail : told.pulled ? `${number(told.pulled.rows_loaded)} rows loaded, ${number(told.pulled.rows_quarantined)} held back, ${number(told.pulled.rows_unchanged)} were there before; ${duration(told.pulled.took_ms / 1000)}.` : "";
  put("end", end);
  box.querySelector("[data-end]").classList.toggle("is-bad", told.stage === "failed");
};

const follow = async (form, box) => {
  const branch = form.elements.branch.value.trim();
  const answer = await fetch(form.dataset.pull + (branch ? `?branch=${encodeURIComponent(branch)}` : ""), { method: "POST", headers: { "x-csrf-token": form.elements.csrf.value, accept: "application/x-ndjson" } });
  if (!answer.ok) throw new Error((await answer.json()).detail ?? `the yard answered ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) show(box, JSON.parse(line));
    if (done) return;
  }
};

export const start = () => {
  const form = document.querySelector("form[data-pull]"), box = document.querySelector("[data-pulling]");
  if (!form || !box) return;
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    box.hidden = false;
    show(box, { stage: "reading" });
    try { await follow(form, box); } catch (error) { show(box, { stage: "failed", detail: error.message }); }
    button.disabled = false;
  });
};
