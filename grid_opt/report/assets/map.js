"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);
  const map = byId("map");
  const last = data.quarters.length - 1;
  const NO_VALUE = "#f1f2f3";
  const state = { quarter: last, layer: data.layers.length ? 0 : -1, campuses: true, links: true, labels: true, hour: 0, place: -1 };
  let view = { x: 0, y: 0, w: 1000, h: data.height };

  // --- elements, always made of text, never of markup

  function svg(parent, tag, attributes = {}, words = "") {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (words) made.textContent = words;
    parent.append(made);
    return made;
  }

  function html(parent, tag, words = "", attributes = {}) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (words) made.textContent = words;
    parent.append(made);
    return made;
  }

  function number(value, digits = 0) {
    if (value === null || value === undefined) return "–";
    return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }

  const short = (words, most) => (words.length > most ? words.slice(0, most - 1).trimEnd() + "…" : words);
  const shortName = (words, most) => short(words.length > most ? words.replace(/ \(.*$/u, "") : words, most);

  // --- the map

  const ground = svg(map, "g");
  const hatch = svg(svg(map, "defs"), "pattern", { id: "hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  svg(hatch, "line", { x1: 0, y1: 0, x2: 0, y2: 7, stroke: "#a3adb8", "stroke-width": 1.6 });
  if (data.land) svg(ground, "path", { d: data.land, class: "land" });
  const fills = data.places.map((place, k) => {
    const made = place.path
      ? svg(ground, "path", { d: place.path, class: "place" })
      : svg(ground, "rect", { class: "place" });
    made.addEventListener("click", () => choose(k));
    made.addEventListener("pointermove", (event) => tip(event, placeWords(k)));
    made.addEventListener("pointerleave", hideTip);
    return made;
  });
  const nothingFits = (place) => place.whole && place.whole.some((words) => words.startsWith("No campus fits"));
  data.places.forEach((place) => {
    if (place.path && nothingFits(place)) svg(ground, "path", { d: place.path, fill: "url(#hatch)", "pointer-events": "none" });
  });
  if (data.coast) svg(ground, "path", { d: data.coast, class: "coast" });
  const chosen = svg(ground, "path", { class: "chosen", d: "" });
  const flowLayer = svg(map, "g", { id: "flows" });
  const campusLayer = svg(map, "g", { id: "campuses" });
  const labelLayer = svg(map, "g", { id: "labels" });

  map.setAttribute("viewBox", `0 0 1000 ${data.height}`);

  function scale() { return view.w / (map.clientWidth || 1000); }

  const top = Math.max(1, ...data.places.flatMap((place) => place.it || []));
  const radius = (mw) => (map.clientWidth < 560 ? 11 : 19) * Math.sqrt(mw / top);
  const flows = data.links;
  const hourFrames = () => flows.frames[flows.hours[state.hour]];
  const topFlow = Math.max(1, ...Object.values(flows.frames).flat().flatMap((frame) => frame.flow.map((mw) => Math.abs(mw || 0))));
  const leastFlow = Math.max(1, 0.04 * topFlow);
  const flowWidth = (mw) => Math.max(0.8, (8 * Math.abs(mw)) / topFlow);
  const USE = [[90, "#b06d1c", "90 % of its limit or more"], [50, "#5d86ab", "50 to 90 %"], [0, "#a3b1bf", "less than 50 %"]];
  const BINDS = "#b3001b";

  function color(layer, value) {
    if (value === null) return NO_VALUE;
    let k = layer.colors.length - 1;
    while (k > 0 && value < layer.steps[k]) k -= 1;
    return layer.colors[k];
  }

  function paint() {
    const layer = data.layers[state.layer];
    const side = 11 * scale();
    fills.forEach((made, k) => {
      const place = data.places[k];
      made.setAttribute("fill", layer ? color(layer, layer.values[state.quarter][k]) : NO_VALUE);
      if (place.path) return;
      const attributes = { x: place.x - side / 2, y: place.y - side / 2, width: side, height: side };
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      made.setAttribute("stroke-width", scale());
      made.classList.add("bus");
    });
    chosen.setAttribute("d", state.place >= 0 ? data.places[state.place].path : "");
  }

  function paintFlows() {
    flowLayer.replaceChildren();
    if (!state.links || !flows.ends.length) return;
    const frame = hourFrames()[flows.frame_of[state.quarter]];
    const unit = scale();
    const order = flows.ends.map((_, k) => k).filter((k) => Math.abs(frame.flow[k] || 0) >= leastFlow || frame.binds[k]);
    order.sort((a, b) => frame.binds[a] - frame.binds[b] || Math.abs(frame.flow[a]) - Math.abs(frame.flow[b]));
    for (const k of order) {
      const mw = frame.flow[k] || 0;
      const [ax, ay, bx, by] = mw < 0 ? [...flows.ends[k].slice(2), ...flows.ends[k].slice(0, 2)] : flows.ends[k];
      if (ax === bx && ay === by) continue;
      const binds = frame.binds[k] === 1;
      const paint = binds ? BINDS : USE.find(([least]) => (frame.use[k] || 0) >= least)[1];
      const width = flowWidth(mw);
      const line = svg(flowLayer, "line", { x1: ax, y1: ay, x2: bx, y2: by, stroke: paint, "stroke-width": width, class: binds ? "flow binds" : "flow" });
      const words = () => `${flows.names[k]}: ${number(Math.abs(mw))} MW, ${number(frame.use[k])} % of its limit`
        + (binds && frame.worth[k] !== null ? `\nIt binds: one MW more is worth $${number(frame.worth[k])}` : "");
      line.addEventListener("pointermove", (event) => tip(event, words()));
      line.addEventListener("pointerleave", hideTip);
      const size = (3.6 + 0.9 * width) * unit;
      if (Math.hypot(bx - ax, by - ay) < 4 * size) continue;
      const angle = (Math.atan2(by - ay, bx - ax) * 180) / Math.PI;
      svg(flowLayer, "path", { d: `M${size} 0L${-0.7 * size} ${0.72 * size}L${-0.7 * size} ${-0.72 * size}z`, class: "arrow", fill: paint,
        transform: `translate(${(ax + bx) / 2} ${(ay + by) / 2}) rotate(${angle})` });
    }
  }

  function paintCampuses() {
    campusLayer.replaceChildren();
    labelLayer.replaceChildren();
    if (!state.campuses) return;
    const unit = scale();
    const on = data.places.map((place, k) => ({ place, k, mw: place.it ? place.it[state.quarter] : 0 })).filter((one) => one.mw > 0);
    on.sort((a, b) => b.mw - a.mw);
    const taken = on.map(({ place, mw }) => box(place.x, place.y, radius(mw) * unit, radius(mw) * unit));
    for (const { place, k, mw } of on) {
      const circle = svg(campusLayer, "circle", { cx: place.x, cy: place.y, r: radius(mw) * unit, fill: place.color || data.ink, class: "campus", "stroke-width": 1.6 * unit });
      circle.addEventListener("click", () => choose(k));
      circle.addEventListener("pointermove", (event) => tip(event, placeWords(k)));
      circle.addEventListener("pointerleave", hideTip);
    }
    if (state.labels) on.forEach((one) => label(one, unit, taken));
  }

  const box = (x, y, dx, dy) => ({ x0: x - dx, x1: x + dx, y0: y - dy, y1: y + dy });
  const overlap = (a, b) => Math.max(0, Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0)) * Math.max(0, Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0));

  function label({ place, mw }, unit, taken) {
    const made = svg(labelLayer, "text", { class: "label", "font-size": 12.5 * unit, "stroke-width": 3.4 * unit });
    const small = map.clientWidth < 560; // a phone has room for one short line
    const lines = small ? [`${short(place.id, 10)} ${number(mw)}`] : [shortName(place.name, 24), `${number(mw)} MW · ${place.opens}`];
    lines.forEach((words, k) => svg(made, "tspan", { x: 0, dy: k ? 14 * unit : 0, class: k ? "small" : "" }, words));
    const size = made.getBBox();
    const gap = radius(mw) * unit + 5 * unit;
    const [w, h] = [size.width / 2, size.height / 2];
    let best = null;
    for (const reach of [0, 10, 24, 42]) {
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1], [0.8, 0.8], [0.8, -0.8], [-0.8, 0.8], [-0.8, -0.8]]) {
        const far = gap + reach * unit;
        const at = box(place.x + dx * (far + w), place.y + dy * (far + h), w, h);
        const harm = taken.reduce((sum, other) => sum + overlap(at, other), 0) / (unit * unit) + outside(at) * 40 + reach;
        if (best === null || harm < best.harm) best = { harm, at };
      }
    }
    taken.push(best.at);
    made.setAttribute("transform", `translate(${best.at.x0 - size.x} ${best.at.y0 - size.y})`);
  }

  function outside(at) {
    const over = Math.max(0, view.x - at.x0) + Math.max(0, at.x1 - view.x - view.w) + Math.max(0, view.y - at.y0) + Math.max(0, at.y1 - view.y - view.h);
    return over / scale();
  }

  // --- words under the pointer

  function placeWords(k) {
    const place = data.places[k];
    const layer = data.layers[state.layer];
    const lines = [`${place.name}${place.where ? `, ${place.where}` : ""}`];
    if (!place.it) return `${lines[0]}\nNot a candidate`;
    const mw = place.it[state.quarter];
    if (mw > 0) lines.push(`${number(mw)} MW IT in service`);
    if (layer && layer.key !== "mw" && layer.values[state.quarter][k] !== null) lines.push(`${layer.label}: ${number(layer.values[state.quarter][k], layer.digits)} ${layer.unit}`);
    if (nothingFits(place)) lines.push("No campus fits");
    return lines.join("\n");
  }

  function tip(event, words) {
    const made = byId("tip");
    const frame = byId("frame").getBoundingClientRect();
    made.textContent = words;
    made.style.visibility = "visible";
    const x = event.clientX - frame.left, y = event.clientY - frame.top;
    made.style.left = `${Math.min(x + 14, frame.width - made.offsetWidth - 4)}px`;
    made.style.top = `${Math.min(y + 14, frame.height - made.offsetHeight - 4)}px`;
  }

  function hideTip() { byId("tip").style.visibility = "hidden"; }

  // --- legend

  function paintLegend() {
    const legend = byId("legend");
    legend.replaceChildren();
    const layer = data.layers[state.layer];
    if (layer) {
      html(legend, "h3", `${layer.label}, ${layer.unit}`);
      html(legend, "p", layer.note, { class: "muted" });
      const n = layer.colors.length, step = 264 / n;
      const rows = data.places.some(nothingFits) ? 62 : 38;
      const bar = svg(legend, "svg", { viewBox: `0 0 300 ${rows}`, role: "img", "aria-label": `Steps: ${layer.steps.map((v) => number(v, decimals(layer))).join(", ")} ${layer.unit}` });
      layer.colors.forEach((fill, k) => svg(bar, "rect", { x: 8 + k * step, y: 2, width: step, height: 14, fill, stroke: "#8794a1", "stroke-width": 0.4 }));
      layer.steps.forEach((value, k) => {
        const open = k === n && layer.values.some((row) => row.some((v) => v !== null && v > value));
        svg(bar, "text", { x: 8 + k * step, y: 30, "text-anchor": k ? "middle" : "start" }, number(value, decimals(layer)) + (open ? "+" : ""));
      });
      if (rows > 38) {
        svg(bar, "rect", { x: 8, y: 42, width: 24, height: 14, fill: "url(#hatch)", stroke: "#8794a1", "stroke-width": 0.4 });
        svg(bar, "text", { x: 40, y: 53 }, "candidate that never holds the smallest campus");
      }
    }
    if (state.campuses) circleLegend(legend);
    if (state.links && flows.ends.length) flowLegend(legend);
  }

  const decimals = (layer) => (layer.steps.some((v) => Math.abs(v - Math.round(v)) > 1e-9) ? 1 : 0);

  function round(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [5, 2, 1].map((step) => step * power).find((one) => one <= value * 1.000001);
  }

  function circleLegend(legend) {
    html(legend, "h3", "Campus: IT power in service, MW");
    const sizes = [...new Set([round(top / 8), round(top / 2.5), round(top)])];
    const drawn = svg(legend, "svg", { viewBox: "0 0 300 44" });
    sizes.forEach((mw, k) => {
      svg(drawn, "circle", { cx: 24 + 92 * k, cy: 22, r: radius(mw), fill: "#8794a1", stroke: "#ffffff", "stroke-width": 1.6 });
      svg(drawn, "text", { x: 28 + 92 * k + radius(mw), y: 26 }, `${number(mw)}`);
    });
  }

  function flowLegend(legend) {
    html(legend, "h3", `${flows.note}, ${flows.hours.length > 1 ? `${flows.hours[state.hour]} stress hour` : `hour ${flows.hours[0]}`}`);
    const drawn = svg(legend, "svg", { viewBox: "0 0 300 104" });
    const tops = [...new Set([round(topFlow / 8), round(topFlow / 2.5), round(topFlow)])];
    tops.forEach((mw, k) => {
      svg(drawn, "line", { x1: 8 + 98 * k, y1: 12, x2: 38 + 98 * k, y2: 12, stroke: "#5d86ab", "stroke-width": flowWidth(mw) });
      svg(drawn, "text", { x: 44 + 98 * k, y: 16 }, `${number(mw)} MW`);
    });
    const rows = USE.map(([, paint, words]) => [paint, words, ""]);
    if (Object.values(flows.frames).flat().some((frame) => frame.binds.includes(1))) rows.unshift([BINDS, "full, and one MW more saves money", "7 4"]);
    drawn.setAttribute("viewBox", `0 0 300 ${30 + 17 * rows.length}`);
    rows.forEach(([paint, words, dash], k) => {
      svg(drawn, "line", { x1: 8, y1: 34 + 17 * k, x2: 38, y2: 34 + 17 * k, stroke: paint, "stroke-width": 3.5, "stroke-dasharray": dash });
      svg(drawn, "text", { x: 44, y: 38 + 17 * k }, words);
    });
  }

  // --- card of a region

  function choose(k) {
    state.place = k;
    byId("region").value = String(k);
    paint();
    paintCard();
  }

  function list(parent, title, rows, folded = false) {
    if (!rows.length) return;
    const holder = folded ? html(parent, "details") : parent;
    html(holder, folded ? "summary" : "h3", title);
    const made = html(holder, "dl");
    rows.forEach(([name, value]) => { html(made, "dt", name); html(made, "dd", value); });
  }

  function paintCard() {
    const facts = byId("facts");
    facts.replaceChildren();
    const place = data.places[state.place];
    if (!place) {
      html(facts, "p", "Click a region, or choose one above, to see what is built there, what it costs, and what binds.", { class: "muted" });
      return;
    }
    html(facts, "h2", place.name);
    html(facts, "p", [place.id, place.where].filter(Boolean).join(" · "), { class: "muted" });
    if (!place.it) { html(facts, "p", "Not a candidate of this case: only its part in the network is modeled."); return; }
    const q = state.quarter;
    const rows = [["IT power in service", `${number(place.it[q])} MW`], ["Peak draw from the grid", `${number(place.draw[q])} MW`],
      ["Headroom and offers hold", `${number(place.room[q])} MW`]];
    if (place.opens) rows.unshift(["Opens", place.opens]);
    list(facts, `Through ${data.quarters[q]}`, rows);
    growth(facts, place);
    html(facts, "h3", "What binds");
    const reasons = html(facts, "ul");
    [...place.binds[q].map((words) => `${data.quarters[q]}: ${words}`), ...place.whole].forEach((words) => html(reasons, "li", words));
    if (!reasons.children.length) html(reasons, "li", "Nothing at this place: it could hold more, and the plan needs no more here.");
    list(facts, "Place and price", place.facts.map(([name, value]) => [name, value]));
    list(facts, "Grid service under contract", place.contracts.filter((one) => one.mw[q] > 0)
      .map((one) => [`${one.offer} (${one.kind})`, `${number(one.mw[q], 1)} MW` + (one.callable[q] > 0 ? `, ${number(one.callable[q], 1)} callable` : "")]));
    list(facts, "Systems at the end", place.systems, true);
    list(facts, "Cost, million USD, present value", place.costs.map(([name, amount]) => [name, number(amount, 1)]), true);
  }

  function growth(parent, place) {
    const n = data.quarters.length, high = Math.max(1, ...place.draw, ...place.room);
    const drawn = svg(parent, "svg", { viewBox: "0 0 300 92", role: "img", "aria-label": "Peak draw and headroom by quarter" });
    const y = (mw) => 72 - (58 * mw) / high;
    const w = 262 / n;
    place.draw.forEach((mw, k) => {
      if (mw > 0) svg(drawn, "rect", { x: 36 + k * w + 1, y: y(mw), width: w - 2, height: 72 - y(mw), fill: place.color || "#8794a1", opacity: k === state.quarter ? 1 : 0.5 });
    });
    svg(drawn, "path", { d: place.room.map((mw, k) => `${k ? "L" : "M"}${36 + k * w} ${y(mw)}H${36 + (k + 1) * w}`).join(""), fill: "none", stroke: data.ink, "stroke-width": 1.6 });
    svg(drawn, "line", { x1: 36, y1: 72, x2: 298, y2: 72, stroke: "#8794a1" });
    svg(drawn, "text", { x: 30, y: y(high) + 4, "text-anchor": "end" }, number(high));
    svg(drawn, "text", { x: 30, y: 75, "text-anchor": "end" }, "0 MW");
    svg(drawn, "text", { x: 36, y: 88 }, data.quarters[0]);
    svg(drawn, "text", { x: 298, y: 88, "text-anchor": "end" }, data.quarters[n - 1]);
    svg(drawn, "text", { x: 167, y: 88, "text-anchor": "middle" }, "line: headroom, bars: draw");
  }

  // --- time

  function paintBars() {
    const bars = byId("bars");
    bars.replaceChildren();
    const n = data.quarters.length, high = Math.max(1, ...data.total, ...data.target);
    const drawn = svg(bars, "svg", { viewBox: `0 0 ${n * 60} 74`, preserveAspectRatio: "none" });
    const y = (mw) => 72 - (64 * mw) / high;
    data.total.forEach((mw, k) => {
      const bar = svg(drawn, "rect", { x: k * 60 + 6, y: y(mw), width: 48, height: 72 - y(mw), fill: k <= state.quarter ? "#2a6fa8" : "#d5dbe1" });
      const hit = svg(drawn, "rect", { x: k * 60, y: 0, width: 60, height: 74, fill: "transparent", cursor: "pointer" });
      hit.addEventListener("click", () => move(k));
      svg(hit, "title", {}, `${data.quarters[k]}: ${number(mw)} MW IT` + (data.target[k] > 0 ? `, target ${number(data.target[k])} MW` : ""));
    });
    if (Math.max(...data.target) > 0) {
      svg(drawn, "path", { d: data.target.map((mw, k) => `${k ? "L" : "M"}${k * 60} ${y(mw)}H${(k + 1) * 60}`).join(""), fill: "none", stroke: data.ink, "stroke-width": 1.5, "vector-effect": "non-scaling-stroke", "pointer-events": "none" });
    }
  }

  function tickQuarters() {
    const ticks = byId("ticks");
    ticks.replaceChildren();
    const room = ticks.clientWidth / data.quarters.length; // of one quarter [px]
    if (room < 26) { // a phone: years alone, each over its quarters
      data.quarters.forEach((quarter, k) => html(ticks, "span", quarter.endsWith("Q1") || k === 0 ? quarter.slice(0, 4) : "", { class: "year" }));
      return;
    }
    const every = Math.ceil(56 / room / 2);
    data.quarters.forEach((quarter, k) => html(ticks, "span", k % every ? "" : `${quarter.endsWith("Q1") || k === 0 ? `${quarter.slice(0, 4)} ` : ""}${quarter.slice(4)}`));
  }

  function move(quarter) {
    state.quarter = Math.max(0, Math.min(last, quarter));
    const slider = byId("slider");
    slider.value = String(state.quarter);
    slider.setAttribute("aria-valuetext", `${data.quarters[state.quarter]}, ${number(data.total[state.quarter])} MW IT in service`);
    byId("quarter").textContent = data.quarters[state.quarter];
    byId("headline").textContent = `${data.quarters[state.quarter]}: ${data.headlines[state.quarter]}`;
    paintAll();
  }

  function paintAll() {
    paint(); paintFlows(); paintCampuses(); paintBars(); paintCard();
  }

  let timer = 0;
  function play(on) {
    window.clearInterval(timer);
    const button = byId("play");
    button.setAttribute("aria-pressed", String(on));
    button.setAttribute("aria-label", on ? "Pause" : "Play");
    button.textContent = on ? "❚❚" : "▶";
    if (!on) return;
    if (state.quarter === last) move(0);
    timer = window.setInterval(() => { if (state.quarter === last) play(false); else move(state.quarter + 1); }, 900);
  }

  // --- zoom

  function show(next) {
    view = next;
    map.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
    hatch.setAttribute("patternTransform", `rotate(45) scale(${view.w / 1000})`);
    paint(); paintFlows(); paintCampuses();
  }

  function zoom(factor, x = view.x + view.w / 2, y = view.y + view.h / 2) {
    const w = Math.min(1000, Math.max(40, view.w * factor));
    const k = w / view.w;
    show(kept({ x: x - (x - view.x) * k, y: y - (y - view.y) * k, w, h: view.h * k }));
  }

  function kept(next) {
    return { ...next, x: Math.max(0, Math.min(1000 - next.w, next.x)), y: Math.max(0, Math.min(data.height - next.h, next.y)) };
  }

  function at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  map.addEventListener("wheel", (event) => { event.preventDefault(); zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, ...at(event)); }, { passive: false });
  let held = null;
  map.addEventListener("pointerdown", (event) => { held = { x: event.clientX, y: event.clientY, moved: false }; });
  map.addEventListener("pointermove", (event) => {
    if (held === null) return;
    const dx = event.clientX - held.x, dy = event.clientY - held.y;
    if (!held.moved && Math.hypot(dx, dy) < 5) return;
    if (!held.moved) { map.setPointerCapture(event.pointerId); map.classList.add("held"); }
    held = { x: event.clientX, y: event.clientY, moved: true };
    show(kept({ ...view, x: view.x - dx * scale(), y: view.y - dy * scale() }));
  });
  for (const name of ["pointerup", "pointercancel"]) map.addEventListener(name, () => { held = null; map.classList.remove("held"); });

  // --- controls

  function tick(name, words, change) {
    const row = html(byId("overlays"), "label");
    const made = html(row, "input", "", { type: "checkbox", name, id: `show-${name}`, checked: "" });
    html(row, "span", words);
    made.addEventListener("change", () => change(made.checked));
  }

  const layers = html(byId("layers"), "select", "", { id: "layer", "aria-label": "Color of the regions" });
  data.layers.forEach((layer, k) => html(layers, "option", `${layer.label}, ${layer.unit}`, { value: String(k) }));
  html(layers, "option", "No color", { value: "-1" });
  layers.value = String(state.layer);
  layers.addEventListener("change", () => { state.layer = Number(layers.value); paint(); paintLegend(); });
  tick("campuses", "Campuses", (on) => { state.campuses = on; paintCampuses(); paintLegend(); });
  tick("labels", "Names", (on) => { state.labels = on; paintCampuses(); });
  if (flows.ends.length) {
    tick("links", data.land ? "Lines" : "Links", (on) => { state.links = on; paintFlows(); paintLegend(); });
    if (flows.hours.length > 1) {
      const hours = html(byId("overlays"), "select", "", { id: "hour", "aria-label": "Stress hour of the flows" });
      flows.hours.forEach((hour, k) => html(hours, "option", `at the ${hour} stress hour`, { value: String(k) }));
      hours.addEventListener("change", () => { state.hour = Number(hours.value); paintFlows(); paintLegend(); });
    }
  }
  const region = byId("region");
  html(region, "option", "Choose a region …", { value: "-1" });
  const groups = [["Campuses", (p) => p.it && p.opens], ["Other candidates", (p) => p.it && !p.opens], ["Not candidates", (p) => !p.it]];
  groups.forEach(([title, belongs]) => {
    const members = data.places.map((place, k) => [place, k]).filter(([place]) => belongs(place));
    members.sort(([a], [b]) => a.name.localeCompare(b.name));
    if (!members.length) return;
    const group = html(region, "optgroup", "", { label: title });
    members.forEach(([place, k]) => html(group, "option", short(place.name, 60), { value: String(k) }));
  });
  region.addEventListener("change", () => choose(Number(region.value)));
  tickQuarters();
  byId("slider").max = String(last);
  byId("strip").style.setProperty("--n", String(data.quarters.length));
  byId("slider").addEventListener("input", () => { play(false); move(Number(byId("slider").value)); });
  byId("play").addEventListener("click", () => play(byId("play").getAttribute("aria-pressed") !== "true"));
  byId("in").addEventListener("click", () => zoom(1 / 1.5));
  byId("out").addEventListener("click", () => zoom(1.5));
  byId("home").addEventListener("click", () => show({ x: 0, y: 0, w: 1000, h: data.height }));
  window.addEventListener("resize", () => { tickQuarters(); paint(); paintFlows(); paintCampuses(); });
  const largest = data.places.map((place, k) => [place.it ? place.it[last] : 0, k]).sort((a, b) => b[0] - a[0])[0];
  if (largest && largest[0] > 0) choose(largest[1]);
  paintLegend();
  move(last);
  document.documentElement.dataset.ready = "yes";
})();
