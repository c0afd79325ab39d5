// The page of a served model: sends what was filled in, shows answers by the kinds that the page's data tell.
// Text only ever becomes text (textContent), so that no name or word can become an element.

const data = JSON.parse(document.getElementById("data").textContent);
const texts = data.texts ?? {};
const byId = (id) => document.getElementById(id);
const form = byId("form");

function el(name, attributes = {}, ...children) {
  const svg = ["svg", "line", "circle", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((c) => c !== null && c !== undefined));
  return made;
}

function say(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// ---- numbers, in the signs of the page's language

function number(value, unit = "", whole = false) {
  if (value === null || value === undefined) return "–";
  const digits = whole || Math.abs(value) >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 };
  let text = new Intl.NumberFormat("en", digits).format(value).replace("-", "−");
  if (data.lang === "es") text = text.replaceAll(",", "\u202f").replace(".", ",");
  return unit ? `${text}\u00a0${unit}` : text;
}

function share(value) {
  const shown = value > 0 && value < 0.001 ? "< 0.1" : (value * 100).toFixed(value >= 0.9995 || value === 0 ? 0 : 1);
  return `${data.lang === "es" ? shown.replace(".", ",") : shown}\u202f%`;
}

function signed(value, show) {
  return value > 0 ? `+${show(value)}` : show(value);
}

// ---- what was filled in

async function row() {
  const found = Object.create(null); // a column may be called __proto__
  for (const field of data.inputs) {
    const holder = [...document.querySelectorAll("[data-name]")].find((e) => e.dataset.name === field.name);
    found[field.name] = await valueOf(holder.querySelector("input, select, textarea"), field);
  }
  return found;
}

async function valueOf(control, field) {
  if (field.file) {
    if (!control.files.length) throw new Error(texts.choose);
    return base64(control.files[0]);
  }
  const text = control.value.trim();
  if (text === "" && field.types.includes("null")) return null;
  if (field.types.includes("number")) return Number(text);
  if (field.types.includes("boolean")) return text === "true";
  return text;
}

function base64(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(file);
  });
}

async function send(address, options) {
  let response;
  try {
    response = await fetch(address, { method: "POST", ...options, headers: { "accept-language": data.lang, ...options.headers } });
  } catch {
    throw new Error(texts.failed);
  }
  const body = await response.json();
  if (!response.ok) throw new Error(body.error);
  return body;
}

const asJson = (value) => ({ body: JSON.stringify(value), headers: { "content-type": "application/json" } });

// ---- the answer

function show(answer, unlike, drawn = {}) {
  const ends = new Set(data.outputs.flatMap((o) => o.ends ?? []));
  const parts = data.outputs.filter((o) => !ends.has(o.name) && o.name !== data.flag).map((o, i) => output(o, answer, i, drawn[o.name]));
  const doubt = unlike.length ? say(texts.unlike, { names: unlike.join(", ") }) : answer[data.flag] ? texts.unlikeWhole : "";
  if (doubt) parts.push(el("p", { class: "unlike" }, doubt));
  byId("answer").replaceChildren(...parts);
  byId("reason").replaceChildren();
}

function output(field, answer, index, drawn) {
  const value = answer[field.name];
  const box = el("div", { class: "output" }, el("h3", {}, field.name));
  if (drawn) box.append(el("div", { class: "picture" }, picture(`data:image/png;base64,${drawn}`)), legend(field.colours));
  else if (field.file) box.append(el("div", { class: "picture" }, picture(`data:image/png;base64,${value}`)));
  else if (field.types.includes("object")) box.append(chances(value));
  else if (field.types.includes("number")) box.append(...amount(field, value, answer));
  else box.append(el("p", { class: index ? "" : "big" }, plain(value)));
  return box;
}

function plain(value) {
  if (value === null || value === undefined) return "–";
  if (value === true) return texts.yes;
  if (value === false) return texts.no;
  if (typeof value === "number") return number(value);
  if (Array.isArray(value) && value.every((v) => typeof v === "string")) return value.join(", ") || "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function amount(field, value, answer) {
  const parts = [el("p", { class: "big" }, number(value, field.unit, field.whole))];
  if (field.ends && answer[field.ends[0]] !== null && answer[field.ends[1]] !== null) {
    parts.push(...range(value, answer[field.ends[0]], answer[field.ends[1]], (v) => number(v, field.unit, field.whole)));
  }
  return parts;
}

