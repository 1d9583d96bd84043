"use strict";
// Tables sort by their headings, and figures show their values; without this the page is whole.

// --- Tables

function keyOf(cell, isNumeric) {
  if (isNumeric) return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  const text = cell.textContent.trim();
  return text === "" || text === "–" ? null : text;
}

function compareKeys(a, b, isNumeric) {
  return isNumeric ? a - b : a.localeCompare(b, "en", { numeric: true });
}

function sortBy(head) {
  const table = head.closest("table");
  const body = table.tBodies[0];
  const index = head.cellIndex;
  const rows = [...body.rows];
  const isNumeric = rows.some((row) => row.cells[index].dataset.value !== undefined);
  const isDown = head.getAttribute("aria-sort") === "ascending";
  const keyed = rows.map((row) => ({ row, key: keyOf(row.cells[index], isNumeric) }));
  // What has no value stays last in either direction; equal rows keep their order.
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    const order = compareKeys(a.key, b.key, isNumeric);
    return isDown ? -order : order;
  });
  body.append(...keyed.map((each) => each.row));
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}

// --- Values of figures

const SVG = "http://www.w3.org/2000/svg";
const SIGNS = "●■▲◆▼✚✖★";
const MAX_ROWS = 12;
// In units of the drawing: what lies closer together than this is read together.
const REACH = 7;
const tip = document.getElementById("tip");

function make(parent, tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.append(node);
  return node;
}

function colourOf(arm) {
  return arm === null ? "var(--soft)" : `var(--arm-${arm % SIGNS.length})`;
}

function distance(point, at, along) {
  const [dx, dy] = [Math.abs(point[0] - at[0]), Math.abs(point[1] - at[1])];
  if (along === "both") return Math.hypot(dx, dy);
  // The other direction only decides between points at the same place.
  return along === "x" ? dx + dy / 1e4 : dy + dx / 1e4;
}

function nearest(trace, at, along) {
  let best = null;
  for (const point of trace.points) {
    const gap = distance(point, at, along);
    if (best === null || gap < best.gap) best = { trace, point, gap };
  }
  return best;
}

// What a series has at the very same value or category, where it has something.
function beneath(trace, first) {
  if (trace === first.trace) return { trace, point: first.point, gap: 0 };
  const point = trace.points.find((each) => each[2] === first.point[2]);
  return point && { trace, point, gap: 0 };
}

// The point nearest to a place, and what the other series have beside it.
function readTraces(hover, at) {
  const found = hover.traces.map((trace) => nearest(trace, at, hover.along)).filter(Boolean);
  if (!found.length) return null;
  const measured = found.filter((each) => !each.trace.is_guide);
  const all = measured.length ? measured : found;
  const first = all.reduce((a, b) => (b.gap < a.gap ? b : a));
  const beside = hover.traces
    .map((trace) => beneath(trace, first) ?? nearest(trace, first.point, hover.along))
    .filter((each) => each && each.gap <= REACH);
  const rows = beside.map(({ trace, point }) => ({
    arm: trace.arm,
    label: point[2] === first.point[2] ? trace.label : `${trace.label}, ${hover.heads[point[2]]}`,
    text: point[3],
  }));
  const marks = beside.map(({ trace, point }) => ({ at: point, colour: colourOf(trace.arm) }));
  return { head: hover.heads[first.point[2]], rows, marks, at: first.point };
}

function readGrid(hover, at) {
  const [left, top, right, bottom] = hover.box;
  const [width, height] = [(right - left) / hover.columns.length, (bottom - top) / hover.rows.length];
  const column = Math.min(Math.max(Math.floor((at[0] - left) / width), 0), hover.columns.length - 1);
  const row = Math.min(Math.max(Math.floor((at[1] - top) / height), 0), hover.rows.length - 1);
  if (row < 0 || column < 0) return null;
  const value = hover.values[row][column];
  const text = value === null ? "no value" : `${value.toLocaleString("en")} ${hover.unit}`.trim();
  const rows = [
    { arm: null, label: hover.row_label, text: hover.rows[row] },
    { arm: null, label: hover.column_label, text: hover.columns[column] },
  ];
  const cell = { x: left + column * width, y: top + row * height, width, height };
  return { head: text, rows, marks: [], cell, at: [cell.x + width / 2, cell.y + height / 2] };
}

function draw(plot, reading) {
  plot.cursor.replaceChildren();
  const [left, top, right, bottom] = plot.hover.box;
  if (reading.cell) make(plot.cursor, "rect", reading.cell);
  if (plot.hover.along === "x") {
    make(plot.cursor, "line", { x1: reading.at[0], x2: reading.at[0], y1: top, y2: bottom });
  } else if (plot.hover.along === "y") {
    make(plot.cursor, "line", { x1: left, x2: right, y1: reading.at[1], y2: reading.at[1] });
  }
  for (const { at, colour } of reading.marks.slice(0, MAX_ROWS)) {
    make(plot.cursor, "circle", { cx: at[0], cy: at[1], r: 3, style: `stroke:${colour}` });
  }
}

