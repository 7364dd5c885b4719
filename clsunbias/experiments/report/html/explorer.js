/* The controls: what is chosen, and what follows from it. */

const PAGE = JSON.parse(document.getElementById("records").textContent);
const ALL = "all";
const AT_ONCE = 24;
const $ = (id) => document.getElementById(id);
let shownUnits = AT_ONCE;

function fill(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  if (options.some(([value]) => String(value) === before)) select.value = before;
}

const distinct = (values) => [...new Set(values)];

function armsOf(dataset, protocol) {
  return PAGE.arms.filter((arm) => arm.dataset === dataset && (protocol === undefined || arm.protocol === protocol));
}

function lookOf(method) {
  const colours = ["currentColor", ...PAGE.colours.slice(1)]; // black is white in the dark
  const at = PAGE.methods.indexOf(method);
  return { colour: colours[at % colours.length], dash: DASHES[at % DASHES.length] };
}

/** Everything that is chosen. */
function chosen() {
  const index = Number($("dataset").value);
  const dataset = PAGE.datasets[index];
  const cost = (id) => Math.max(Number($(id).value) || 0, 0); // what is no number from 0 up counts as 0
  const ticked = new Set([...document.querySelectorAll("#methods input:checked")].map((box) => box.value));
  return {
    dataset,
    classes: dataset.classes,
    binary: dataset.classes.length === 2,
    split: $("split").value,
    labels: dataset.splits[$("split").value].labels,
    seed: $("seed").value,
    arms: armsOf(index, $("protocol").value).filter((arm) => ticked.has(arm.method)),
    phase: $("phase").value,
    threshold: Number($("threshold").value),
    costs: { fn: cost("cost-fn"), fp: cost("cost-fp") },
  };
}

function offerProtocols() {
  fill($("protocol"), distinct(armsOf(Number($("dataset").value)).map((arm) => arm.protocol)).map((name) => [name, name]));
  const { splits } = PAGE.datasets[Number($("dataset").value)];
  const names = Object.keys(splits).sort((one, other) => (one === "val") - (other === "val"));
  fill($("split"), names.map((name) => [name, name === "val" ? "validation" : name.replace("_", " ")]));
  offerMethods();
}

function offerMethods() {
  const arms = armsOf(Number($("dataset").value), $("protocol").value);
  const off = new Set([...document.querySelectorAll("#methods input:not(:checked)")].map((box) => box.value));
  const labels = arms.map(({ method }) => {
    const box = element("input", { type: "checkbox", value: method });
    box.checked = !off.has(method);
    return element("label", {}, box, key(lookOf(method)), method);
  });
  $("methods").replaceChildren($("methods").firstElementChild, ...labels);
  const seeds = distinct(arms.flatMap((arm) => arm.seeds)).sort((one, other) => one - other);
  fill($("seed"), [[ALL, seeds.length > 1 ? "all: mean ± sd" : "all"], ...seeds.map((seed) => [seed, `seed ${seed}`])]);
  update();
}

function update() {
  shownUnits = AT_ONCE;
  draw();
}

function draw() {
  const now = chosen();
  for (const stamped of document.querySelectorAll(".stamped")) stamped.classList.toggle("simulated", now.dataset.simulated);
  const scored = now.arms.map((arm) => ({
    arm,
    runs: [...arm.seeds.keys()].filter((at) => [ALL, String(arm.seeds[at])].includes(now.seed)),
    scores: scoresOf(arm, now.split, now.labels, now.classes.length),
  })).filter(({ runs }) => runs.length);
  drawCurves(now);
  drawFigures(now, scored);
  drawGallery(now, scored);
}

/** A method's line in a panel, without the steps at which a loss is no number. */
function lineOf(arm, phase, loss) {
  const [means, sds] = arm.curves[`${phase}/${loss}`] ?? [[], []];
  const points = means.map((middle, at) => ({ step: arm.curves.steps[phase][at], middle, sd: sds[at] }));
  const finite = points.filter(({ middle, sd }) => middle !== null && sd !== null);
  return { label: arm.method, ...lookOf(arm.method), points: finite };
}

