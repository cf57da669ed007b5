// <yard-curves>: one metric of several runs, from the packed answer of tracking.chart; smoothed, best so far, logarithmic,
// lit where the reader looks, and going on while the runs go on (one stream for all charts of a page).
import { keep } from "./address.js";
import { library } from "./chart.js";
import { el } from "./draw.js";
import { duration, metric, number } from "./write.js";

const KEYS = "+ and − zoom, arrows move, 0 shows all", AGAIN_MS = 2000, REPAINT_MS = 250, MOST = 8192;

export const unpack = (buffer, many) => { // blocks: count, zero, where x begins, x after that, y
  const view = new DataView(buffer), found = [];
  for (let at = 0, i = 0; i < many; i++) {
    const n = view.getUint32(at, true), x0 = view.getFloat64(at + 8, true);
    found.push({ x: Array.from(new Float32Array(buffer, at + 16, n), v => v + x0), y: Array.from(new Float32Array(buffer, at + 16 + 4 * n, n)) });
    at += 16 + 8 * n;
  }
  return found;
};
const bestOf = (ys, way) => { let best = null; return ys.map(y => { if (y !== null && Number.isFinite(y) && (best === null || (way === "min" ? y < best : y > best))) best = y; return best; }); };

// Curves over one x: where all have the same x that one, else all x that there are, with gaps where a curve has none.
export const align = curves => {
  const first = curves.find(c => c.x.length)?.x ?? [];
  if (curves.every(c => !c.x.length || (c.x.length === first.length && c.x.every((x, i) => x === first[i])))) return [first, ...curves.map(c => c.x.length ? c.y : first.map(() => null))];
  const every = new Float64Array(curves.reduce((sum, c) => sum + c.x.length, 0));
  curves.reduce((at, c) => { every.set(c.x, at); return at + c.x.length; }, 0);
  const xs = every.sort().filter((x, i) => i === 0 || x !== every[i - 1]);
  return [xs, ...curves.map(c => {
    const ys = new Array(xs.length).fill(undefined);
    for (let i = 0, at = 0; i < c.x.length; i++) { while (xs[at] < c.x[i]) at++; ys[at] = c.y[i]; }
    return ys;
  })];
};
// How moments are written under a chart, by how far the marks lie apart in seconds: UTC as everywhere here, the day below where it begins.
const DAY = "\n{YYYY}-{MM}-{DD}", MINUTE = `${DAY} {HH}:{mm}`;
const CLOCK = [
  [31536000, "{YYYY}", null, null, null, null, null, null, 1],
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", DAY, null, DAY, null, null, null, 1],
  [1, ":{ss}", MINUTE, null, MINUTE, null, "\n{HH}:{mm}", null, 1],
  [.001, ":{ss}.{fff}", MINUTE, null, MINUTE, null, "\n{HH}:{mm}", null, 1],
];
const WHOLE_STEPS = Array.from({ length: 39 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));

const inks = new Map(); // asking for a colour has the page computed anew: each is asked for once in a theme
addEventListener("yard:theme", () => inks.clear());

class YardCurves extends HTMLElement {
  connectedCallback() {
    if (this.watch) return;
    this.runs = JSON.parse(this.dataset.runs);
    this.watch = new IntersectionObserver(seen => { if (seen.some(s => s.isIntersecting)) { this.watch.disconnect(); this.show(); } }, { rootMargin: "200px" });
    this.watch.observe(this);
    this.on = { theme: () => this.paint(), hot: event => this.light(event.detail), tail: event => this.grow(event.detail), zoom: event => this.narrow(event.detail) };
    this.tabIndex = 0;
    this.setAttribute("role", "group");
    this.setAttribute("aria-description", `Draw a stretch to see it in full detail. Keys: ${KEYS}.`);
    this.addEventListener("focus", () => { if (this.readout && this.matches(":focus-visible")) this.readout.textContent = KEYS; });
    this.addEventListener("keydown", event => this.keyed(event));
    this.addEventListener("mousedown", () => { this.held = true; });
    for (const [name, act] of Object.entries(this.on)) addEventListener(`yard:${name}`, act);
  }

  disconnectedCallback() { for (const [name, act] of Object.entries(this.on ?? {})) removeEventListener(`yard:${name}`, act); }

  get smooth() { return Number(this.dataset.smooth) || 0; }
  get axis() { return this.dataset.axis || "step"; }
  get tall() { return Number(this.dataset.height) || 220; }

