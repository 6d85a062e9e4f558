// A list that is redrawn between the press and the release of a button swallows the click: what
// comes meanwhile is shown after the release.
const held = new Map();
let down = false;

addEventListener("pointerdown", () => { down = true; });
for (const name of ["pointerup", "pointercancel", "blur"]) {
  addEventListener(name, () => {
    down = false;
    // after the click that follows the release
    setTimeout(() => {
      for (const [element, data] of held) htmx.swap(element, data, { swapStyle: "innerHTML" });
      held.clear();
    });
  });
}
addEventListener("htmx:sseBeforeMessage", (event) => {
  if (!down) return;
  event.preventDefault();
  held.set(event.target, event.detail.data);
});

// A page that hears nothing must not look as if nothing had happened.
function connected(yes) {
  const lost = document.getElementById("lost");
  if (lost) lost.hidden = yes;
}
addEventListener("htmx:sseError", () => connected(false));
addEventListener("htmx:sseOpen", () => connected(true));
