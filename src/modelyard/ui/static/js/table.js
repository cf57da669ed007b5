// <yard-table>: takes a table that the server began, fetches its further rows by cursor and draws only those in sight.
import { el, mark, spark, svg } from "./draw.js";
import { asKind, moment, share, stamp } from "./write.js";

const RIGHT = new Set(["count", "number", "metric", "signed", "share", "money", "size", "energy", "duration"]);
const STATES = { ok: "well", warn: "warning", bad: "failed", run: "running", wait: "waiting", off: "stopped" };
const initials = name => {
  const words = name.split(/[\s._@-]+/).filter(Boolean);
  return (words.length > 1 ? words[0][0] + words[1][0] : (words[0] ?? "?").slice(0, 2)).toUpperCase();
};
const refLink = cell => {
  const text = cell.ref, colon = text.indexOf(":"), kind = text.slice(0, colon), at = text.lastIndexOf("@");
  const name = decodeURIComponent(text.slice(colon + 1, at > colon ? at : undefined));
  const word = cell.text || name;
  return el("a", { class: cell.bare ? "ref bare" : "ref", href: `/go?ref=${encodeURIComponent(text)}`, "data-ref": text, title: text },
    el("bdi", { class: "cut" }, cell.text ? null : el("span", { class: "kind" }, `${kind}:`), word, !cell.text && at > colon ? el("span", { class: "ver" }, text.slice(at)) : null));
};
const meter = done => svg("svg", { class: "meter", role: "img", "aria-label": share(done, 0) },
  svg("rect", { class: "all", width: "100%", height: 4, rx: 2 }), svg("rect", { class: "part", width: `${(done * 100).toFixed(1)}%`, height: 4, rx: 2 }));

const DRAW = {
  null: c => el("span", { class: "null", title: c.why || null }, "null"),
  none: () => el("span", { class: "faint" }, "–"),
  ref: refLink,
  link: c => el("a", { href: c.href }, el("bdi", {}, c.text)),
  mark: c => el("span", { class: "run-on" }, mark(c.state, c.text ? "" : STATES[c.state]), c.done !== undefined && c.done !== null ? meter(c.done) : null, c.text ? el("bdi", { class: `cut${c.state === "bad" ? " is-bad" : ""}` }, c.text) : null),
  actor: c => el("span", { class: "actor", title: c.name }, el("span", { class: `face${c.machine ? " machine" : ""}`, "aria-hidden": "true" }, initials(c.name)), c.full === false ? el("span", { class: "unseen" }, c.name) : el("bdi", { class: "cut" }, c.name)),
  trend: c => spark(c.values),
  alias: c => el("span", { class: "run-on" }, ...c.names.map(name => el("span", { class: `alias${name === "production" ? " solid" : ""}` }, name))),
  best: (c, column) => el("span", { class: "best" }, asKind(c.value, column.kind, column.digits)),
  tone: (c, column) => el("span", { class: c.tone === "dim" ? "faint" : `is-${c.tone}` }, typeof c.value === "string" ? c.value : asKind(c.value, column.kind, column.digits)),
  time: c => el("time", { datetime: c.at, title: stamp(c.at) }, moment(c.at)),
};
const content = (cell, column) => {
  if (cell === null) return DRAW.none();
  if (typeof cell === "number") return asKind(cell, column.kind, column.digits);
  if (typeof cell === "string") return el(column.kind === "code" ? "code" : "bdi", {}, cell);
  return DRAW[cell.t]?.(cell, column) ?? "";
};

