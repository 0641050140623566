"use strict";
// What the reader chose; it outlives a new version of the page.
const chosen = {sort: "", up: true, filter: "", across: "", upward: ""};
const find = (selector, from = document) => from.querySelector(selector);
const every = (selector, from = document) => [...from.querySelectorAll(selector)];
const isNumber = text => text !== "" && Number.isFinite(Number(text));
const byText = (a, b) => a.localeCompare(b, "en", {numeric: true});

const table = () => find("table.sortable");
const heads = () => [...table().tHead.rows[0].cells];
const rows = () => [...table().tBodies[0].rows];
const columnOf = key => heads().findIndex(head => head.dataset.key === key);
const value = (row, column) => row.cells[column].dataset.value;

function sort() {
  const column = columnOf(chosen.sort), all = rows();
  if (column < 0) return;
  heads().forEach(head => head.removeAttribute("aria-sort"));
  heads()[column].setAttribute("aria-sort", chosen.up ? "ascending" : "descending");
  const numbers = all.every(row => value(row, column) === "" || !Number.isNaN(Number(value(row, column))));
  all.sort((a, b) => {
    const [first, second] = [value(a, column), value(b, column)];
    if (first === "" || second === "") return (first === "") - (second === "");
    const order = numbers ? Number(first) - Number(second) : byText(first, second);
    return chosen.up ? order : -order;
  });
  table().tBodies[0].append(...all);
}

// A term is looked for in all cells of a row; key=value, and < > <= >= of a number, in the column of that key.
function passes(row, term) {
  const [, key, sign, asked] = /^(.+?)(<=|>=|=|<|>)(.+)$/.exec(term) ?? [];
  const column = key === undefined ? -1 : columnOf(key);
  if (column < 0) return row.textContent.toLowerCase().includes(term.toLowerCase());
  const cell = value(row, column), text = row.cells[column].textContent;
  if (sign === "=") return [cell, text, cell === "" ? "null" : cell].includes(asked)
    || (isNumber(cell) && isNumber(asked) && Number(cell) === Number(asked));
  const [here, there] = [cell === "" ? NaN : Number(cell), Number(asked)];
  return {"<": here < there, ">": here > there, "<=": here <= there, ">=": here >= there}[sign];
}

function filter() {
  const terms = (chosen.filter.match(/(?:"[^"]*"|[^\s"])+/g) || []).map(term => term.replaceAll('"', "")), all = rows();
  all.forEach(row => { row.hidden = !terms.every(term => passes(row, term)); });
  find("#shown").textContent = `${all.filter(row => !row.hidden).length} of ${all.length} runs`;
  scatter();
}

function download() {
  const quoted = text => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const kinds = heads().map(head => head.dataset.kind);
  const text = (row, i) => kinds[i] === "setting" && value(row, i) === "" ? "null" : value(row, i);
  const lines = [heads().map(head => head.dataset.key)];
  lines.push(...rows().filter(row => !row.hidden).map(row => kinds.map((_, i) => text(row, i))));
  const link = document.createElement("a");
  link.download = `${document.title.replaceAll(/[^\w.-]+/g, "_")}.csv`;
  link.href = URL.createObjectURL(new Blob([lines.map(line => line.map(quoted).join(",") + "\r\n").join("")]));
  link.click();
  URL.revokeObjectURL(link.href);
}

// Positions from 0 to 1 for the values of a column, and ticks; a logarithm over a factor of 8, texts side by side.
function axis(values, labels, few) {
  if (values.every(isNumber)) {
    const numbers = values.map(Number), [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const log = low > 0 && high >= 8 * low, at = log ? Math.log2 : x => x;
    const [from, to] = [at(low), at(high)], span = to - from || 1;
    const position = x => to === from ? 0.5 : (at(x) - from) / span;
    const short = x => String(Number(x.toPrecision(4)));
    const distinct = [...new Set(numbers)].sort((a, b) => a - b);
    let ticks = distinct;
    if (ticks.length > few) {
      const raw = span / 5, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].find(n => n * power >= raw) * power;
      ticks = [];
      for (let x = Math.ceil(from / step) * step; x <= to + step / 1e6; x += step) ticks.push(log ? 2 ** x : x);
    }
    return {positions: numbers.map(position), ticks: ticks.map(x => [position(x), short(x)])};
  }
  const texts = [...new Set(values)].sort((a, b) => isNumber(b) - isNumber(a) || byText(a, b));
  const position = text => (texts.indexOf(text) + 0.5) / texts.length;
  const named = texts.length > 12 ? [] : texts.map(text => [position(text), labels[values.indexOf(text)]]);
  return {positions: values.map(position), ticks: named};
}

