"use strict";
// Sorting, filtering, what cells show, colours, downloads. Texts enter the page through textContent alone.
const board = JSON.parse(document.getElementById("data").textContent);
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const make = (tag, className = "", ...children) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
};
const announce = (text) => { $("#live").textContent = text; };

// --- sorting: best first, worst first, the board's own order
const table = $("#board table");
const body = $("tbody", table);
const inOrder = table.classList.contains("wide") ? $$("tr", body) : [];
const columnNames = new Intl.Collator("en", { numeric: true });

function sortBy(head) {
  const byName = !head.dataset.column;
  const best = byName || head.dataset.better === "low" ? "ascending" : "descending";
  const worst = best === "ascending" ? "descending" : "ascending";
  const now = head.getAttribute("aria-sort");
  const next = now === best ? worst : now === worst ? null : best;
  for (const other of $$("thead th", table)) other.removeAttribute("aria-sort");
  if (next) head.setAttribute("aria-sort", next);
  const sign = next === "descending" ? -1 : 1;
  const value = (row) => $(`td[data-column="${head.dataset.column}"]`, row).dataset.sort;
  const name = (row) => board.rows[row.dataset.row].name;
  const sorted = next === null ? inOrder : inOrder.toSorted((a, b) => {
    if (byName) return sign * columnNames.compare(name(a), name(b));
    const [x, y] = [value(a), value(b)];
    if (x === "" || y === "") return (x === "") - (y === ""); // no figure: last, whichever way
    return sign * (Number(x) - Number(y));
  });
  body.append(...sorted);
  const what = byName ? "name" : board.columns[head.dataset.column].title;
  const way = byName ? next : next === best ? "best first" : "worst first";
  announce(next ? `Sorted by ${what}, ${way}` : "In the board's order");
}
for (const button of $$("thead button.sort", table)) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}

// --- filtering: a row is shown if each filter has it and its name has what is looked for
const search = $("#search");
const filters = $$("details.filter");
const numbers = (text) => text.split(" ").filter(Boolean).map(Number);

function keepOf(filter, kind) {
  // The numbers a filter lets through: all but those that only its unticked values name.
  const boxes = $$("input", filter);
  const named = boxes.flatMap((box) => numbers(box.dataset[kind]));
  const kept = new Set(boxes.filter((box) => box.checked).flatMap((box) => numbers(box.dataset[kind])));
  return (number) => kept.has(number) || !named.includes(number);
}

function applyFilters() {
  const wanted = search.value.trim().toLowerCase();
  const rowTests = filters.map((filter) => keepOf(filter, "rows"));
  const columnTests = filters.map((filter) => keepOf(filter, "columns"));
  const found = (row) => !wanted || [row.name, ...row.facts.map((fact) => fact[1])].join(" ").toLowerCase().includes(wanted);
  const rows = board.rows.map((row, index) => rowTests.every((test) => test(index)) && found(row));
  const columns = board.columns.map((_, index) => columnTests.every((test) => test(index)));
  for (const part of $$("[data-row]")) part.toggleAttribute("data-off", !rows[part.dataset.row]);
  for (const part of $$("[data-key]")) part.hidden = !rows[part.dataset.key];
  for (const part of $$("#board [data-column]")) {
    const off = !columns[part.dataset.column] || (part.dataset.row !== undefined && !rows[part.dataset.row]);
    part.toggleAttribute("data-off", off);
  }
  for (const head of $$("#board [data-columns]")) {
    const left = numbers(head.dataset.columns).filter((index) => columns[index]).length;
    head.toggleAttribute("data-off", left === 0);
    if (left) head.colSpan = left;
  }
  for (const filter of filters) {
    const boxes = $$("input", filter);
    const ticked = boxes.filter((box) => box.checked).length;
    $(".chosen", filter).textContent = ticked === boxes.length ? `all ${ticked}` : `${ticked} of ${boxes.length}`;
    filter.classList.toggle("active", ticked < boxes.length);
  }
  const [r, c] = [rows.filter(Boolean).length, columns.filter(Boolean).length];
  const all = r === rows.length && c === columns.length;
  $("#reset").hidden = all && !wanted;
  $("#nothing").hidden = r > 0;
  $("#status").textContent = all ? "" : `${r} of ${rows.length} rows` + (c < columns.length ? `, ${c} of ${columns.length} columns` : "");
  fit();
}
function reset() {
  search.value = "";
  for (const box of $$("input", $(".controls"))) box.checked = true;
  applyFilters();
}
search.addEventListener("input", applyFilters);
for (const filter of filters) {
  filter.addEventListener("change", applyFilters);
  for (const [selector, ticked] of [["[data-all]", true], ["[data-none]", false]]) {
    $(selector, filter).addEventListener("click", () => {
      for (const box of $$("input", filter)) box.checked = ticked;
      applyFilters();
    });
  }
}
for (const button of [$("#reset"), ...$$("[data-reset]")]) {
  button.addEventListener("click", () => { reset(); search.focus(); });
}
// A filter's list closes as a menu does: with Escape, or a press elsewhere.
document.addEventListener("pointerdown", (event) => {
  for (const filter of filters) if (!filter.contains(event.target)) filter.open = false;
});
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && filters.find((filter) => filter.open);
  if (open) { open.open = false; $("summary", open).focus(); }
});

// --- what cells show; a table that fits needs no scrolling box, so its head can stay at the window's top
const detail = $("#detail");
function fit() {
  const box = $("#board");
  box.classList.remove("fits");
  box.classList.toggle("fits", table.scrollWidth <= box.clientWidth + 1);
}
function showDetail() { document.documentElement.dataset.detail = detail.value; fit(); }
detail.addEventListener("change", showDetail);
addEventListener("resize", fit);

// --- arrow keys go from cell to cell
$("#board").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const here = event.target.closest("td, th");
  if (!step || !here || !event.target.matches("button")) return;
  const lines = $$("tr", table).map((tr) => $$("td, th", tr).filter((c) => !c.hasAttribute("data-off") && c.offsetWidth > 0))
    .filter((line) => line.length);
  const y = lines.findIndex((line) => line.includes(here));
  const x = lines[y].indexOf(here);
  const to = step[0] ? lines[y][x + step[0]] : lines[y + step[1]]?.[Math.min(x, lines[y + step[1]].length - 1)];
  const button = to && $("button", to);
  if (button) { event.preventDefault(); button.focus(); }
});

// --- colours
const themes = { auto: ["◐", "Auto", "as the system"], light: ["○", "Light", "light"], dark: ["●", "Dark", "dark"] };
const themeButton = $("#theme");
function showTheme() {
  const [sign, name, about] = themes[document.documentElement.dataset.theme ?? "auto"];
  themeButton.replaceChildren(`${sign} `, make("span", "", name));
  themeButton.setAttribute("aria-label", `Colours: ${about}`);
}
themeButton.addEventListener("click", () => {
  const root = document.documentElement;
  const names = Object.keys(themes);
  const next = names[(names.indexOf(root.dataset.theme ?? "auto") + 1) % names.length];
  if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
  try { localStorage.setItem("alumbench-theme", next); } catch { /* files may have no storage */ }
  showTheme();
});

// --- downloads
const types = { csv: "text/csv;charset=utf-8", json: "application/json" };
for (const button of $$("[data-download]")) {
  const form = button.dataset.download;
  if (board.downloads[form] === undefined) { button.hidden = true; continue; }
  button.setAttribute("aria-label", `Download as ${form.toUpperCase()}`);
  button.addEventListener("click", () => {
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([board.downloads[form]], { type: types[form] }));
    link.download = `${board.file}.${form}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

showTheme();
showDetail();
