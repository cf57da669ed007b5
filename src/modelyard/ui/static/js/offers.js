// Completion of the filter language: fields, comparators and values as the yard knows them, at the place of the cursor.
import { el } from "./draw.js";
import { metric, number } from "./write.js";

const NUMBERS = ["> ", ">= ", "< ", "<= ", "= ", "!= "], TEXTS = ["= ", "!= ", "LIKE ", "ILIKE "], MISSING = ["IS NULL ", "IS NOT NULL "];
const PIECE = /\s*(?:'(?:''|[^'])*'?|"[^"]*"?|(?:[\w.$@#-]|`[^`]*`?|"[^"]*"?)+|<=|>=|!=|[=<>(),])/gy;

// Where the cursor stands in a comparison: on a field, a comparator, a value, or between two comparisons.
export const place = (text, cursor) => {
  const before = text.slice(0, cursor), pieces = [];
  PIECE.lastIndex = 0;
  for (let m = PIECE.exec(before); m; m = PIECE.exec(before)) pieces.push({ text: m[0].trim(), from: m.index + m[0].length - m[0].trimStart().length, to: PIECE.lastIndex });
  const open = pieces.length && pieces[pieces.length - 1].to === cursor ? pieces.pop() : null;
  let step = "field", field = "";
  for (const piece of pieces) {
    const word = piece.text.toUpperCase();
    if (step === "field" && word !== "AND") { step = "comparator"; field = piece.text; }
    else if (step === "comparator") step = word === "IS" || word === "NOT" ? "rest" : "value";
    else if (step === "rest") step = word === "NULL" ? "and" : word === "IN" ? "value" : "rest";
    else if (step === "value" && !["(", ","].includes(word)) step = "and";
    else if (step === "and") step = word === "AND" ? "field" : word === "," ? "value" : "and";
  }
  return { step, field, typed: open?.text ?? "", from: open?.from ?? cursor };
};

const worth = (typed, name) => {
  const at = name.toLowerCase().indexOf(typed.toLowerCase());
  return at < 0 ? -1 : at === 0 || name.toLowerCase().includes(`.${typed.toLowerCase()}`) ? 2 : 1;
};

export const complete = (input, list, road) => {
  let fields = null, options = [], chosen = -1, turn = 0;
  const known = async () => fields ??= await (await fetch(`/runs/fields?${road()}`, { headers: { accept: "application/json" } })).json().then(d => d.fields).catch(() => []);
  const hide = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); options = []; chosen = -1; };
  const choose = i => {
    chosen = (i + options.length) % options.length;
    options.forEach((o, n) => o.node.setAttribute("aria-selected", n === chosen));
    input.setAttribute("aria-activedescendant", options[chosen].node.id);
    options[chosen].node.scrollIntoView({ block: "nearest" });
  };
  const told = f => f.kind === "number" ? `${f.low !== null && f.low !== undefined ? `${metric(f.low)} to ${metric(f.high)}` : "number"}${f.runs ? ` · ${number(f.runs)}` : ""}` : f.runs ? `text · ${number(f.runs)}` : "text";
  const offers = async at => {
    const all = await known();
    if (at.step === "field") return all.map(f => ({ text: `${f.name} `, note: told(f), rank: worth(at.typed, f.name) })).filter(o => o.rank >= 0).sort((a, b) => b.rank - a.rank).slice(0, 40);
    const field = all.find(f => f.name === at.field);
    if (at.step === "comparator") return (field?.kind === "number" ? NUMBERS : [...TEXTS, ...(/^(params|tags)\./.test(at.field) ? MISSING : [])]).filter(text => text.toLowerCase().startsWith(at.typed.toLowerCase())).map(text => ({ text, note: "" }));
    if (at.step === "rest") return ["NULL ", "NOT NULL ", "IN ("].filter(text => text.startsWith(at.typed.toUpperCase())).map(text => ({ text, note: "" }));
    if (at.step === "and") return at.typed ? [] : [{ text: "AND ", note: "one more" }];
    if (field?.kind === "number" || !at.field) return [];
    const like = at.typed.replace(/^['"]/, "").replace(/['"]$/, "");
    const answer = await fetch(`/runs/values?field=${encodeURIComponent(at.field)}&like=${encodeURIComponent(like)}`, { headers: { accept: "application/json" } });
    if (!answer.ok) return [];
    return (await answer.json()).values.map(v => ({ text: `${v.value.includes("'") && !v.value.includes('"') ? `"${v.value}"` : `'${v.value}'`} `, note: number(v.runs) }));
  };
  const show = async () => {
    const mine = ++turn, at = place(input.value, input.selectionStart), found = await offers(at);
    if (mine !== turn || document.activeElement !== input) return;
    hide();
    if (!found.length || (found.length === 1 && found[0].text.trim() === at.typed)) return;
    options = found.map((offer, i) => ({ ...offer, at, node: el("span", { role: "option", id: `offer-${i}`, "aria-selected": "false" }, el("bdi", { class: "mono cut" }, offer.text.trim()), offer.note ? el("span", { class: "note push line" }, offer.note) : null) }));
    list.replaceChildren(...options.map(o => o.node));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  };
  const take = option => {
    const end = input.selectionStart;
    input.setRangeText(option.text, option.at.from, end, "end");
    hide();
    show();
  };
  input.addEventListener("input", show);
  input.addEventListener("focus", show);
  input.addEventListener("click", show);
  input.addEventListener("blur", () => setTimeout(hide, 150));
  input.addEventListener("keydown", event => {
    if (list.hidden) { if (event.key === "Escape") input.blur(); return; }
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Tab" && !event.shiftKey) take(options[Math.max(0, chosen)]);
    else if (event.key === "Enter" && chosen >= 0) take(options[chosen]);
    else if (event.key === "Escape") hide();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("mousedown", event => {
    const node = event.target.closest("[role=option]"), option = options.find(o => o.node === node);
    if (option) { event.preventDefault(); take(option); }
  });
};
