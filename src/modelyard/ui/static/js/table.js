// <yard-table>: takes a table that the server began, fetches its further rows by cursor or by place (indexed) and draws
// only those in sight.
import { el, mark, spark, svg } from "./draw.js";
import { asKind, moment, share } from "./write.js";

const RIGHT = new Set(["figure", "count", "number", "metric", "signed", "share", "money", "size", "energy", "duration"]);
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
const PLAIN = /^[ -~]*$/; // text of one direction needs no element of its own to be kept apart from what is beside it
const whole = at => `${at.slice(0, 19)}Z`, stamp = at => `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`; // moments come in UTC
const plainly = text => PLAIN.test(text) ? text : el("bdi", {}, text);

const DRAW = {
  null: c => el("span", { class: "null", title: c.why || null }, "null"),
  none: () => el("span", { class: "faint" }, "–"),
  ref: refLink,
  link: c => el("a", { href: c.href }, plainly(c.text)),
  mark: c => {
    const shape = mark(c.state, c.text ? "" : STATES[c.state]), bad = c.state === "bad";
    if ((c.done ?? null) !== null) return el("span", { class: "run-on" }, shape, meter(c.done), c.text ? el("bdi", { class: `cut${bad ? " is-bad" : ""}` }, c.text) : null);
    return c.text ? [shape, bad ? el("span", { class: "is-bad" }, plainly(c.text)) : plainly(c.text)] : shape;
  },
  actor: c => el("span", { class: "actor", title: c.name }, el("span", { class: `face${c.machine ? " machine" : ""}`, "aria-hidden": "true" }, initials(c.name)), c.full === false ? el("span", { class: "unseen" }, c.name) : el("bdi", { class: "cut" }, c.name)),
  trend: c => spark(c.values),
  alias: c => el("span", { class: "run-on" }, ...c.names.map(name => el("span", { class: `alias${name === "production" ? " solid" : ""}` }, name))),
  best: (c, column) => el("span", { class: "best" }, asKind(c.value, column.kind, column.digits)),
  tone: (c, column) => el("span", { class: c.tone === "dim" ? "faint" : `is-${c.tone}` }, typeof c.value === "string" ? c.value : asKind(c.value, column.kind, column.digits)),
  time: c => el("time", { datetime: whole(c.at), title: stamp(c.at) }, moment(c.at)),
  span: c => el("span", { class: `is-${c.tone}` }, c.text),
};
const content = (cell, column) => {
  if (cell === null) return DRAW.none();
  if (typeof cell === "number") return asKind(cell, column.kind, column.digits);
  if (typeof cell === "string") return column.kind === "code" ? el("code", {}, cell) : plainly(cell);
  return DRAW[cell.t]?.(cell, column) ?? "";
};
// What may be written into a cell that stands: cells of one shape differ in words and addresses alone.
const words = (node, text) => { if (node.lastChild.data !== text) node.lastChild.data = text; };
const REWRITE = {
  none: () => {},
  text: (td, cell, column) => words(td, typeof cell === "number" ? asKind(cell, column.kind, column.digits) : cell),
  code: (td, cell) => words(td.firstChild, cell),
  link: (td, cell) => { td.firstChild.setAttribute("href", cell.href); words(td.firstChild, cell.text); },
  time: (td, cell) => { td.firstChild.setAttribute("datetime", whole(cell.at)); td.firstChild.title = stamp(cell.at); words(td.firstChild, moment(cell.at)); },
  mark: (td, cell) => words(cell.state === "bad" ? td.lastChild : td, cell.text),
};
const shape = (cell, column) => { // null where a cell is drawn anew each time
  if (cell === null || cell.t === "none") return "none";
  if (typeof cell === "number") return "text";
  if (typeof cell === "string") return cell && PLAIN.test(cell) ? (column.kind === "code" ? "code" : "text") : null;
  if (cell.t === "link") return cell.text && PLAIN.test(cell.text) ? "link" : null;
  if (cell.t === "mark") return cell.text && PLAIN.test(cell.text) && (cell.done ?? null) === null ? `mark ${cell.state}` : null;
  return cell.t === "time" ? "time" : null;
};
const TAGS = { A: "link", CODE: "code", TIME: "time" };
const seen = td => { // the shape of a cell that the server drew
  const [first, last, more] = td.childNodes, text = node => node?.childNodes.length === 1 && node.firstChild.nodeType === 3;
  if (!first || more) return null;
  if (last) return first.classList?.[0] !== "mark" || (first.classList[1] === "bad" ? !text(last) || last.className !== "is-bad" : last.nodeType !== 3) ? null : `mark ${first.classList[1]}`;
  if (first.nodeType === 3) return "text";
  return !text(first) ? null : first.className === "faint" && first.textContent === "–" ? "none" : first.className ? null : TAGS[first.tagName] ?? null;
};