// Text only: nothing that a run has named can become markup.
function write(reading, isGrid) {
  const head = document.createElement("b");
  head.textContent = reading.head;
  const list = document.createElement("div");
  for (const row of reading.rows.slice(0, MAX_ROWS)) {
    const parts = ["span", "span", "span"].map((tag) => document.createElement(tag));
    parts[0].textContent = isGrid ? "" : row.arm === null ? "●" : SIGNS[row.arm % SIGNS.length];
    parts[0].style.color = colourOf(row.arm);
    parts[1].textContent = row.label;
    parts[2].textContent = row.text;
    list.append(...parts);
  }
  tip.replaceChildren(head, list);
  const rest = reading.rows.length - MAX_ROWS;
  if (rest > 0) tip.append(`and ${rest} more`);
}

// Beside the place, and always inside the window.
function put(plot, at) {
  const matrix = plot.svg.getScreenCTM();
  const x = at[0] * matrix.a + matrix.e;
  const y = plot.svg.getBoundingClientRect().top;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const room = document.documentElement.clientWidth;
  const left = x + 14 + width <= room - 8 ? x + 14 : x - 14 - width;
  const pointY = at[1] * matrix.d + matrix.f;
  // Where neither side has room, it stands above or below what it speaks of.
  const isBeside = left >= 8;
  const top = isBeside ? pointY - height / 2 : y - height - 4 >= 8 ? y - height - 4 : pointY + 24;
  const low = window.innerHeight - height - 8;
  tip.style.left = `${Math.max(8, Math.min(left, room - width - 8))}px`;
  tip.style.top = `${Math.max(8, Math.min(top, low))}px`;
}

let shown = null;

function hide() {
  if (shown) shown.cursor.replaceChildren();
  shown = null;
  tip.hidden = true;
}

function show(plot, at) {
  const isGrid = plot.hover.kind === "grid";
  const reading = isGrid ? readGrid(plot.hover, at) : readTraces(plot.hover, at);
  if (shown && shown !== plot) hide();
  if (!reading) return;
  shown = plot;
  plot.at = reading.at;
  draw(plot, reading);
  write(reading, isGrid);
  put(plot, reading.at);
}

function placeOf(plot, event) {
  const point = new DOMPoint(event.clientX, event.clientY);
  const { x, y } = point.matrixTransform(plot.svg.getScreenCTM().inverse());
  return [x, y];
}

// The places that an arrow key can go to from here, in its direction.
function step(plot, key) {
  const [isSideways, sign] = [/Left|Right/.test(key), /Right|Down/.test(key) ? 1 : -1];
  const { hover, at } = plot;
  if (hover.kind === "grid") {
    const [left, top, right, bottom] = hover.box;
    const size = [(right - left) / hover.columns.length, (bottom - top) / hover.rows.length];
    return isSideways ? [at[0] + sign * size[0], at[1]] : [at[0], at[1] + sign * size[1]];
  }
  const axis = hover.along === "y" ? 1 : 0;
  const measured = hover.traces.filter((trace) => !trace.is_guide);
  const points = (measured.length ? measured : hover.traces).flatMap((trace) => trace.points);
  const ahead = points.filter((point) => (point[axis] - at[axis]) * sign > 0.05);
  if (!ahead.length) return at;
  return ahead.reduce((a, b) => (Math.abs(b[axis] - at[axis]) < Math.abs(a[axis] - at[axis]) ? b : a));
}

function start(element) {
  const svg = element.querySelector("svg");
  const hover = JSON.parse(element.parentElement.querySelector("script").textContent);
  const cursor = make(svg, "g", { class: "cursor" });
  const plot = { svg, hover, cursor, at: [hover.box[0], hover.box[1]] };
  for (const kind of ["pointermove", "pointerdown"]) {
    element.addEventListener(kind, (event) => show(plot, placeOf(plot, event)));
  }
  element.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") hide();
  });
  element.addEventListener("focus", () => {
    if (element.matches(":focus-visible")) show(plot, plot.at);
  });
  element.addEventListener("blur", hide);
  element.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    show(plot, step(plot, event.key));
  });
}

for (const element of document.querySelectorAll(".plot")) start(element);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});
document.addEventListener("pointerdown", (event) => {
  if (!(event.target instanceof Element && event.target.closest(".plot"))) hide();
});
window.addEventListener("scroll", hide, { passive: true });
