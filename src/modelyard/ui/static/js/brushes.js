// Brushes on parallel coordinates: a range drawn on an axis chooses runs, ranges of several axes together; all marks of the
// other runs on the page fade. By keyboard each axis is a slider of two ends. The address keeps the ranges.
import { keep } from "./address.js";
import { el } from "./draw.js";
import { metric } from "./write.js";

const STEP = 1 / 20, drawing = document.querySelector("svg[data-brushes]"), stage = document.querySelector("[data-hot]");
const KEYS = "Up and down move the range, with Shift they extend it, left and right make it narrower and wider, Escape chooses all.";
const short = name => name.slice(name.indexOf(".") + 1);

// A range is two places on an axis, 0 at its foot and 1 at its head; of words two of them, taken whole.
class Axis {
  constructor(field, group, drawn, runs) {
    Object.assign(this, field, { group, drawn, runs, range: null });
    this.wide = this.high - this.low;
    this.step = this.words.length ? 1 / Math.max(1, this.words.length - 1) : STEP;
    this.mark = group.querySelector(".range");
  }

  value(place) { // exact at the ends, so that the least and the greatest value lie within
    return place <= 0 ? this.low : place >= 1 ? this.high : this.words.length ? Math.round(place * this.wide) : Number((this.low + place * this.wide).toPrecision(6));
  }

  place(value) { return (value - this.low) / this.wide; }

  take(low, high) { // two places, in any order
    const [from, to] = low <= high ? [low, high] : [high, low], ends = [this.value(from), this.value(to)];
    this.range = ends[0] <= this.low && ends[1] >= this.high ? null : ends;
  }

  read(text) { // as an address tells it; true if it tells a range
    for (let at = text.indexOf(".."); at >= 0; at = text.indexOf("..", at + 1)) { // a word may hold two points itself
      const ends = [text.slice(0, at), text.slice(at + 2)].map(end => this.words.length ? this.words.indexOf(end) : end ? Number(end) : NaN);
      if (ends.every(Number.isFinite) && (!this.words.length || ends[0] >= 0) && ends[0] <= ends[1]) { this.range = ends; return true; }
    }
    return false;
  }

  get said() { return `${this.name}:${this.range.map(end => this.words.length ? this.words[end] : String(end)).join("..")}`; }

  get told() { // for people
    if (!this.range) return "all";
    const ends = this.range.map(end => this.words.length ? this.words[end] : metric(end));
    return ends[0] === ends[1] ? ends[0] : `${ends[0]} to ${ends[1]}`;
  }

  holds(i) { return !this.range || (this.values[i] !== null && this.values[i] >= this.range[0] && this.values[i] <= this.range[1]); }

  draw(many) {
    const { top, bottom } = this.drawn, room = this.words.length ? this.step / 2 : 0, at = place => bottom - Math.min(1, Math.max(0, place)) * (bottom - top);
    if (this.range) {
      const [low, high] = this.range.map(end => this.place(end)), from = at(high + room), to = at(low - room);
      this.mark.setAttribute("y", from.toFixed(1));
      this.mark.setAttribute("height", Math.max(3, to - from).toFixed(1));
    } else this.mark.setAttribute("height", "0");
    const ends = this.range ?? [this.low, this.high];
    this.group.setAttribute("aria-valuenow", (ends[0] + ends[1]) / 2);
    this.group.setAttribute("aria-valuetext", this.range ? `${this.told}, ${many} of ${this.runs} runs chosen` : "all");
  }

  keyed(key, shift) { // the range after a key; null where the key says nothing here
    let [low, high] = this.range ? this.range.map(end => this.place(end)) : [0, 1];
    const step = this.step, least = this.words.length ? 0 : step;
    if (key === "ArrowUp") { high = Math.min(1, high + step); if (!shift) low = Math.min(1 - least, low + step); }
    else if (key === "ArrowDown") { low = Math.max(0, low - step); if (!shift) high = Math.max(least, high - step); }
    else if (key === "ArrowRight") { low = Math.max(0, low - step); high = Math.min(1, high + step); }
    else if (key === "ArrowLeft") { if (high - low < 2 * step + least - 1e-9) return [low, high]; low += step; high -= step; }
    else return null;
    return [low, high];
  }
}

