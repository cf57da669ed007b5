// A wide graph begins where its own thing stands, not at its left edge.
export const start = () => {
  for (const box of document.querySelectorAll(".graph-box")) {
    const here = box.querySelector(".node.here");
    if (!here || box.scrollWidth <= box.clientWidth) continue;
    const thing = here.getBoundingClientRect(), frame = box.getBoundingClientRect();
    box.scrollLeft += thing.left - frame.left - (frame.width - thing.width) / 2;
    box.scrollTop += thing.top - frame.top - (frame.height - thing.height) / 2;
  }
};