function range(value, low, high, show) {
  const wide = high - low || 1;
  const at = (v) => `${Math.min(97, Math.max(3, 15 + (70 * (v - low)) / wide))}%`;
  const chart = el("svg", { "aria-hidden": "true" },
    el("line", { class: "rail", x1: "2%", x2: "98%", y1: 14, y2: 14 }),
    el("line", { class: "span", x1: "15%", x2: "85%", y1: 14, y2: 14 }),
    el("circle", { class: "mark", cx: at(value), cy: 14, r: 9 }),
    el("text", { x: "15%", y: 40, "text-anchor": "middle" }, show(low)),
    el("text", { x: "85%", y: 40, "text-anchor": "middle" }, show(high)));
  const said = el("p", { class: "quiet" }, say(texts.interval, { low: show(low), high: show(high) }));
  return [el("div", { class: "range" }, chart), said];
}

function chances(value) {
  const sorted = Object.entries(value).sort((a, b) => b[1] - a[1]);
  const box = el("div", { class: "chances" });
  sorted.slice(0, 10).forEach(([word, p], i) => {
    const bar = el("div", { class: i ? "bar" : "bar first" });
    bar.style.width = `${Math.max(1, p * 100)}%`;
    box.append(el("span", { class: "word" }, word), el("div", { class: "rail", "aria-hidden": "true" }, bar), el("span", { class: "n" }, share(p)));
  });
  return box;
}

function legend(colours) {
  const box = el("p", { class: "legend" });
  for (const [word, colour] of Object.entries(colours)) {
    const patch = el("span", { class: "patch", "aria-hidden": "true" });
    patch.style.background = colour;
    box.append(el("span", {}, patch, word));
  }
  return box;
}

function picture(source) {
  const made = el("img", { src: source, alt: texts.picture });
  made.addEventListener("load", () => made.classList.toggle("small", made.naturalWidth < 120));
  return made;
}

// ---- why

function explain(found) {
  const told = data.outputs.find((o) => o.name === found.output && o.types.includes("number"));
  const figure = told ? (v) => number(v, told.unit, told.whole) : share;
  const pictures = found.effects.filter((e) => e.map);
  const others = found.effects.filter((e) => !e.map);
  const parts = pictures.flatMap((e) => [el("p", {}, texts.whyPicture), heat(e), ...(e.faithfulness ? [el("p", { class: "quiet" }, e.faithfulness.words)] : [])]);
  if (others.length && !pictures.length) {
    parts.push(el("p", {}, say(texts.why, { base: figure(found.base), answer: figure(found.answer) })), effects(others, figure));
  }
  byId("reason").replaceChildren(...parts);
}

function effects(found, figure) {
  const most = Math.max(...found.map((e) => Math.abs(e.effect)), 1e-12);
  const seen = found.filter((e, i) => i < 10 && (i < 1 || Math.abs(e.effect) > most / 200));
  const rest = found.filter((e) => !seen.includes(e));
  const rows = seen.map((e) => [e.column, e.shown, e.effect]);
  if (rest.length) rows.push([say(texts.others, { n: rest.length }), "", rest.reduce((sum, e) => sum + e.effect, 0)]);
  const box = el("div", { class: "effects" });
  for (const [name, value, effect] of rows) {
    const bar = el("div", { class: effect < 0 ? "bar down" : "bar up" });
    bar.style.width = `${Math.min(50, (50 * Math.abs(effect)) / most)}%`;
    box.append(
      el("span", { class: "word" }, name, value ? el("small", {}, value) : null),
      el("div", { class: "rail", "aria-hidden": "true" }, bar),
      el("span", { class: "n" }, signed(effect, figure)));
  }
  return box;
}

function heat(effect) {
  const height = effect.map.length;
  const width = effect.map[0].length;
  const canvas = el("canvas", { width, height });
  const most = Math.max(...effect.map.flat(), 1e-12);
  const pixels = new ImageData(width, height);
  effect.map.flat().forEach((v, i) => pixels.data.set([224, 49, 24, 205 * Math.max(0, v / most)], 4 * i));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  const holder = [...document.querySelectorAll("[data-name]")].find((e) => e.dataset.name === effect.column);
  return el("div", { class: "heat" }, picture(holder.querySelector(".preview img").src), canvas);
}

// ---- many at once

async function many(files) {
  const sent = new FormData();
  for (const file of files) sent.append("file", file);
  const { rows, notes } = await send("/predict/file", { body: sent });
  byId("many").replaceChildren(...results(rows, notes));
}