const BLOCK = 100, KEPT = 4000;

class YardTable extends HTMLElement {
  connectedCallback() {
    this.source = this.getAttribute("src");
    this.table = this.querySelector("table");
    if (!this.source || !this.table || this.rows) return;
    this.body = this.table.tBodies[this.table.tBodies.length - 1];
    this.columns = [...this.table.tHead.querySelectorAll("th[data-key]")]
      .map(th => ({ kind: th.dataset.kind, digits: th.dataset.digits ? Number(th.dataset.digits) : null, begins: th.classList.contains("begins"), held: th.classList.contains("held-left") }));
    this.selectable = Boolean(this.table.querySelector("th.pick"));
    this.next = this.dataset.next ?? "";
    this.total = this.dataset.total ? Number(this.dataset.total) : null;
    this.indexed = "indexed" in this.dataset;
    this.rows = [];
    this.stencils = new Map();
    const begun = Number(this.dataset.first) || 0;
    [...this.body.rows].forEach((row, i) => { this.rows[begun + i] = row; });
    this.known = this.body.rows.length;
    if (this.indexed) this.total ??= begun + this.known + (this.next ? 1 : 0);
    this.asked = new Map();
    this.querySelector(".more")?.remove();
    if (!this.next && !this.indexed) return;
    this.height = this.body.rows[0]?.getBoundingClientRect().height || 24;
    this.freeze();
    this.setAttribute("windowed", "");
    this.fit();
    this.querySelector(".table-box").style.overflow = "visible";
    this.top = el("tr", { class: "spacer", "aria-hidden": "true" }, el("td", { colspan: this.columns.length + Number(this.selectable) }));
    this.bottom = this.top.cloneNode(true);
    this.addEventListener("scroll", () => { this.at = this.scrollTop; this.plan(); }, { passive: true });
    this.at = begun * this.height;
    if (begun) this.scrollTop = this.at;
    this.draw();
  }

  fit() {
    const below = ["chosen-bar", "foot"].reduce((sum, name) => sum + (document.querySelector(`.${name}`)?.getBoundingClientRect().height ?? 0), 0);
    const head = this.table.tHead.getBoundingClientRect().height; // asked for before anything is changed
    const tall = Math.max(240, innerHeight - this.getBoundingClientRect().top - below);
    this.tall = this.hasAttribute("data-tall") ? tall : Math.min(tall - 24, 480);
    this.sight = Math.ceil((this.tall - head) / this.height); // rows that are seen at once
    this.style.height = `${this.tall}px`;
  }

  freeze() { // the widths of the first rows hold for all that follow, so that nothing jumps while scrolling
    const cells = [...this.table.tHead.querySelector("th[data-key]").parentElement.cells];
    const widths = cells.map(cell => cell.getBoundingClientRect().width);
    const group = document.createElement("colgroup");
    for (const width of widths) { const col = document.createElement("col"); col.style.width = `${width}px`; group.append(col); }
    this.table.prepend(group);
    this.table.style.tableLayout = "fixed";
    this.table.style.minWidth = `${widths.reduce((a, b) => a + b, 0)}px`;
    const before = Number(this.selectable);
    let left = this.selectable ? widths[0] : 0;
    this.columns.forEach((column, i) => { if (column.held) { column.left = `${left}px`; left += widths[i + before]; } });
    for (const row of this.table.querySelectorAll("tr:not(.upper)")) this.hold(row);
  }

  hold(row) { [...row.cells].slice(Number(this.selectable)).forEach((cell, i) => { if (this.columns[i]?.left) cell.style.left = this.columns[i].left; }); }

