// What a reader with a screen reader, or with weak eyes, would stumble over.
() => {
  const faults = [], seen = node => node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && node.getBoundingClientRect().width > 1;
  const name = node => (node.getAttribute("aria-label") || node.textContent || node.title || "").trim();
  for (const node of document.querySelectorAll("a[href], button, summary")) if (seen(node) && !name(node)) faults.push(`no name: ${node.outerHTML.slice(0, 90)}`);
  for (const node of document.querySelectorAll("input:not([type=hidden]), select, textarea")) if (seen(node) && !node.labels?.length && !node.getAttribute("aria-label")) faults.push(`no label: ${node.outerHTML.slice(0, 90)}`);
  for (const node of document.querySelectorAll("svg[role=img], [role=group]")) if (seen(node) && !node.getAttribute("aria-label")) faults.push(`no words: ${node.outerHTML.slice(0, 90)}`);
  let level = 1;
  for (const node of document.querySelectorAll("main :is(h1, h2, h3, h4)")) { const n = Number(node.tagName[1]); if (n > level + 1) faults.push(`heading jumps to ${n}: ${node.textContent}`); level = n; }
  for (const tag of ["main", "nav", "header", "footer"]) if (!document.querySelector(tag)) faults.push(`no ${tag}`);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }).reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = node => { for (let at = node; at; at = at.parentElement) { const c = rgb(getComputedStyle(at).backgroundColor); if (c[3] === 255) return c; } return rgb("Canvas"); };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = texts.nextNode(), count = 0; n && count < 3000; n = texts.nextNode(), count++) {
    const box = n.parentElement;
    if (!n.textContent.trim() || box.closest("svg, [hidden], dialog, [disabled], .unseen, .skip, bdi bdi") || !seen(box)) continue;
    const a = light(rgb(getComputedStyle(box).color)), b = light(ground(box)), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${n.textContent.trim().slice(0, 40)}`);
  }
  return faults;
}
