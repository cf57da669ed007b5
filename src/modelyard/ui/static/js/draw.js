// Making elements: text always as text, never as markup.
export const el = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
};
const SVG = "http://www.w3.org/2000/svg";
export const svg = (name, attributes = {}, ...children) => {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
export const icon = (name, kind = "icon") => svg("svg", { class: kind, viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));
export const mark = (state, label = "") => svg("svg", { class: `mark ${state}`, viewBox: "0 0 10 10", ...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" }) }, svg("use", { href: `#m-${state}` }));

export const spark = (values, width = 72, height = 18) => {
  const points = values.map((v, i) => [i, v]).filter(([, v]) => v !== null && Number.isFinite(v));
  if (points.length < 2) return el("span", { class: "faint" }, "–");
  const ys = points.map(p => p[1]), low = Math.min(...ys), high = Math.max(...ys), across = (width - 4) / Math.max(1, values.length - 1);
  const at = ([i, v]) => [1 + i * across, 2 + (1 - (high === low ? .5 : (v - low) / (high - low))) * (height - 4)];
  let path = "", before = -2;
  for (const point of points) {
    const [x, y] = at(point);
    path += `${before === point[0] - 1 ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    before = point[0];
  }
  const [x, y] = at(points[points.length - 1]);
  return svg("svg", { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, svg("path", { d: path }), svg("circle", { cx: x, cy: y, r: 1.6 }));
};
