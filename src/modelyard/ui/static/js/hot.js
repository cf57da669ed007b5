// One thing lit: hovering or focusing a mark of a run lights its every mark on the page, in every panel.
export const start = () => {
  const stage = document.querySelector("[data-hot]");
  if (!stage) return;
  const light = id => stage.querySelectorAll("[data-run]").forEach(node => node.classList.toggle("lit", node.dataset.run === id));
  for (const kind of ["mouseover", "focusin"]) stage.addEventListener(kind, event => {
    const id = event.target.closest?.("[data-run]")?.dataset.run;
    if (id) { light(id); dispatchEvent(new CustomEvent("yard:hot", { detail: id })); }
  });
};