  plan() { this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); }); }

  draw(after = []) { // `after` are rows below all that is in sight, which may stay until that is painted
    const known = this.indexed ? this.total : this.rows.length, all = Math.max(known + (!this.indexed && this.next ? 1 : 0), this.next && this.total ? this.total : 0);
    const first = Math.max(0, Math.min(known, Math.floor(this.at / this.height) - 12)); // `at` and `sight` are kept, because asking for them lays the page out
    const last = Math.min(known, first + this.sight + (this.over ?? 24));
    const keep = document.activeElement?.closest?.("tr"), shown = [];
    for (let i = first; i < last; i++) {
      if (this.rows[i] && !(this.rows[i] instanceof Element)) this.rows[i] = this.make(this.rows[i]);
      shown.push(this.rows[i] ?? this.grey());
    }
    this.top.firstChild.style.height = `${first * this.height}px`;
    this.bottom.firstChild.style.height = `${(all - last - after.length) * this.height}px`;
    this.place([this.top, ...shown, ...after, this.bottom]);
    if (keep?.isConnected && document.activeElement !== keep && this.body.contains(keep)) keep.focus({ preventScroll: true });
    if (this.indexed) this.want(first, last);
    else if (this.next && last > known - 100) this.fetch();
  }

  place(rows) { // these rows and no others; those that stand already are not moved, because moving one lays all out anew
    const wanted = new Set(rows);
    for (const row of [...this.body.rows]) if (!wanted.has(row)) row.remove();
    let at = this.body.firstChild;
    for (const row of rows) if (row === at) at = at.nextSibling; else this.body.insertBefore(row, at);
  }

  grey() { return el("tr", { class: "awaited", "aria-hidden": "true" }, el("td", { colspan: this.columns.length + Number(this.selectable) })); }

  want(first, last) { // what is not here yet of the blocks that are looked at, each asked for once
    for (let block = Math.floor(first / BLOCK); block * BLOCK < last; block++) {
      const from = Math.max(block * BLOCK, first), to = Math.min((block + 1) * BLOCK, last);
      let missing = from;
      while (missing < to && this.rows[missing]) missing += 1;
      if (missing === to || this.asked.has(block)) continue;
      let begin = missing, end = missing;
      while (begin > block * BLOCK && !this.rows[begin - 1]) begin -= 1;
      while (end < (block + 1) * BLOCK && !this.rows[end]) end += 1;
      this.take(begin, end - begin, block);
    }
  }

  async take(first, limit, block = null) {
    const turn = this.turn, url = new URL(this.source, location.href);
    url.searchParams.set("first", first);
    url.searchParams.set("limit", limit);
    if (block !== null) this.asked.set(block, true);
    try {
      const answer = await fetch(url, { headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = await answer.json();
      if (turn !== this.turn) return;
      this.count(page, first);
      const stood = new Map([...this.body.rows].filter(tr => tr.dataset.run).map(tr => [tr.dataset.run, tr])); // where they are now or were
      const held = document.activeElement?.closest?.("tr"), place = held ? this.rows.indexOf(held) : -1;
      page.rows.forEach((row, i) => {
        const tr = stood.get(row.key), was = tr ? this.rows.indexOf(tr) : -1;
        if (was >= 0 && (was < first || was >= first + page.rows.length)) delete this.rows[was]; // it has moved here
        this.rows[first + i] = this.same(tr, row);
      });
      this.known += page.rows.length;
      if (this.known > KEPT) this.forget();
      this.draw();
      if (place >= 0 && !held.isConnected) this.rows[place]?.focus?.({ preventScroll: true });
    } catch {
      if (turn === this.turn) setTimeout(() => { this.asked.delete(block); this.plan(); }, 2000); // asked again, but not at once
      return;
    }
    this.asked.delete(block);
  }

  same(old, row) { // a row that stands keeps its element, and with it focus and tick; what it says otherwise is written into it
    if (!old?.cells || !this.takes(old, row)) return this.make(row);
    if (!old.row || JSON.stringify(old.row) !== JSON.stringify(row)) this.named(this.write(old, row), row);
    return old;
  }

  count(page, first) { // a page that does not know how many there are says how many at least, or at most
    const told = (page.total ?? null) !== null, seen = first + page.rows.length, more = Boolean(page.next);
    const total = told ? page.total : more ? Math.max(this.total, seen + 1) : Math.min(this.total, seen);
    const wrong = this.bound(total);
    if (!told) this.dispatchEvent(new CustomEvent("yard:uncounted", { detail: wrong, bubbles: true }));
    else if (wrong) this.dispatchEvent(new CustomEvent("yard:found", { detail: total, bubbles: true }));
  }

  bound(total) { // so many rows there are; whether that is new
    if (total === this.total) return false;
    this.total = total;
    this.rows.length = Math.min(this.rows.length, total);
    return true;
  }

  forget() { // rows far from sight are given up; they are fetched again when somebody scrolls back
    const middle = Math.floor(this.at / this.height);
    this.known = 0;
    this.rows.forEach((_, i) => { if (Math.abs(i - middle) > 1000) delete this.rows[i]; else this.known += 1; });
  }

  async look(source) { // other rows in the same table: sorted or filtered anew
    this.turn = (this.turn ?? 0) + 1;
    this.source = source;
    const turn = this.turn, url = new URL(source, location.href), limit = this.sight + 1;
    url.searchParams.set("first", 0);
    url.searchParams.set("limit", limit);
    const answer = await fetch(url, { headers: { accept: "application/json" } });
    if (turn !== this.turn) return;
    if (!answer.ok) throw new Error((await answer.json()).detail ?? String(answer.status));
    const page = await answer.json();
    if (turn !== this.turn) return;
    const stood = [...this.body.rows].filter(tr => tr.dataset.run);
    this.rows = page.rows.map((row, i) => stood[i] && this.takes(stood[i], row) ? this.rewritten(stood[i], row) : row);
    this.known = page.rows.length;
    this.asked.clear();
    this.count(page, 0);
    if (this.at) this.scrollTop = this.at = 0;
    this.over = 0; // what is in sight first, what lies around it once that is painted
    this.draw(stood.slice(page.rows.length, page.total ?? 0)); // to take rows away costs as much as to write those in sight
    this.over = 24;
    clearTimeout(this.around);
    this.around = setTimeout(() => this.plan(), 120);
  }

  refresh() { // what is in sight is asked for again, and only what changed is drawn anew
    if (!this.indexed) return;
    const first = Math.max(0, Math.floor(this.at / this.height) - 2), limit = this.sight + 4;
    this.rows.forEach((_, i) => { if (i < first || i >= first + limit) delete this.rows[i]; });
    this.take(first, limit);
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

  blank() { // an empty row of these columns, to be copied
    const tr = el("tr", {});
    if (this.selectable) tr.append(el("td", { class: "pick" }, el("input", { class: "check", type: "checkbox", name: "pick" })));
    for (const column of this.columns) {
      const td = el("td", { class: [RIGHT.has(column.kind) && "num", column.begins && "begins", column.held && "held-left"].filter(Boolean).join(" ") || null });
      if (column.left) td.style.left = column.left;
      tr.append(td);
    }
    return tr;
  }

  make(row) {
    if (row.cells.length !== this.columns.length) return this.named(this.fresh(row), row);
    const key = row.cells.map((cell, i) => shape(cell, this.columns[i])).join();
    if (!this.stencils.has(key)) this.stencils.set(key, this.fresh(row));
    const stencil = this.stencils.get(key), tr = stencil.cloneNode(true);
    tr.shapes = [...stencil.shapes];
    return this.named(this.write(tr, row), row);
  }

  takes(tr, row) { return row.cells.length === this.columns.length && tr.cells.length === row.cells.length + Number(this.selectable); } // none spans others

  rewritten(tr, row) { // another row in the element of one that stands
    if (this.selectable) { tr.firstChild.firstChild.checked = false; tr.removeAttribute("aria-selected"); }
    return this.named(this.write(tr, row), row);
  }

  named(tr, row) { // what a row is, beside its cells
    tr.row = row;
    for (const [name, value] of [["data-href", row.href], ["data-ref", row.ref], ["data-run", row.key]]) if (value) tr.setAttribute(name, value); else tr.removeAttribute(name);
    if (row.href) tr.tabIndex = -1;
    const look = row.tone || row.pinned ? `${row.tone ?? ""}${row.pinned ? " pinned" : ""}` : "";
    if (tr.className !== look) tr.className = look;
    if (this.selectable) {
      const box = tr.firstChild.firstChild;
      box.value = row.key ?? "";
      box.setAttribute("aria-label", `Choose ${row.key ?? ""}`);
      if (this.picked?.has(row.key)) { box.checked = true; tr.setAttribute("aria-selected", "true"); }
    }
    return tr;
  }

  fresh(row) { // a row whose cells are drawn one by one
    const tr = (this.empty ??= this.blank()).cloneNode(true);
    let td = tr.firstChild, at = 0;
    if (this.selectable) td = td.nextSibling;
    for (const cell of row.cells) {
      const column = this.columns[at], wide = cell?.t === "span" ? cell.columns : 1;
      for (let more = 1; more < wide; more++) td.nextSibling.remove();
      if (wide > 1) { td.colSpan = wide; td.classList.remove("num"); }
      td.append(...[content(cell, column)].flat());
      at += wide;
      td = td.nextSibling;
    }
    tr.shapes = row.cells.map((cell, i) => shape(cell, this.columns[i]));
    return tr;
  }

  write(tr, row) {
    let td = tr.firstChild;
    if (this.selectable) td = td.nextSibling;
    const shapes = tr.shapes ??= this.shapesOf(tr);
    row.cells.forEach((cell, i) => {
      const wanted = shape(cell, this.columns[i]);
      if (wanted && shapes[i] === wanted) REWRITE[wanted.split(" ", 1)[0]](td, cell, this.columns[i]);
      else { td.replaceChildren(...[content(cell, this.columns[i])].flat()); shapes[i] = wanted; }
      td = td.nextSibling;
    });
    return tr;
  }

  shapesOf(tr) { return [...tr.cells].slice(Number(this.selectable)).map(seen); }
}
customElements.define("yard-table", YardTable);
document.addEventListener("change", event => {
  if (event.target.matches?.("[data-pick-all]")) event.target.closest("table").querySelectorAll("tbody .check").forEach(box => { box.checked = event.target.checked; });
  event.target.closest?.("tbody tr")?.setAttribute("aria-selected", event.target.checked);
});