function results(rows, notes) {
  const flat = rows.map(flatten);
  const names = [...new Set(flat.flatMap((r) => [...r.keys()]))];
  const told = names.filter((n) => !data.outputs.some((o) => o.file && o.name === n)); // no cell of a table holds a picture
  const failed = flat.filter((r) => r.has("error")).length;
  const file = new Blob(["\ufeff", csv(told, flat)], { type: "text/csv" });
  const link = el("a", { href: URL.createObjectURL(file), download: "predictions.csv" }, texts.download);
  const parts = [el("div", { class: "done" }, el("strong", {}, say(texts.rows, { n: number(rows.length - failed) })), link)];
  if (failed) parts.push(el("p", { class: "unlike" }, say(texts.badRows, { n: number(failed) })));
  if (notes.length) parts.push(el("ul", { class: "many-notes" }, ...notes.slice(0, 20).map((n) => el("li", {}, n))));
  parts.push(preview(names, flat.slice(0, 50)));
  if (rows.length > 50) parts.push(el("p", { class: "quiet" }, say(texts.shownRows, { n: 50 })));
  return parts;
}

function flatten(row) {
  const flat = new Map();
  for (const [name, value] of Object.entries(row)) {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [word, p] of Object.entries(value)) flat.set(`${name}(${word})`, p);
    } else flat.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return flat;
}

function preview(names, rows) {
  const ordered = [...names].sort((a, b) => rank(a) - rank(b));
  const kind = (n) => (rank(n) === 1 ? "answered" : "");
  const head = el("tr", {}, ...ordered.map((n) => el("th", { scope: "col", class: kind(n) }, n)));
  const body = rows.map((r) => el("tr", {}, ...ordered.map((n) => cell(r.get(n), n, kind(n)))));
  return el("div", { class: "scroll", tabindex: "0" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)));
}

function rank(name) {
  if (name === "file") return 0;
  const answer = name === "error" || data.outputs.some((o) => name === o.name || name.startsWith(`${o.name}(`));
  return answer ? 1 : 2;
}

function cell(value, name, kind) {
  const missing = value === undefined || value === null;
  const file = !missing && data.outputs.some((o) => o.file && o.name === name);
  const chance = typeof value === "number" && data.outputs.some((o) => o.types.includes("object") && name.startsWith(`${o.name}(`));
  const shown = missing ? "" : file ? picture(`data:image/png;base64,${value}`) : chance ? share(value) : plain(value);
  return el("td", { class: `${kind} ${typeof value === "number" ? "n" : ""}` }, shown);
}

function csv(names, rows) {
  const cell = (v) => (v === undefined || v === null ? "" : /[",\n\r]/.test(v) ? `"${String(v).replaceAll('"', '""')}"` : String(v));
  return [names.map(cell).join(","), ...rows.map((r) => names.map((n) => cell(r.get(n))).join(","))].join("\n") + "\n";
}

// ---- wiring

async function attempt(work, busy, wrong = byId("wrong")) {
  wrong.hidden = true;
  busy.classList.add("busy");
  busy.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    wrong.textContent = error.message;
    wrong.hidden = false;
    wrong.scrollIntoView({ block: "nearest" });
  } finally {
    busy.classList.remove("busy");
    busy.removeAttribute("aria-busy");
  }
}

async function predict() {
  const filled = asJson(await row());
  const seen = data.outputs.some((o) => o.drawn) ? send("/drawn", filled) : send("/predict", filled).then((answer) => ({ answer }));
  const [{ answer, drawn }, { columns }] = await Promise.all([seen, send("/unlike", filled)]);
  show(answer, columns, drawn);
  byId("why").disabled = false;
  if (window.innerWidth < 860) byId("answer").scrollIntoView({ block: "center" });
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(predict, byId("answer"));
  });
  form.addEventListener("input", () => { byId("why").disabled = true; });
  byId("why").addEventListener("click", () => attempt(async () => explain(await send("/explain", asJson(await row()))), byId("reason")));
  for (const control of form.querySelectorAll(".file input")) {
    control.addEventListener("change", () => {
      const box = control.closest(".field").querySelector(".preview");
      box.hidden = !control.files.length;
      if (control.files.length) box.replaceChildren(picture(URL.createObjectURL(control.files[0])));
    });
  }
  const zone = byId("drop");
  const choose = async (files) => {
    byId("many").replaceChildren(el("p", { class: "quiet" }, texts.working));
    await attempt(() => many(files), zone, byId("wrong-file"));
    if (!byId("wrong-file").hidden) byId("many").replaceChildren();
    byId("file").value = "";
  };
  byId("file").addEventListener("change", (event) => { if (event.target.files.length) choose([...event.target.files]); });
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (e) => { e.preventDefault(); zone.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); choose([...event.dataTransfer.files]); });
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (e) => e.preventDefault()); // no accidental leaving
}
