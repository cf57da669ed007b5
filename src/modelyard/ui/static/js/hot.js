// One thing lit: hovering or focusing a mark of a run lights its every mark on the page, in every panel.
export const start = () => {
  const stage = document.querySelector("[data-hot]");
  if (!stage) return;
  const light = id => {
    stage.classList.toggle("lit-one", Boolean(id));
    stage.querySelectorAll("[data-run]").forEach(node => node.classList.toggle("lit", Boolean(id) && node.dataset.run === id));
  };
  addEventListener("yard:hot", event => light(event.detail));
  const tell = id => dispatchEvent(new CustomEvent("yard:hot", { detail: id }));
  for (const kind of ["mouseover", "focusin"]) stage.addEventListener(kind, event => {
    const id = event.target.closest?.("[data-run]")?.dataset.run;
    if (id) tell(id);
  });
  for (const kind of ["mouseout", "focusout"]) stage.addEventListener(kind, event => {
    if (event.target.closest?.("[data-run]") && !event.relatedTarget?.closest?.("[data-run]")) tell(null);
  });
};
