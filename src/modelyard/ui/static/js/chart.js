// <yard-chart>: curves of many points from packed float32 columns (ui/kit/series.py), drawn by uPlot with a shared cursor.
import { el } from "./draw.js";
import { load } from "./load.js";
import { metric } from "./write.js";

export const library = async () => {
  if (!window.uPlot) {
    if (!document.querySelector("link[href$='uplot.min.css']")) document.head.append(el("link", { rel: "stylesheet", href: new URL("../vendor/uplot.min.css", import.meta.url) }));
    await load("uplot.iife.min.js");
  }
  return window.uPlot;
};

export const unpack = buffer => {
  const view = new DataView(buffer), length = view.getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const columns = new Float32Array(buffer, 4 + length);
  const column = i => columns.subarray(i * head.n, (i + 1) * head.n);
  const x = Float64Array.from(column(0), value => value + head.x0);
  let at = 1;
  const series = head.series.map(s => s.band ? { ...s, low: column(at++), high: column(at++), y: column(at++) } : { ...s, y: column(at++) });
  return { time: head.time, x, series };
};
const gaps = values => Array.from(values, v => Number.isNaN(v) ? null : v);

class YardChart extends HTMLElement {
  connectedCallback() {
    if (this.watch) return;
    this.watch = new IntersectionObserver(seen => { if (seen.some(s => s.isIntersecting)) { this.watch.disconnect(); this.show(); } });
    this.watch.observe(this);
    addEventListener("yard:theme", () => this.plot && this.paint());
    addEventListener("yard:hot", event => this.light(event.detail));
  }

  async show() {
    try {
      const [uPlot, answer] = await Promise.all([library(), fetch(this.getAttribute("src"))]);
      if (!answer.ok) throw new Error(String(answer.status));
      this.uPlot = uPlot;
      this.curves = unpack(await answer.arrayBuffer());
      this.replaceChildren();
      this.paint();
      new ResizeObserver(() => this.plot?.setSize({ width: this.clientWidth, height: this.tall })).observe(this);
    } catch { this.dataset.failed = ""; /* what the server drew stays */ }
  }

  get tall() { return Number(this.dataset.height) || 200; }

  paint() {
    this.plot?.destroy();
    const css = getComputedStyle(this), colour = name => { this.style.color = `var(${name})`; const rgb = getComputedStyle(this).color; this.style.color = ""; return rgb; };
    const ink = colour("--ink-3"), hair = colour("--hair"), font = `11px ${css.fontFamily}`;
    const series = [{}], data = [this.curves.x], bands = [];
    this.index = new Map();
    this.curves.series.forEach((s, i) => {
      const stroke = colour(`--s${i % 8 + 1}`), faint = stroke.replace("rgb(", "rgba(").replace(")", ", .16)");
      if (s.band) {
        data.push(gaps(s.high), gaps(s.low));
        series.push({ stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } });
        bands.push({ series: [data.length - 2, data.length - 1], fill: faint });
      }
      data.push(gaps(s.y));
      series.push({ label: s.name, stroke, width: 1.5, dash: i > 3 ? [4, 3] : undefined, points: { show: false } });
      this.index.set(s.ref || s.name, data.length - 1);
    });
    const axis = { stroke: ink, font, ticks: { show: false }, grid: { stroke: hair, width: 1 } };
    this.plot = new this.uPlot({
      width: this.clientWidth, height: this.tall, legend: { show: false }, bands, series,
      cursor: { sync: { key: "yard" }, points: { size: 6 }, drag: { x: true, y: false } },
      scales: { x: { time: this.curves.time } },
      axes: [{ ...axis, grid: { show: false }, size: 24 }, { ...axis, size: 48, values: (_, ticks) => ticks.map(v => v === 0 ? "0" : metric(v).replace(/\.?0+$/, "")) }],
      focus: { alpha: .28 },
    }, data, this);
  }

  light(id) {
    if (!this.plot) return;
    const at = this.index.get(id);
    this.plot.setSeries(at ?? null, { focus: at !== undefined });
  }
}
customElements.define("yard-chart", YardChart);
