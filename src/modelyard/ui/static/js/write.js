// Numbers and times as the server writes them (ui/kit/figures.py): the same words on both sides of the wire.
const DASH = "–", MINUS = "−";
const minus = text => text.replaceAll("-", MINUS);
const special = v => Number.isNaN(v) ? "nan" : v === Infinity ? "∞" : v === -Infinity ? `${MINUS}∞` : null;
const forms = new Map(); // making a form costs more than writing a hundred numbers with it
const form = (least, most) => {
  const key = least * 100 + most;
  if (!forms.has(key)) forms.set(key, new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most }));
  return forms.get(key);
};
const fixed = (v, digits) => minus(form(digits, digits).format(v));

export const number = (v, digits = null) => {
  if (v === null || v === undefined) return DASH;
  const odd = special(v);
  if (odd) return odd;
  return digits === null ? minus(form(0, 6).format(v)) : fixed(v, digits);
};
export const metric = v => {
  const odd = special(v), size = Math.abs(v);
  if (odd) return odd;
  if (size !== 0 && size < .0005) return minus(v.toExponential(2).replace(/e([+-])(\d)$/, "e$10$2"));
  return fixed(v, size < 10 ? 4 : size < 1000 ? 2 : 0);
};
export const signed = (v, digits = 4) => special(v) ?? (Number(v.toFixed(digits)) === 0 ? "0" : (v > 0 ? "+" : "") + fixed(v, digits));
export const share = (v, digits = 1) => {
  const step = 10 ** -digits;
  return special(v) ?? (v > 0 && v * 100 < step / 2 ? `< ${step.toFixed(digits)} %` : `${fixed(v * 100, digits).replaceAll(",", "")} %`);
};
export const money = v => {
  const size = Math.abs(v);
  const digits = size === 0 || (size >= .0995 && size < 99.995) ? 2 : size >= .0005 && size < .0995 ? 3 : size > 1 ? 0 : 6;
  return (v < 0 ? MINUS : "") + "$" + fixed(size, digits);
};
export const bytes = v => {
  let value = v, step = 0;
  while (Math.abs(value) >= 999.5 && step < 5) { value /= 1000; step += 1; }
  const digits = step === 0 || Math.abs(value) >= 99.5 || value === Math.round(value) ? 0 : 1;
  return `${minus(value.toFixed(digits))} ${["B", "KB", "MB", "GB", "TB", "PB"][step]}`;
};
export const energy = v => v >= 1000 ? `${number(v / 1000, 1)} kWh` : `${number(v, v >= .1 || v === 0 ? 1 : 4)} Wh`;
export const duration = v => {
  const sign = v < 0 ? MINUS : "", s = Math.abs(v);
  if (s === 0) return "0 s";
  if (s < .0995) { const micro = s < .0000995, n = s * (micro ? 1e6 : 1e3); return `${sign}${n.toFixed(n < 9.95 ? 1 : 0)} ${micro ? "µs" : "ms"}`; }
  if (s < 59.5) return `${sign}${s.toFixed(s < 9.95 ? 1 : 0)} s`;
  const whole = Math.round(s), m = Math.floor(whole / 60), rest = whole % 60;
  if (m < 60) return `${sign}${m} min${rest ? ` ${String(rest).padStart(2, "0")} s` : ""}`;
  const h = Math.floor(m / 60);
  if (h < 24) return `${sign}${h} h${m % 60 ? ` ${m % 60} min` : ""}`;
  return `${sign}${number(Math.floor(h / 24))} d`;
};
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = n => String(n).padStart(2, "0");
export const moment = (text, now = new Date()) => {
  const at = new Date(text), clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`, gap = (now - at) / 1000;
  if (gap >= 0 && gap < 1) return "now";
  if (gap >= 0 && gap < 60) return `${Math.floor(gap)} s ago`;
  if (gap >= 0 && gap < 3600) return `${Math.floor(gap / 60)} min ago`;
  if (gap >= 0 && gap < 86400) return `${Math.floor(gap / 3600)} h ago`;
  if (now.toISOString().slice(0, 10) === at.toISOString().slice(0, 10)) return clock;
  const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
  return Math.abs(gap) < 300 * 86400 ? `${day} ${clock}` : `${day} ${at.getUTCFullYear()}`;
};
export const stamp = text => `${new Date(text).toISOString().slice(0, 19).replace("T", " ")} UTC`;

const WRITE = { metric, money, size: bytes, energy, duration };
export const asKind = (v, kind, digits) =>
  kind === "signed" ? signed(v, digits ?? 4) : kind === "share" ? share(v, digits ?? 1) : WRITE[kind] ? WRITE[kind](v) : number(v, digits);