function added(kind, attributes, parent, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, given] of Object.entries(attributes)) node.setAttribute(name, given);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function scatter() {
  const [across, up] = [columnOf(chosen.across), columnOf(chosen.upward)], plot = find(".plot");
  plot.replaceChildren();
  if (across < 0 || up < 0) return;
  const told = row => heads()[across].dataset.kind === "setting" || value(row, across) !== "";
  const runs = rows().filter(row => !row.hidden && value(row, columnOf("status")) === "done" && told(row) && value(row, up) !== "");
  const wide = Math.min(640, Math.max(340, plot.clientWidth));  // a narrow window gets a narrow plot, not small letters
  const svg = added("svg", {viewBox: `0 0 ${wide} 400`, role: "img"}, plot);
  const name = column => [...heads()[column].children].map(part => part.textContent).join(", ");
  svg.setAttribute("aria-label", `${name(up)} against ${name(across)}, ${runs.length} runs`);
  const x = axis(runs.map(row => value(row, across)), runs.map(row => row.cells[across].textContent), 8);
  const y = axis(runs.map(row => value(row, up)), [], 2);
  const [toX, toY] = [at => 80 + (wide - 110) * at, at => 345 - 315 * at];
  let last = -Infinity;
  for (const [at, text] of x.ticks) {
    added("line", {x1: toX(at), x2: toX(at), y1: 20, y2: 355}, svg);
    if (toX(at) - last > 7 * text.length + 8) {
      added("text", {x: toX(at), y: 372, "text-anchor": "middle"}, svg, text.length > 24 ? `${text.slice(0, 23)}…` : text);
      last = toX(at);
    }
  }
  for (const [at, text] of y.ticks) {
    added("line", {x1: 70, x2: wide - 20, y1: toY(at), y2: toY(at)}, svg);
    added("text", {x: 64, y: toY(at) + 4, "text-anchor": "end"}, svg, text);
  }
  added("text", {x: (wide + 50) / 2, y: 394, "text-anchor": "middle"}, svg, name(across));
  added("text", {x: 70, y: 12}, svg, runs.length ? name(up) : "no finished run has both");
  runs.forEach((row, i) => {
    const point = added("circle", {cx: toX(x.positions[i]), cy: toY(y.positions[i]), r: 4}, svg);
    const told = [across, up].map(column => `${heads()[column].dataset.key} = ${row.cells[column].textContent}`);
    added("title", {}, point, [row.cells[0].textContent, ...told].join("\n"));
  });
}

function offer(select, kept, columns) {
  select.replaceChildren(...columns.map(head => new Option(head.dataset.key, head.dataset.key)));
  if (columns.some(head => head.dataset.key === chosen[kept])) select.value = chosen[kept];
  chosen[kept] = select.value;
  select.onchange = () => { chosen[kept] = select.value; scatter(); };
}

function start() {
  for (const head of heads()) {
    find("button", head).onclick = () => {
      Object.assign(chosen, {up: chosen.sort !== head.dataset.key || !chosen.up, sort: head.dataset.key});
      sort();
    };
  }
  const kind = name => heads().filter(head => head.dataset.kind === name);
  offer(find("#across"), "across", [...kind("setting"), ...kind("result")]);
  offer(find("#up"), "upward", kind("result"));
  find("#filter").value = chosen.filter;
  find("#filter").oninput = event => { chosen.filter = event.target.value; filter(); };
  find("#csv").onclick = download;
  sort();
  filter();
}

start();
window.addEventListener("resize", scatter);

// The rest is for the page that scripts/report.py serves: it asks how the jobs stand, and for the page when that changed.
function tell(state) {
  const now = find("#now"), line = find("[role=status]", now);
  line.className = state.problem ? "lost" : "";
  line.textContent = state.problem || `${state.counts.done} of ${Object.values(state.counts).reduce((a, b) => a + b)} jobs are done`;
  find("tbody", now).replaceChildren(...state.running.map(run => {
    const row = document.createElement("tr");
    row.className = run.stale ? "stale" : "";
    for (const text of [run.name, run.epoch, run.step, run.loss, run.left, run.sign]) row.insertCell().textContent = text;
    return row;
  }));
  find("table", now).hidden = state.running.length === 0;
  find(".errors", now).replaceChildren(...state.failed.map(run => {
    const item = document.createElement("li");
    item.textContent = `${run.name}: ${run.error}`;
    return item;
  }));
  now.hidden = false;
  const runs = new Set(state.running.map(run => run.folder)), status = columnOf("status");
  for (const row of rows().filter(row => runs.has(row.dataset.run) && value(row, status) !== "running")) {
    const cell = row.cells[status];
    [cell.textContent, cell.dataset.value, cell.className] = ["running", "running", "left status-running"];
  }
  find(".counts").replaceChildren(...Object.entries(state.counts).map(([name, n]) => {
    const item = document.createElement("li"), number = document.createElement("b");
    item.className = `${name}${n ? " some" : ""}`;
    number.textContent = n;
    item.append(number, ` ${name}`);
    return item;
  }));
}

async function renew() {
  const text = await (await fetch("page")).text();
  const next = new DOMParser().parseFromString(text, "text/html");
  await Promise.all([...next.images].map(image => image.decode().catch(() => {})));
  const field = find("#filter"), typing = document.activeElement === field && field.selectionStart;
  find("main").replaceWith(document.adoptNode(find("main", next)));
  bare();
  start();
  if (typing !== false) {
    find("#filter").focus();
    find("#filter").setSelectionRange(typing, typing);
  }
}

// The folders of the runs are not served.
const bare = () => every("a.folder").forEach(link => link.replaceWith(link.textContent));

async function follow(version) {
  try {
    const state = await (await fetch("status.json")).json();
    if (version !== state.version) await renew();
    version = state.version;
    tell(state);
  } catch {
    find("#now").hidden = false;
    find("#now [role=status]").className = "lost";
    find("#now [role=status]").textContent = "no answer from scripts/report.py; the page shows what it last said";
  }
  setTimeout(follow, 1000, version);
}

const live = document.documentElement.dataset.live;
if (live !== undefined) {
  bare();
  follow(live);
}