  get seen() { const ends = (this.dataset.range ?? "").split("..").map(Number); return ends.length === 2 ? ends : null; } // the stretch of x that is looked at

  async ask(smooth) {
    const url = new URL(this.getAttribute("src"), location.href), set = (name, value) => { if (url.searchParams.get(name) !== value) url.searchParams.set(name, value); };
    set("axis", this.axis); // an address that is as the server wrote it is on its way since the page came
    const wanted = Math.min(2048, Math.ceil(this.clientWidth / 4)); // each bucket draws its lowest and its highest point
    if (wanted > (Number(url.searchParams.get("buckets")) || 100)) set("buckets", String(wanted));
    if (smooth) set("smooth", String(smooth));
    if (this.dataset.range) set("range", this.dataset.range);
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(String(answer.status));
    return unpack(await answer.arrayBuffer(), this.runs.length);
  }

  async show() {
    const turn = this.turn = (this.turn ?? 0) + 1;
    try {
      const [uPlot, raw, soft] = await Promise.all([library(), this.ask(0), this.smooth ? this.ask(this.smooth) : null]);
      if (turn !== this.turn) return;
      this.uPlot = uPlot;
      this.raw = raw;
      this.soft = soft;
      if (!this.plot) new ResizeObserver(() => { if (this.plot && this.plot.width !== this.clientWidth) this.plot.setSize({ width: this.clientWidth, height: this.tall }); }).observe(this);
      this.paint();
    } catch { this.dataset.failed = ""; /* what the server drew stays */ }
  }

  look(changes) { // other axis, smoothing or scale: kept on the element, drawn anew
    if (changes.axis && changes.axis !== this.axis) this.dataset.range = "";
    Object.assign(this.dataset, changes);
    if (this.raw) this.show();
  }

  zoom(range) { // a stretch of x, in full detail, in all charts of this axis and in the address; null is the whole again
    dispatchEvent(new CustomEvent("yard:zoom", { detail: { axis: this.axis, range: range ? `${this.told(range[0])}..${this.told(range[1])}` : "" } }));
    if (this.axis !== "step" && [...document.querySelectorAll("yard-curves")].some(chart => chart.axis !== this.axis)) return; // an address has one stretch
    const fields = new URLSearchParams(location.search);
    if (this.dataset.range) fields.set("range", this.dataset.range); else fields.delete("range");
    keep(fields, ["range"]);
  }

  told(x) { return Number((this.axis === "step" ? x : Math.round(x)).toPrecision(15)); }

  narrow({ axis, range }) {
    if (axis !== this.axis || (this.dataset.range ?? "") === range) return;
    this.dataset.range = range;
    if (!this.raw) return;
    const scale = this.axis === "time" ? 1000 : 1, seen = this.seen;
    if (seen) this.plot.setScale("x", { min: seen[0] / scale, max: seen[1] / scale }); // what is here at once, its detail when it comes
    this.show();
  }