const begin = () => {
  const drawn = JSON.parse(drawing.dataset.brushes), told = document.querySelector("[data-brush-told]"), clear = document.querySelector("[data-brush-clear]"), usual = "Draw a range on an axis to choose runs.";
  const runs = [...document.querySelectorAll(".sides [data-run]")].map(node => node.dataset.run);
  const axes = [...drawing.querySelectorAll(".brush")].map((group, i) => new Axis(drawn.axes[i], group, drawn, runs.length)).filter(axis => axis.wide > 0);

  const show = () => {
    const out = new Set(runs.filter((_, i) => axes.some(axis => !axis.holds(i)))), many = runs.length - out.size, some = axes.some(axis => axis.range);
    stage.querySelectorAll("[data-run]").forEach(node => node.classList.toggle("out", out.has(node.dataset.run)));
    told.textContent = some ? `${many} of ${runs.length} ${runs.length === 1 ? "run" : "runs"} ${many === 1 ? "lies" : "lie"} within what is chosen.` : usual;
    clear.hidden = !some;
    axes.forEach(axis => axis.draw(many));
  };
  const write = () => { // the address, and the forms that lead from here to the same runs
    const said = axes.filter(axis => axis.range).map(axis => axis.said), fields = new URLSearchParams(location.search);
    fields.delete("brush");
    said.forEach(one => fields.append("brush", one));
    keep(fields, ["brush"]);
    stage.querySelectorAll("form[method=get]").forEach(form => {
      form.querySelectorAll("input[name=brush]").forEach(field => field.remove());
      form.append(...said.map(value => el("input", { type: "hidden", name: "brush", value })));
    });
  };
  const all = () => { axes.forEach(axis => { axis.range = null; }); show(); write(); };

  for (const text of new URLSearchParams(location.search).getAll("brush")) axes.some(axis => text.startsWith(`${axis.name}:`) && axis.read(text.slice(axis.name.length + 1)));
  drawing.setAttribute("role", "group");
  drawing.setAttribute("aria-description", KEYS);
  drawing.addEventListener("dblclick", event => { if (!event.target.closest(".brush")) all(); });
  clear.addEventListener("click", () => { all(); axes[0]?.group.focus(); });

  for (const axis of axes) {
    const { group } = axis, place = event => Math.min(1, Math.max(0, (drawn.bottom - new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse()).y) / (drawn.bottom - drawn.top)));
    const set = (name, value) => group.setAttribute(name, value);
    set("role", "slider"); set("tabindex", "0"); set("aria-orientation", "vertical"); set("aria-label", `${short(axis.name)}: range that is chosen`);
    set("aria-valuemin", axis.low); set("aria-valuemax", axis.high);
    let held = null;
    group.addEventListener("pointerdown", event => {
      if (event.button) return;
      held = { from: place(event), y: event.clientY, before: axis.range, moves: axis.range && event.target === axis.mark ? axis.range.map(end => axis.place(end)) : null };
      group.setPointerCapture(event.pointerId);
      group.focus({ focusVisible: false });
      event.preventDefault();
    });
    group.addEventListener("pointermove", event => {
      if (!held || (!held.drawn && Math.abs(event.clientY - held.y) < 4)) return;
      held.drawn = true;
      const now = place(event), by = held.moves && Math.min(1 - held.moves[1], Math.max(-held.moves[0], now - held.from));
      if (held.moves) axis.take(held.moves[0] + by, held.moves[1] + by); else axis.take(held.from, now);
      show();
    });
    group.addEventListener("pointerup", () => { if (held?.drawn) write(); held = null; });
    group.addEventListener("pointercancel", () => { if (held?.drawn) { axis.range = held.before; show(); } held = null; });
    group.addEventListener("dblclick", () => { axis.range = null; show(); write(); });
    group.addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const to = axis.keyed(event.key, event.shiftKey);
      if (to) axis.take(...to);
      else if (event.key === "Escape" && axes.some(one => one.range)) { if (axis.range) axis.range = null; else { all(); return; } }
      else return;
      event.preventDefault();
      event.stopPropagation();
      show();
      write();
    });
  }
  show();
};
if (drawing && stage) begin();
