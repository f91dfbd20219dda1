// Points are walked through with arrow keys; a row pressed in the key, or pointed at, comes forward in every chart.
for (const choice of $$("[data-drawings]")) {
  const show = () => {
    for (const drawing of $$(`[data-drawing^="${choice.dataset.drawings}-"]`)) {
      drawing.classList.toggle("later", drawing.dataset.drawing !== `${choice.dataset.drawings}-${choice.value}`);
    }
  };
  choice.addEventListener("change", show);
  show(); // a browser may keep the choice over a reload
}

for (const plot of $$("svg.plot")) {
  const points = () => $$(".point", plot).filter((point) => !point.closest("[data-off]"));
  const enter = (point) => {
    for (const other of $$(".point", plot)) other.setAttribute("tabindex", other === point ? "0" : "-1");
  };
  enter(points()[0]);
  plot.addEventListener("focusin", (event) => enter(event.target));
  plot.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = points();
    const at = all.indexOf(event.target.closest(".point"));
    if (!by || at < 0) return;
    event.preventDefault();
    all[(at + by + all.length) % all.length].focus();
  });
}

const pressed = new Set();
function forward(row = null) {
  const rows = new Set(row === null ? pressed : [...pressed, row]);
  for (const plot of $$("svg.plot")) plot.classList.toggle("chosen", rows.size > 0);
  for (const part of $$("svg.plot [data-row]")) part.classList.toggle("forward", rows.has(part.dataset.row));
}
for (const button of $$("[data-key]")) {
  const row = button.dataset.key;
  button.addEventListener("click", () => {
    if (!pressed.delete(row)) pressed.add(row);
    button.setAttribute("aria-pressed", String(pressed.has(row)));
    forward();
  });
  button.addEventListener("pointerenter", () => forward(row));
  button.addEventListener("pointerleave", () => forward());
}
for (const part of $$("svg.plot .points")) {
  part.addEventListener("pointerenter", () => forward(part.dataset.row));
  part.addEventListener("pointerleave", () => forward());
  part.addEventListener("focusin", () => forward(part.dataset.row));
  part.addEventListener("focusout", () => forward());
}
