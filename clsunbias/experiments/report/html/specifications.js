/* A specification curve: differences in order, the steps of each choice below, and what is left when some are taken away. */

const AREA = { left: 172, right: 12, top: 10, height: 260, line: 15 };

const steps = Object.entries(PAGE.choices).flatMap(([choice, names]) => names.map((name) => ({ choice, name })));
const away = new Set(); // places in steps

const median = (sorted) => (sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2);
const share = (rows, holds) => `${Math.round((100 * rows.filter(holds).length) / rows.length)} %`;

function left() {
  const { rows } = PAGE.claims[$("claim").value];
  return rows.filter(({ steps: taken }) => !taken.some((step) => away.has(step)));
}

function draw() {
  const { title, metric, lessIsBetter } = PAGE.claims[$("claim").value];
  const rows = left().sort((one, other) => one.value - other.value);
  $("curve-title").textContent = `${title}, ${metric}${lessIsBetter ? " (less is better)" : ""}, 95 % intervals`;
  if (!rows.length) {
    $("told").textContent = "No specification is left: bring some choices back.";
    $("curve").replaceChildren();
    return;
  }
  const trainings = new Set(rows.map(({ training }) => training)).size;
  $("told").textContent = `${rows.length} specifications of ${trainings} trainings: median difference ${short(median(rows.map(({ value }) => value)))}; ${share(rows, ({ value }) => value > 0)} positive; interval above 0 in ${share(rows, ({ low }) => low > 0)}, below 0 in ${share(rows, ({ high }) => high < 0)}.`;
  $("curve").replaceChildren(drawn(rows));
}

function drawn(rows) {
  const present = steps.map((step, at) => ({ ...step, at })).filter(({ at }) => rows.some(({ steps: taken }) => taken.includes(at)));
  const width = AREA.left + AREA.right + Math.max(560, Math.min(1100, rows.length * 4));
  const x = (place) => AREA.left + ((place + 0.5) / rows.length) * (width - AREA.left - AREA.right);
  const [lowest, highest] = [Math.min(0, ...rows.map(({ low }) => low)), Math.max(0, ...rows.map(({ high }) => high))];
  const [bottom, top] = [lowest, highest].map((end) => end + (end > 0 ? 1 : -1) * 0.03 * (highest - lowest));
  const y = (value) => AREA.top + (1 - (value - bottom) / (top - bottom || 1)) * AREA.height;
  const floor = AREA.top + AREA.height + 16;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${floor + AREA.line * present.length + 8}`, style: `min-width: ${Math.min(width, 640)}px`, role: "img", "aria-label": $("told").textContent });
  for (const value of ticks(bottom, top)) {
    picture.append(svg("line", { class: value === 0 ? "zero" : "axis", x1: AREA.left, x2: width - AREA.right, y1: y(value), y2: y(value) }), svg("text", { x: AREA.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  for (const [place, row] of rows.entries()) {
    const colour = `var(--class-${Math.max(0, row.steps[0]) % 5})`;
    const one = svg("g", {}, svg("title", {}, `${short(row.value)} (${short(row.low)} to ${short(row.high)}): ${row.steps.filter((step) => step >= 0).map((step) => steps[step].name).join(", ")}`));
    one.append(svg("line", { x1: x(place), x2: x(place), y1: y(row.low), y2: y(row.high), style: `stroke: ${colour}`, opacity: row.low > 0 || row.high < 0 ? 0.95 : 0.25 }));
    one.append(svg("circle", { cx: x(place), cy: y(row.value), r: 2, style: `fill: ${colour}` }));
    picture.append(one);
  }
  for (const [line, { name, at }] of present.entries()) {
    const middle = floor + AREA.line * line + 6;
    picture.append(svg("text", { x: AREA.left - 6, y: middle + 4, "text-anchor": "end" }, name));
    for (const [place, row] of rows.entries()) {
      if (row.steps.includes(at)) picture.append(svg("line", { class: "taken", x1: x(place), x2: x(place), y1: middle - 4, y2: middle + 4 }));
    }
  }
  return picture;
}

function offer() {
  for (const choice of Object.keys(PAGE.choices)) {
    const group = element("fieldset", {}, element("legend", {}, choice));
    for (const [at, step] of steps.entries()) {
      if (step.choice !== choice) continue;
      const box = element("input", { type: "checkbox", checked: "" });
      box.addEventListener("change", () => {
        if (box.checked) away.delete(at);
        else away.add(at);
        draw();
      });
      group.append(element("label", { title: PAGE.why[choice]?.[step.name] ?? "" }, box, step.name));
    }
    $("choices").append(group);
  }
}

startTheme();
$("claim").append(...PAGE.claims.map(({ title, metric }, at) => element("option", { value: at }, `${title}, ${metric}`)));
offer();
$("claim").addEventListener("change", draw);
$("every").addEventListener("click", () => {
  away.clear();
  for (const box of document.querySelectorAll("#choices input")) box.checked = true;
  draw();
});
draw();
