// Keys of one letter: j and k go through the signals of a list, / to the filters, d decides, u goes
// back to the inbox. They are of no use while somebody writes, and can be switched off for good.
const KEYS = "ketavigil-keys";
const off = () => localStorage.getItem(KEYS) === "off";

function step(by) {
  const links = [...document.querySelectorAll("[data-keys] tbody th a")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  const to = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
  const link = links[Math.min(Math.max(to, 0), links.length - 1)];
  link.focus();
  link.scrollIntoView({ block: "nearest" });
}

function toFilters() {
  const first = document.querySelector(".filters select");
  if (!first) return;
  first.closest("details")?.setAttribute("open", "");
  first.focus();
}

const actions = {
  j: () => step(1),
  k: () => step(-1),
  "/": toFilters,
  d: () => document.querySelector("#workflow select, #workflow textarea")?.focus(),
  u: () => location.assign("/"),
};

addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, select, textarea");
  if (off() || writing || event.ctrlKey || event.metaKey || event.altKey) return;
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

const button = document.getElementById("keys");
function show() {
  button.setAttribute("aria-pressed", String(!off()));
  button.textContent = off() ? button.dataset.off : button.dataset.on;
}
if (button) {
  button.addEventListener("click", () => {
    localStorage.setItem(KEYS, off() ? "on" : "off");
    show();
  });
  show();
}
