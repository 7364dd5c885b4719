/* The controls: what is chosen, and what follows from it. */

const ALL = "all";

function fill(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  if (options.some(([value]) => String(value) === before)) select.value = before;
}

const distinct = (values) => [...new Set(values)];

function armsOf(dataset, protocol) {
  return PAGE.arms.filter((arm) => arm.dataset === dataset && (protocol === undefined || arm.protocol === protocol));
}

/** A cost as it was entered; what is no number from 0 up is refused at its field, and there is no cost. */
function cost(id) {
  const value = $(id).value.trim() === "" ? NaN : Number($(id).value);
  const wrong = !(value >= 0 && Number.isFinite(value));
  $(id).setAttribute("aria-invalid", wrong);
  $(`${id}-wrong`).textContent = wrong ? "Give a number from 0 up." : "";
  return wrong ? NaN : value;
}

/** Everything that is chosen. */
function chosen() {
  const index = Number($("dataset").value);
  const dataset = PAGE.datasets[index];
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
    of: Number($("of").value),
    threshold: Number($("threshold").value),
    costs: { fn: cost("cost-fn"), fp: cost("cost-fp") },
  };
}

function offerProtocols() {
  fill($("protocol"), distinct(armsOf(Number($("dataset").value)).map((arm) => arm.protocol)).map((name) => [name, name]));
  const { splits, labels } = PAGE.datasets[Number($("dataset").value)];
  const names = Object.keys(splits).sort((one, other) => (one === "val") - (other === "val"));
  fill($("split"), names.map((name) => [name, name === "val" ? "validation" : name.replace("_", " ")]));
  $("of").replaceChildren(...labels.map((name, label) => element("option", { value: label }, name)));
  const { labels: units } = splits[names[0]];
  const sizes = labels.map((_, label) => units.filter((own) => own === label).length);
  $("of").value = String(sizes.indexOf(Math.min(...sizes))); // a rare class is what a scan is made for, most often
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

/** The arms that are shown, with the runs and scores of each that are chosen. */
function scoredOf(now) {
  return now.arms.map((arm) => ({
    arm,
    runs: [...arm.seeds.keys()].filter((at) => [ALL, String(arm.seeds[at])].includes(now.seed)),
    scores: scoresOf(arm, now.split, now.labels, now.classes.length),
  })).filter(({ runs }) => runs.length);
}

/** Shows what is chosen; training is left as it is where only a threshold or a cost has moved. */
function update({ thresholdAlone = false } = {}) {
  shownUnits = AT_ONCE;
  const now = chosen();
  for (const stamped of document.querySelectorAll(".stamped")) stamped.classList.toggle("simulated", now.dataset.simulated);
  const scored = scoredOf(now);
  if (!thresholdAlone) drawTraining(now, scored);
  drawFigures(now, scored);
  drawRanking(now, scored);
  drawGallery(now, scored);
}

function start() {
  fill($("dataset"), PAGE.datasets.map((one, at) => [at, one.simulated ? `${one.label} (simulated)` : one.label]));
  $("dataset").addEventListener("change", offerProtocols);
  $("protocol").addEventListener("change", offerMethods);
  for (const id of ["split", "seed", "phase", "of", "wrong-by", "methods"]) $(id).addEventListener("change", () => update());
  for (const id of ["threshold", "cost-fn", "cost-fp"]) $(id).addEventListener("input", () => update({ thresholdAlone: true }));
  $("reset").addEventListener("click", () => {
    $("threshold").value = "0.5";
    update({ thresholdAlone: true });
  });
  $("more").addEventListener("click", () => {
    shownUnits += AT_ONCE;
    const now = chosen();
    drawGallery(now, scoredOf(now));
  });
  offerProtocols();
}

startTheme();
start();
