// What is told about a cell, a row or a point: in a tooltip on hover and focus, in the dialog on a press.
const tip = $("#tip");
const dialog = $("#details");
const heading = $("#details-heading");
const PAGE = 20;

function factList(facts, className) {
  return make("dl", className, ...facts.map(([name, text]) =>
    make("div", "", make("dt", "", name), make("dd", name === "signature" ? "mono" : "", text))));
}
function chip(kind, text) {
  return make("span", `chip ${kind}`, kind === "flag" ? "⚑ " : "", text);
}
// Made visible when the page was built: marks of characters that are not to be obeyed, such as [U+202E].
function textParts(text) {
  return text.split(/(\[U\+[0-9A-F]{4,6}\])/).map((part, at) => at % 2 ? make("span", "control", part) : part);
}

// --- tooltip
let tipped = null;
function tipContent(target) {
  if (target.dataset.tip === "cell") {
    const { row, column } = target.closest("td").dataset;
    const found = board.rows[row].cells[column];
    return [make("strong", "", `${board.rows[row].name} · ${board.columns[column].title}`), factList(found.facts, "facts"),
      found.total ? make("p", "hint", `Press for examples, ${found.examples.length} of ${found.total}.`) : ""];
  }
  if (target.dataset.tip === "column") {
    const found = board.columns[target.closest("th").dataset.column];
    return [make("strong", "", found.title), factList(found.facts, "facts")];
  }
  const [first, ...rest] = target.dataset.tip.split("\n");
  return [make("strong", "", first), ...rest.map((line) => make("div", "", line))];
}
function showTip(target) {
  if (tipped === target) return;
  hideTip();
  tipped = target;
  tip.replaceChildren(...tipContent(target).filter(Boolean));
  tip.hidden = false;
  target.setAttribute("aria-describedby", "tip");
  const at = target.getBoundingClientRect();
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const left = Math.min(Math.max(8, at.left + at.width / 2 - width / 2), innerWidth - width - 8);
  const above = at.top - height - 6;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${above > 8 ? above : Math.min(at.bottom + 6, Math.max(8, innerHeight - height - 8))}px`;
}
function hideTip() {
  if (!tipped) return;
  tipped.removeAttribute("aria-describedby");
  tipped = null;
  tip.hidden = true;
}
let timer = 0;
document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch" && !event.target.closest?.(".point")) return; // a tap opens the dialog instead
  const target = event.target.closest?.("[data-tip]");
  clearTimeout(timer);
  if (tip.contains(event.target)) return; // it can be read and copied from with the pointer on it
  timer = target ? setTimeout(() => showTip(target), tipped ? 30 : 120) : setTimeout(hideTip, 120);
});
document.addEventListener("focusin", (event) => {
  const target = event.target.closest?.("[data-tip]");
  if (target?.matches(":focus-visible")) showTip(target); else hideTip();
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
addEventListener("scroll", hideTip, { capture: true, passive: true });

// --- examples
function exampleText(parts) {
  return make("p", "text", ...parts.flatMap(([text, changed]) =>
    changed ? [make("mark", "", make("span", "vh", " changed: "), ...textParts(text), make("span", "vh", " ")) ] : textParts(text)));
}
function exampleItem(example) {
  const said = make("span", "said", example.prediction ?? "");
  if (example.to) said.append(" → ", make("strong", "", example.to));
  const facts = [["label", example.label], ["seed", example.seed], ["queries", example.queries],
    ["similarity", example.similarity], ["id", example.id]].filter((fact) => fact[1]);
  const item = make("li", "example", make("div", "example-top",
    make("span", `chip outcome ${example.outcome}`, example.outcome_text), said,
    make("span", "meta", ...facts.flatMap(([name, text]) => [make("span", "", `${name} `, make("b", "", text))]))));
  const texts = example.texts ?? [];
  for (const [name, parts] of texts) {
    const line = exampleText(parts);
    line.dir = "auto";
    item.append(texts.length > 1 ? make("div", "text-part", make("span", "part-name", name), line) : line);
  }
  if (!texts.length) item.append(make("p", "text muted", "its adversarial text is not stored"));
  return item;
}
function outcomeBar(counts) {
  const all = counts.reduce((sum, count) => sum + count[2], 0);
  const bar = make("div", "outcomes");
  for (const [kind, label, count] of counts) {
    const part = make("span", `part ${kind}`);
    part.style.flexGrow = count / all;
    bar.append(part);
  }
  bar.setAttribute("aria-hidden", "true");
  const key = counts.map(([kind, label, count]) => make("li", "", make("span", `swatch ${kind}`), `${count} ${label} `,
    make("span", "muted", `${(100 * count / all).toFixed(1)} %`)));
  return [bar, make("ul", "outcome-key", ...key)];
}
function examplesPart(cell) {
  if (!cell.examples.length) {
    const why = cell.total ? `None of the ${cell.total} examples is on this page.` : "This cell has no examples.";
    return [make("h3", "", "Examples"), make("p", "muted", why, cell.records ? " Records: " : "", cell.records ? make("code", "", cell.records) : "")];
  }
  const list = make("ul", "examples");
  const kinds = [...new Map(cell.examples.map((e) => [e.outcome, e.outcome_text]))];
  const buttons = [["", "all"], ...kinds].map(([kind, label]) => {
    const count = cell.examples.filter((e) => !kind || e.outcome === kind).length;
    const button = make("button", "", `${label} ${count}`);
    button.type = "button";
    button.addEventListener("click", () => show(kind));
    return [kind, button];
  });
  function show(kind) {
    for (const [name, button] of buttons) button.setAttribute("aria-pressed", String(name === kind));
    list.replaceChildren(...cell.examples.filter((e) => !kind || e.outcome === kind).slice(0, PAGE).map(exampleItem));
  }
  show("");
  const choice = make("div", "choice", ...buttons.map((pair) => pair[1]));
  choice.setAttribute("role", "group");
  choice.setAttribute("aria-label", "Outcomes shown");
  const where = make("p", "muted", `${cell.examples.length} of ${cell.total} shown.`, cell.records ? " All of them: " : "",
    cell.records ? make("code", "", cell.records) : "");
  return [make("h3", "", "Examples"), kinds.length > 1 ? choice : "", list, where];
}

// --- dialog
function open(title, parts, opener) {
  hideTip();
  heading.replaceChildren(...title);
  $("#details-body").replaceChildren(...parts.filter((part) => part !== ""));
  dialog.showModal();
  dialog.scrollTop = 0;
  heading.focus();
  dialog.addEventListener("close", () => opener.focus(), { once: true });
}
function openCell(button) {
  const { row, column } = button.closest("td").dataset;
  const cell = board.rows[row].cells[column];
  const name = (text) => make("bdi", "", text);
  open([name(board.rows[row].name), make("span", "muted", " under "), name(board.columns[column].title)], [
    make("p", "chips", ...cell.warnings.map(([kind, text]) => chip(kind, text))),
    factList([...board.columns[column].facts.filter((fact) => fact[0] === "measure" || fact[0] === "note"),
      ...cell.facts.filter((fact) => !fact[0].startsWith("outcomes"))], "facts wide"), // the bar below tells them
    ...(cell.counts.length ? outcomeBar(cell.counts) : []),
    ...examplesPart(cell),
  ], button);
}
function openRow(button) {
  const row = board.rows[button.dataset.details];
  const flags = row.flags.map(([flag, where, detail, seeds]) =>
    make("li", "", chip("flag", flag), make("span", "muted", ` ${where}${seeds ? `, seed ${seeds}` : ""} `), make("div", "", detail)));
  open([make("bdi", "", row.name)], [
    factList(row.facts, "facts wide"),
    make("h3", "", "Reliability flags"),
    flags.length ? make("ul", "flags", ...flags) : make("p", "muted", "None."),
  ], button);
}
document.addEventListener("click", (event) => {
  const cell = event.target.closest("button.cell");
  const row = event.target.closest("[data-details]");
  if (cell) openCell(cell);
  else if (row) openRow(row);
  else if (event.target === dialog || event.target.closest("dialog .close")) dialog.close();
});
