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

// What the filter asks for: words, or what stands in quotes as it is; spaces around a sign of comparison are none.
function terms() {
  const text = chosen.filter.replaceAll(/("[^"]*")|\s*(<=|>=|=|<|>)\s*/g, (_, quoted, sign) => quoted ?? sign);
  return (text.match(/(?:"[^"]*"|[^\s"])+/g) || []).map(term => term.replaceAll('"', ""));
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
  const asked = terms(), all = rows();
  all.forEach(row => { row.hidden = !asked.every(term => passes(row, term)); });
  find("#shown").textContent = `${all.filter(row => !row.hidden).length} of ${all.length} runs`;
  scatter();
}

function save(parts, kind) {
  const link = document.createElement("a");
  link.download = `${document.title.replaceAll(/[^\w.-]+/g, "_")}.${kind}`;
  link.href = URL.createObjectURL(new Blob(parts));
  link.click();
  URL.revokeObjectURL(link.href);
}

function download(keys) {
  const quoted = text => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const kinds = heads().map(head => head.dataset.kind), columns = keys.map(columnOf);
  const text = (row, i) => kinds[i] === "setting" && value(row, i) === "" ? "null" : value(row, i);
  const lines = [keys, ...rows().filter(row => !row.hidden).map(row => columns.map(i => text(row, i)))];
  save(lines.map(line => line.map(quoted).join(",") + "\r\n"), "csv");
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

// The scatter as a file: its svg with the style inside, that on a canvas of three times the size, the same lines, points
// and texts as operators of a pdf page, or its points.
async function keep(kind) {
  const shown = find(".plot svg");
  if (kind === "csv") return download(["run", "status", chosen.across, chosen.upward]);
  if (!shown) return undefined;
  const [wide, high] = shown.getAttribute("viewBox").split(" ").slice(2).map(Number);
  if (kind === "pdf") return save([pdf(shown, wide, high)], kind);
  const svg = shown.cloneNode(true);
  for (const [name, given] of Object.entries({width: wide, height: high})) svg.setAttribute(name, given);
  added("style", {}, svg, "text { font: 13px sans-serif; fill: #5b6675; } line { stroke: #dde2e8; } " +
    "circle { fill: #0b5cad; fill-opacity: .5; stroke: #0b5cad; }");
  const text = new XMLSerializer().serializeToString(svg);
  if (kind === "svg") return save([text], kind);
  const image = new Image(), canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  Object.assign(canvas, {width: 3 * wide, height: 3 * high});
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toBlob(blob => save([blob], kind));
}

function pdf(svg, wide, high) {
  const at = (node, name) => Number(node.getAttribute(name)), up = (node, name) => high - at(node, name);
  const plain = text => text.replaceAll("…", "...").replaceAll(/[^ -~]/g, "?").replaceAll(/[()\\]/g, "\\$&");
  const drawn = {
    line: node => `.87 .89 .91 RG 1 w ${at(node, "x1")} ${up(node, "y1")} m ${at(node, "x2")} ${up(node, "y2")} l S`,
    circle: node => `.04 .36 .68 RG 8 w ${at(node, "cx")} ${up(node, "cy")} m ${at(node, "cx")} ${up(node, "cy")} l S`,
    text: node => {
      const back = {middle: 0.5, end: 1}[node.getAttribute("text-anchor")] ?? 0;
      return `BT /F 12 Tf ${at(node, "x") - back * node.getComputedTextLength()} ${up(node, "y")} Td (${plain(node.textContent)}) Tj ET`;
    },
  };
  const content = ["1 J", ...[...svg.children].map(node => drawn[node.tagName](node))].join("\n");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${wide} ${high}] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>`,
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ];
  let text = "%PDF-1.4\n", table = "0000000000 65535 f \n";
  objects.forEach((object, i) => {
    table += `${String(text.length).padStart(10, "0")} 00000 n \n`;
    text += `${i + 1} 0 obj\n${object}\nendobj\n`;
  });
  return `${text}xref\n0 6\n${table}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
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
  find("#csv").onclick = () => download(heads().map(head => head.dataset.key));
  every("#scatter button").forEach(button => { button.onclick = () => keep(button.textContent); });
  sort();
  filter();
}

start();
window.addEventListener("resize", scatter);

// The rest is for the page that is served: it asks how the jobs stand, and for the page when that changed.
function tell(state) {
  const now = find("#now"), line = find("[role=status]", now);
  line.className = state.problem ? "lost" : "";
  const done = `${state.counts.done} of ${Object.values(state.counts).reduce((a, b) => a + b)} jobs are done`;
  line.textContent = state.problem || (state.over ? `The sweep has ended: ${done}` : done);
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

// What a reader opens, scrolls and looks at, by section and title, or number where there is none.
function places() {
  const found = new Map();
  for (const section of every("main section")) {
    found.set(section.id, section);
    every("details, .scroll, figure", section).forEach((part, i) => {
      found.set(`${section.id} ${find("h3", part)?.textContent ?? i}`, part);
    });
  }
  return found;
}

// Note where the reader is; what is returned goes there again: what was at the top of the window is where it was.
function place() {
  const top = part => part.getBoundingClientRect().top, before = [...places()];
  const kept = before.map(([name, {open, scrollLeft, scrollTop}]) => [name, {open, scrollLeft, scrollTop}]);
  const [name, part] = before.findLast(each => top(each[1]) <= 0) ?? [], offset = part && top(part);
  const {id, selectionStart} = document.activeElement;
  return () => {
    const now = places();
    for (const [each, values] of kept) Object.assign(now.get(each) ?? {}, values);
    if (now.has(name)) window.scrollBy(0, top(now.get(name)) - offset);
    const focused = id ? document.getElementById(id) : null;
    focused?.focus({preventScroll: true});
    if (id === "filter") focused.setSelectionRange(selectionStart, selectionStart);
  };
}

async function renew() {
  const text = await (await fetch("page")).text();
  const next = new DOMParser().parseFromString(text, "text/html");
  await Promise.all([...next.images].map(image => image.decode().catch(() => {})));
  const back = place();
  find("main").replaceWith(document.adoptNode(find("main", next)));
  bare();
  start();
  back();
}

// The folders of the runs are not served.
const bare = () => every("a.folder").forEach(link => link.replaceWith(link.textContent));

async function follow(version) {
  try {
    const state = await (await fetch("status.json")).json();
    if (version !== state.version) await renew();
    version = state.version;
    tell(state);
    if (state.over) return;
  } catch {
    find("#now").hidden = false;
    find("#now [role=status]").className = "lost";
    find("#now [role=status]").textContent = "no answer from what serves this page; it shows what was said last";
  }
  setTimeout(follow, 1000, version);
}

const live = document.documentElement.dataset.live;
if (live !== undefined) {
  bare();
  follow(live);
}
