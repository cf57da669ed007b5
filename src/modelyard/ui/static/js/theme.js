// Before the first paint: the theme that was chosen here, if one was; else the system decides. Small and blocking.
(() => {
  try {
    const chosen = localStorage.getItem("yard-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* no storage: the system's theme stands */ }
})();
