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

// A form that was made for an earlier state is made anew, unless somebody is writing in it.
function revised() {
  const now = document.querySelector("#flow [data-revision]");
  const made = document.querySelector("#workflow input[name=revision]");
  if (!now || !made || now.dataset.revision === made.value) return;
  const section = document.getElementById("workflow");
  const writing = [...section.querySelectorAll("textarea")].some((area) => area.value.trim());
  if (writing || section.querySelector("form").contains(document.activeElement)) {
    document.getElementById("moved-on").hidden = false;
  } else {
    htmx.ajax("GET", `${location.pathname}/workflow/now`, { target: section, swap: "outerHTML" });
  }
}
addEventListener("htmx:sseMessage", revised);