function drawCurves(now) {
  const linesOf = (loss) => now.arms.map((arm) => lineOf(arm, now.phase, loss)).filter((line) => line.points.length);
  const panels = Object.entries(now.dataset.losses).map(([loss, title]) => [title, linesOf(loss)]);
  const drawn = panels.filter(([, lines]) => lines.length);
  $("curves").replaceChildren(...drawn.map(([title, lines]) => chart(title, lines)));
  const seeds = distinct(now.arms.map((arm) => arm.curves.seeds));
  $("curves-said").textContent = drawn.length
    ? `Line: mean over ${seeds.join(" or ")} seed${String(seeds) === "1" ? "" : "s"}; band: one standard deviation on either side.`
    : now.arms.length ? "These runs logged no class losses." : "No method is ticked.";
  const rows = now.arms.map((arm) => [arm.method, ...drawn.map(([, lines]) => {
    const last = lines.find((one) => one.label === arm.method)?.points.at(-1);
    return last ? `${short(last.middle)} ± ${short(last.sd)}` : "–";
  })]);
  $("curve-ends").replaceChildren(table(["Method", ...drawn.map(([title]) => title)], rows));
}

function drawFigures(now, scored) {
  $("threshold-controls").hidden = !now.binary;
  $("threshold-shown").textContent = now.threshold.toFixed(3);
  const [negative, positive] = now.classes;
  $("fn-said").textContent = `(${positive} taken for ${negative})`;
  $("fp-said").textContent = `(${negative} taken for ${positive})`;
  $("threshold-said").textContent = now.binary
    ? `Positive is “${positive}”. ${now.split === "val" ? "A threshold may be chosen here, then read on the test split." : "Choose a threshold on the validation split: one that is chosen here flatters."} Cost: of all ${now.labels.length} units of the split.`
    : "More than two classes: each unit goes to its most probable class, there is no threshold.";
  const rows = scored.map(({ arm, runs, scores }) => {
    const counts = runs.map((run) => confusion(scores, run, now.threshold));
    return { method: arm.method, counts, found: counts.map((one) => figures(one, now.classes, now.costs)) };
  });
  $("figures").replaceChildren(rows.length ? figuresTable(rows) : element("p", {}, "No run is chosen."));
  $("confusions").replaceChildren(...rows.map(({ method, counts }) => confusionTable(method, counts, now.classes)));
  $("confusion-said").textContent =
    `Units of the split${now.seed === ALL ? ", mean over seeds" : ""}; the darker, the larger the share of the true class.`;
}

function drawGallery(now, scored) {
  fill($("wrong-by"), [["", "any method shown"], ...scored.map(({ arm }) => [arm.method, arm.method])]);
  const blamed = scored.filter(({ arm }) => [arm.method, ""].includes($("wrong-by").value));
  const worst = new Map();
  for (const { runs, scores } of blamed) {
    now.labels.forEach((_, unit) => {
      const one = judged(scores, runs, unit, now.threshold);
      if (one.misclassified && !(worst.get(unit)?.truth <= one.truth)) worst.set(unit, one);
    });
  }
  const units = [...worst.values()].sort((one, other) => one.truth - other.truth || one.unit - other.unit);
  const { names, pictures } = now.dataset.splits[now.split];
  const items = units.slice(0, shownUnits).map(({ unit, label }) => {
    const name = names ? names[unit] : `${now.split.replace("_", " ")} ${unit}`;
    const judgements = scored.map(({ arm, runs, scores }) => (
      { method: arm.method, runs: runs.length, ...judged(scores, runs, unit, now.threshold) }
    ));
    return unitItem(name, now.classes[label], PAGE.pictures[pictures[unit]], judgements);
  });
  $("gallery").replaceChildren(...items);
  $("more").hidden = units.length <= shownUnits;
  const told = now.seed === ALL ? "misclassified by at least half of a method's runs" : "misclassified";
  $("errors-said").textContent =
    `${units.length} of ${now.labels.length} units are ${told}; ${items.length} are shown. ` +
    `Beside each method: the probability of the true class${now.seed === ALL ? " (mean), and how many runs are wrong" : ""}. ` +
    (Object.keys(pictures).length ? "Pictures: of test units that some run misclassifies at 0.5." : "No pictures of this split are here.");
}

function start() {
  fill($("dataset"), PAGE.datasets.map((one, at) => [at, one.simulated ? `${one.label} (simulated)` : one.label]));
  $("dataset").addEventListener("change", offerProtocols);
  $("protocol").addEventListener("change", offerMethods);
  for (const id of ["split", "seed", "phase", "wrong-by", "methods"]) $(id).addEventListener("change", update);
  for (const id of ["threshold", "cost-fn", "cost-fp"]) $(id).addEventListener("input", update);
  $("reset").addEventListener("click", () => {
    $("threshold").value = "0.5";
    update();
  });
  $("more").addEventListener("click", () => {
    shownUnits += AT_ONCE;
    draw();
  });
  offerProtocols();
}

startTheme();
start();