class YardTable extends HTMLElement {
  connectedCallback() {
    this.source = this.getAttribute("src");
    this.table = this.querySelector("table");
    if (!this.source || !this.table || this.rows) return;
    this.body = this.table.tBodies[0];
    this.columns = [...this.table.tHead.querySelectorAll("th[data-key]")]
      .map(th => ({ kind: th.dataset.kind, digits: th.dataset.digits ? Number(th.dataset.digits) : null, begins: th.classList.contains("begins") }));
    this.selectable = Boolean(this.table.querySelector("th.pick"));
    this.rows = [...this.body.rows];
    this.next = this.dataset.next ?? "";
    this.total = this.dataset.total ? Number(this.dataset.total) : null;
    this.querySelector(".more")?.remove();
    if (!this.next) return;
    this.height = this.rows[0]?.getBoundingClientRect().height || 24;
    this.freeze();
    this.setAttribute("windowed", "");
    const below = document.querySelector(".foot")?.getBoundingClientRect().height ?? 0;
    const tall = Math.max(240, innerHeight - this.getBoundingClientRect().top - below);
    this.style.height = `${this.hasAttribute("data-tall") ? tall : Math.min(tall - 24, 480)}px`;
    this.querySelector(".table-box").style.overflow = "visible";
    this.top = el("tr", { class: "spacer", "aria-hidden": "true" }, el("td", { colspan: this.columns.length + Number(this.selectable) }));
    this.bottom = this.top.cloneNode(true);
    this.addEventListener("scroll", () => this.plan(), { passive: true });
    this.plan();
  }

  freeze() { // the widths of the first rows hold for all that follow, so that nothing jumps while scrolling
    const cells = [...this.table.tHead.querySelector("th[data-key]").parentElement.cells];
    const widths = cells.map(cell => cell.getBoundingClientRect().width);
    const group = document.createElement("colgroup");
    for (const width of widths) { const col = document.createElement("col"); col.style.width = `${width}px`; group.append(col); }
    this.table.prepend(group);
    this.table.style.tableLayout = "fixed";
    this.table.style.minWidth = `${widths.reduce((a, b) => a + b, 0)}px`;
  }

  plan() { this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); }); }

  draw() {
    const known = this.rows.length, all = Math.max(known + (this.next ? 1 : 0), this.next && this.total ? this.total : 0);
    const first = Math.max(0, Math.min(known, Math.floor(this.scrollTop / this.height) - 12));
    const last = Math.min(known, first + Math.ceil(this.clientHeight / this.height) + 24);
    const keep = document.activeElement?.closest?.("tr");
    for (let i = first; i < last; i++) if (!(this.rows[i] instanceof Element)) this.rows[i] = this.make(this.rows[i]);
    this.top.firstChild.style.height = `${first * this.height}px`;
    this.bottom.firstChild.style.height = `${(all - last) * this.height}px`;
    this.body.replaceChildren(this.top, ...this.rows.slice(first, last), this.bottom);
    if (keep?.isConnected && document.activeElement !== keep && this.body.contains(keep)) keep.focus({ preventScroll: true });
    if (this.next && last > known - 100) this.fetch();
  }

  async fetch() {
    if (this.busy) return;
    this.busy = true;
    try {
      const url = new URL(this.source, location.href);
      url.searchParams.set("after", this.next);
      const answer = await fetch(url, { headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = await answer.json();
      this.rows.push(...page.rows);
      this.next = page.next ?? "";
      this.plan();
    } catch {
      this.next = "";
      this.after(el("p", { class: "more", role: "status" }, "The further rows did not come. ", el("a", { href: location.href }, "Load again")));
    } finally { this.busy = false; }
  }

  make(row) {
    const tr = el("tr", { "data-href": row.href || null, tabindex: row.href ? "-1" : null, "data-ref": row.ref || null, "data-run": row.key || null, class: `${row.tone ?? ""}${row.pinned ? " pinned" : ""}` });
    if (this.selectable) tr.append(el("td", { class: "pick" }, el("input", { class: "check", type: "checkbox", name: "pick", value: row.key ?? "", "aria-label": `Choose ${row.key ?? ""}` })));
    let at = 0;
    for (const cell of row.cells) {
      const column = this.columns[at], wide = cell?.t === "span" ? cell.columns : 1;
      const td = el("td", { class: `${RIGHT.has(column.kind) && wide === 1 ? "num" : ""}${column.begins ? " begins" : ""}`, colspan: wide > 1 ? wide : null });
      td.append(cell?.t === "span" ? el("span", { class: `is-${cell.tone}` }, cell.text) : content(cell, column));
      tr.append(td);
      at += wide;
    }
    return tr;
  }
}
customElements.define("yard-table", YardTable);
document.addEventListener("change", event => {
  if (event.target.matches?.("[data-pick-all]")) event.target.closest("table").querySelectorAll("tbody .check").forEach(box => { box.checked = event.target.checked; });
  event.target.closest?.("tbody tr")?.setAttribute("aria-selected", event.target.checked);
});
