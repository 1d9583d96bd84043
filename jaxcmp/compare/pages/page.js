"use strict";
// Tables sort, commands copy, figures show their values; without this the page is whole.

function sortBy(head) {
  const body = head.closest("table").tBodies[0];
  const rows = [...body.rows];
  const cell = (row) => row.cells[head.cellIndex];
  const isNumeric = rows.some((row) => cell(row).dataset.value !== undefined);
  const isDown = head.getAttribute("aria-sort") === "ascending";
  const key = (row) => {
    const text = isNumeric ? cell(row).dataset.value : cell(row).textContent.trim();
    return !text || text === "–" ? null : text;
  };
  // What has no value stays last in either direction.
  rows.sort((one, two) => {
    const [a, b] = [key(one), key(two)];
    if (a === null || b === null) return (a === null) - (b === null);
    const order = isNumeric ? a - b : a.localeCompare(b, "en", { numeric: true });
    return isDown ? -order : order;
  });
  body.append(...rows);
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
}
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    // Where a page may not write to the clipboard, the text is at least selected.
    getSelection().selectAllChildren(code);
    await navigator.clipboard?.writeText(code.textContent);
    button.textContent = navigator.clipboard ? "Copied" : "Selected";
  });
}
// A table that is wider than its place says so: on a phone nothing else does.
function sayWhatScrolls() {
  for (const box of document.querySelectorAll(".scroll")) {
    const hint = box.parentElement.querySelector(".sideways");
    hint.hidden = box.scrollWidth <= box.clientWidth + 1;
  }
}
sayWhatScrolls();
window.addEventListener("resize", sayWhatScrolls);
document.addEventListener("toggle", sayWhatScrolls, true);
window.addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details")) each.open = true;
});

// --- Values of figures

const SIGNS = "●■▲◆▼✚✖★";
const MAX_ROWS = 12;
const tip = document.getElementById("tip");
let shown = null;

function colourOf(arm) {
  return arm === null ? "var(--soft)" : `var(--arm-${arm % SIGNS.length})`;
}

// What is read at a place: the nearest point, and what other series have at the same value.
function readTraces({ traces, heads, along }, [x, y]) {
  const gap = (point) => {
    const [dx, dy] = [Math.abs(point[0] - x), Math.abs(point[1] - y)];
    return along === "x" ? dx + dy / 1e4 : along === "y" ? dy + dx / 1e4 : Math.hypot(dx, dy);
  };
  const points = traces.flatMap((trace) => trace[2]);
  if (!points.length) return null;
  const first = points.reduce((a, b) => (gap(b) < gap(a) ? b : a));
  const rows = traces.flatMap(([label, arm, own]) => {
    const same = own.filter((point) => point[2] === first[2]);
    const point = same.includes(first) ? first : same[0];
    return point ? [{ label, arm, text: point[3], at: point }] : [];
  });
  return { head: heads[first[2]], rows, at: first };
}

function readMatrix({ box: [left, top, right, bottom], rows, columns, texts }, [x, y]) {
  const index = (value, low, high, num) => Math.min(Math.max(Math.floor(((value - low) / (high - low)) * num), 0), num - 1);
  const [row, column] = [index(y, top, bottom, rows.length), index(x, left, right, columns.length)];
  const at = [left + ((column + 0.5) * (right - left)) / columns.length, top + ((row + 0.5) * (bottom - top)) / rows.length];
  return { head: texts[row][column], rows: [rows[row], columns[column]].map((label) => ({ label, arm: null, text: "", at })), at };
}

function hide() {
  shown?.cursor.replaceChildren();
  shown = null;
  tip.hidden = true;
}

function show(plot, place) {
  const reading = plot.hover.rows.length ? readMatrix(plot.hover, place) : readTraces(plot.hover, place);
  if (shown !== plot) hide();
  if (!reading) return;
  [shown, plot.at] = [plot, reading.at];
  const rows = reading.rows.slice(0, MAX_ROWS);
  plot.cursor.replaceChildren(...rows.map(({ at, arm }) => {
    const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    for (const [name, value] of Object.entries({ cx: at[0], cy: at[1], r: 3 })) circle.setAttribute(name, value);
    circle.style.stroke = colourOf(arm);
    return circle;
  }));
  // Text only: nothing that a run has named can become markup.
  const list = document.createElement("div");
  for (const { label, arm, text } of rows) {
    const parts = [arm === null ? "" : SIGNS[arm % SIGNS.length], label, text].map((words) => {
      const part = document.createElement("span");
      part.textContent = words;
      return part;
    });
    parts[0].style.color = colourOf(arm);
    list.append(...parts);
  }
  const head = document.createElement("b");
  head.textContent = reading.head;
  const rest = reading.rows.length - rows.length;
  tip.replaceChildren(head, list, rest > 0 ? `and ${rest} more` : "");
  tip.hidden = false;
  const { x, y } = new DOMPoint(reading.at[0], reading.at[1]).matrixTransform(plot.svg.getScreenCTM());
  const { width, height } = tip.getBoundingClientRect();
  const [across, down] = [document.documentElement.clientWidth - 8 - width, window.innerHeight - 8 - height];
  const left = x + 14 <= across ? x + 14 : x - 14 - width;
  tip.style.left = `${Math.max(8, Math.min(left, across))}px`;
  tip.style.top = `${Math.max(8, Math.min(left < 8 ? y + 24 : y - height / 2, down))}px`;
}

// The next place in the direction of an arrow key.
function step({ hover, at }, key) {
  const [axis, sign] = [/Up|Down/.test(key) ? 1 : 0, /Right|Down/.test(key) ? 1 : -1];
  const [left, top, right, bottom] = hover.box;
  if (hover.rows.length) {
    const size = axis ? (bottom - top) / hover.rows.length : (right - left) / hover.columns.length;
    return at.map((value, i) => (i === axis ? value + sign * size : value));
  }
  const along = hover.along === "y" ? 1 : 0;
  const ahead = hover.traces.flatMap((trace) => trace[2]).filter((point) => (point[along] - at[along]) * sign > 0.05);
  return ahead.length ? ahead.reduce((a, b) => ((b[along] - a[along]) * sign < 0 ? b : a)) : at;
}

for (const element of document.querySelectorAll(".plot")) {
  const svg = element.querySelector("svg");
  const hover = JSON.parse(element.parentElement.querySelector("script").textContent);
  const cursor = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "g"));
  cursor.setAttribute("class", "cursor");
  const plot = { svg, hover, cursor, at: [hover.box[0], hover.box[1]] };
  for (const kind of ["pointermove", "pointerdown"]) {
    element.addEventListener(kind, (event) => {
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      show(plot, [x, y]);
    });
  }
  element.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
  element.addEventListener("focus", () => element.matches(":focus-visible") && show(plot, plot.at));
  element.addEventListener("blur", hide);
  element.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    show(plot, step(plot, event.key));
  });
}
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
document.addEventListener("pointerdown", (event) => event.target.closest?.(".plot") || hide());
window.addEventListener("scroll", hide, { passive: true });