  keyed(event) { // + and − zoom around the middle, arrows move, 0 and Escape show the whole
    if (!this.plot || event.ctrlKey || event.metaKey || event.altKey || event.target !== this) return;
    const scale = this.axis === "time" ? 1000 : 1, { min, max } = this.plot.scales.x, low = min * scale, high = max * scale, wide = high - low;
    const to = { "+": [low + wide / 4, high - wide / 4], "=": [low + wide / 4, high - wide / 4], "-": [low - wide / 2, high + wide / 2], ArrowLeft: [low - wide / 4, high - wide / 4], ArrowRight: [low + wide / 4, high + wide / 4] }[event.key];
    if (to && wide > 0) this.zoom(to);
    else if (event.key === "0" || event.key === "Escape") { if (!this.dataset.range) return; this.zoom(null); } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  across(min, max) { // from where to where x goes
    return this.seen?.map(x => x / (this.axis === "time" ? 1000 : 1)) ?? [min, max];
  }

  lone(columns) { // one x alone stands in the middle, with room around it
    if (columns[0].length !== 1) return columns;
    const [x] = columns[0], room = this.axis === "relative" ? 1000 : 1;
    return [[x - room, x, x + room], ...columns.slice(1).map(([y]) => [undefined, y, undefined])];
  }

  curves() {
    const best = this.dataset.best, way = this.dataset.way || "min";
    const main = (this.soft ?? this.raw).map(c => ({ x: c.x, y: best ? bestOf(c.y, way) : c.y }));
    return { main, behind: (this.soft || best) && this.dataset.behind !== "no" ? this.raw : [] };
  }

  paint() {
    if (!this.raw) return;
    this.plot?.destroy();
    this.replaceChildren();
    const colour = name => {
      if (!inks.has(name)) { this.style.color = `var(${name})`; inks.set(name, getComputedStyle(this).color); this.style.color = ""; }
      return inks.get(name);
    };
    const ink = colour("--ink-3"), hair = colour("--hair"), font = `11px ${getComputedStyle(this).fontFamily}`;
    const { main, behind } = this.curves(), scale = this.axis === "time" ? 1000 : 1;
    const all = [...behind, ...main].map(c => ({ x: scale === 1 ? c.x : c.x.map(x => x / scale), y: this.dataset.log ? c.y.map(y => y > 0 ? y : null) : c.y }));
    const series = [{}];
    all.forEach((_, i) => {
      const back = i < behind.length, run = this.runs[back ? i : i - behind.length], stroke = colour(`--s${run.series}`);
      series.push({ label: run.name, stroke: back || run.out ? stroke.replace("rgb(", "rgba(").replace(")", ", .22)") : stroke, width: back ? 1 : 1.5, dash: !back && run.dashed ? [4, 3] : undefined, points: { show: all[i].x.length < 2, size: 6, fill: stroke }, spanGaps: true });
    });
    this.first = behind.length;
    const axis = { stroke: ink, font, ticks: { show: false }, grid: { stroke: hair, width: 1 } };
    const time = this.axis === "time", write = this.axis === "relative" ? ms => duration(ms / 1000) : x => number(x);
    this.plot = new this.uPlot({
      width: this.clientWidth, height: this.tall, legend: { show: false }, series, tzDate: at => this.uPlot.tzDate(new Date(at * 1000), "UTC"),
      cursor: { sync: { key: `yard-${this.axis}` }, points: { size: 6 }, drag: { x: true, y: false, setScale: false }, focus: { prox: 24 }, bind: { dblclick: () => () => { if (this.dataset.range) this.zoom(null); return null; } } },
      scales: { x: { time, range: (plot, min, max) => this.across(min, max) }, y: this.dataset.log ? { distr: 3 } : {} },
      axes: [{ ...axis, grid: { show: false }, size: time ? 38 : 24, ...(this.axis === "step" ? { incrs: WHOLE_STEPS } : {}), values: time ? CLOCK : (_, ticks) => ticks.map(v => v === null ? "" : write(v)) }, { ...axis, size: 56, values: (_, ticks) => ticks.map(v => v === null ? "" : v === 0 ? "0" : metric(v).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")) }],
      focus: { alpha: .28 },
      hooks: { setSeries: [(plot, i) => this.hovered(i)], setCursor: [plot => this.tell(plot)], setSelect: [plot => this.drawn(plot, scale)] },
    }, this.lone(align(all)), this);
    this.readout = el("p", { class: "readout t11", "aria-hidden": "true" });
    this.append(this.readout);
    if (this.dataset.range) {
      const whole = el("button", { type: "button", class: "btn small whole-range" }, "Show all");
      whole.addEventListener("click", () => { this.zoom(null); this.focus(); });
      this.append(whole);
    }
    this.dataset.drawn = "";
    this.dispatchEvent(new CustomEvent("yard:drawn", { bubbles: true }));
  }

  drawn(plot, scale) { // a stretch was drawn with the mouse here, not in a chart that shares the cursor
    const { left, width } = plot.select;
    if (!this.held || width < 4) return;
    this.held = false;
    const [low, high] = [plot.posToVal(left, "x") * scale, plot.posToVal(left + width, "x") * scale];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.zoom([low, high]);
  }

  hovered(i) {
    if (this.quiet) return;
    const run = i ? this.runs[i - 1 - this.first] : null;
    if (i && !run) return;
    dispatchEvent(new CustomEvent("yard:hot", { detail: run ? run.id : null }));
  }

  tell(plot) {
    const at = plot.cursor.idx;
    if (at === null || at === undefined) { this.readout.textContent = ""; return; }
    const focused = plot.series.findIndex((s, i) => i > this.first && s._focus), which = focused > 0 ? focused : this.runs.length === 1 ? this.first + 1 : -1;
    if (which < 0) { this.readout.textContent = ""; return; }
    const y = plot.data[which][at], x = plot.data[0][at];
    this.readout.textContent = y === null || y === undefined ? "" : `${plot.series[which].label} ${metric(y)} at ${this.axis === "step" ? `step ${number(x)}` : this.axis === "relative" ? duration(x / 1000) : new Date(x * 1000).toISOString().slice(0, 19).replace("T", " ")}`;
  }

  light(id) {
    if (!this.plot) return;
    const at = this.runs.findIndex(run => run.id === id);
    this.quiet = true;
    this.plot.setSeries(at < 0 ? null : at + 1 + this.first, { focus: at >= 0 });
    this.quiet = false;
  }

  grow(tails) { // what runs logged since: appended, or read anew where it cannot be told point by point
    if (!this.raw || this.dataset.range) return; // a stretch that was chosen stands still
    let grown = false, anew = false;
    for (const tail of tails) {
      const i = this.runs.findIndex(run => run.id === tail.run), points = tail.points?.[this.dataset.metric];
      if (i < 0) continue;
      if (tail.again) { anew = true; continue; }
      if (!points) continue;
      const curve = this.raw[i];
      this.began ??= [];
      for (const [step, at, value] of points) {
        this.began[i] ??= at;
        const x = this.axis === "step" ? step : this.axis === "time" ? at : null, last = curve.x[curve.x.length - 1];
        if (x === null || (last !== undefined && x < last)) { anew = true; break; }
        if (x === last) continue;
        curve.x.push(x);
        curve.y.push(Number(value));
        grown = true;
      }
      if (curve.x.length > MOST) anew = true;
    }
    if (anew || (grown && this.soft)) this.later ??= setTimeout(() => { this.later = null; this.show(); }, AGAIN_MS);
    else if (grown) this.soon ??= setTimeout(() => { this.soon = null; this.paint(); }, REPAINT_MS);
  }
}
customElements.define("yard-curves", YardCurves);

// One stream for all running runs of the page; it comes back with the last mark it saw, and rests while nobody looks.
const going = [...new Set([...document.querySelectorAll("yard-curves")].flatMap(chart => JSON.parse(chart.dataset.runs)).filter(run => run.going).map(run => run.id))].slice(0, 50);
if (going.length && window.EventSource) {
  let stream = null, last = "";
  const road = () => `/follow?${new URLSearchParams([...going.map(run => ["run", run]), ...(last ? [["last", last]] : [])])}`;
  const listen = () => {
    stream = new EventSource(road());
    stream.addEventListener("tails", event => {
      last = event.lastEventId;
      const { tails } = JSON.parse(event.data);
      dispatchEvent(new CustomEvent("yard:tail", { detail: tails }));
      if (tails.length && tails.every(tail => !["RUNNING", "SCHEDULED"].includes(tail.status)) && tails.length === going.length) stop();
    });
  };
  const stop = () => { stream?.close(); stream = null; };
  addEventListener("visibilitychange", () => { if (document.hidden) stop(); else if (!stream) listen(); });
  addEventListener("pagehide", stop);
  if (!document.hidden) listen();
}

// The controls above the curves: each change is drawn at once and kept in the address.
const controls = document.querySelector("[data-curve-controls]");
controls?.addEventListener("input", event => {
  const form = new FormData(controls), fields = new URLSearchParams(location.search), charts = document.querySelectorAll("yard-curves");
  for (const [name, usual] of [["smooth", "0"], ["axis", "step"], ["log", ""], ["best", ""]]) {
    const value = form.get(name) ?? "";
    if (name === "axis" && value !== (fields.get(name) ?? usual)) fields.delete("range");
    if (value && value !== usual) fields.set(name, value); else fields.delete(name);
  }
  keep(fields, ["smooth", "axis", "log", "best", "range"]);
  const call = document.querySelector(".foot code"); // names the points that the first chart shows
  if (call) call.textContent = call.textContent.replace(/axis=\w+/, `axis=${form.get("axis") ?? "step"}`);
  controls.querySelector("[data-smooth-told]").textContent = Number(form.get("smooth")) ? `± ${number(Number(form.get("smooth")))} points` : "off";
  clearTimeout(controls.timer);
  controls.timer = setTimeout(() => charts.forEach(chart => chart.look({ smooth: form.get("smooth") ?? "0", axis: form.get("axis") ?? "step", log: form.get("log") ?? "", best: form.get("best") ?? "" })), event.target.type === "range" ? 120 : 0);
});
