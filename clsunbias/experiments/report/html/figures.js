/* What scores come to: figures at a threshold, confusion matrices, and curves of what they rank. */

const BINS = { histogram: 20, reliability: 10 };

function drawFigures(now, scored) {
  $("threshold-controls").hidden = !now.binary;
  $("threshold-shown").textContent = now.threshold.toFixed(3);
  const [negative, positive] = now.classes;
  $("fn-said").textContent = `(${positive} taken for ${negative})`;
  $("fp-said").textContent = `(${negative} taken for ${positive})`;
  $("threshold-said").textContent = now.binary
    ? `Above the threshold a unit is called ${positive}, else ${negative}. ${now.split === "val" ? "A threshold may be chosen here, then read on the test split." : "Choose a threshold on the validation split: one that is chosen here flatters."} Cost: of all ${now.labels.length} units of the split.`
    : "More than two classes: each unit goes to its most probable class, there is no threshold.";
  const rows = scored.map(({ arm, runs, scores }) => {
    const counts = runs.map((run) => confusion(scores, run, now.threshold));
    const areas = runs.map((run) => now.classes.map((_, label) => rankingOf(scores, run, label)));
    return { method: arm.method, counts, areas, found: counts.map((one) => figures(one, now.costs)) };
  });
  const none = element("p", {}, "No run is chosen.");
  $("figures").replaceChildren(rows.length ? overallTable(rows, now) : none);
  $("figures-by-class").replaceChildren(...(rows.length ? [classTable(rows, now)] : []));
  $("definitions").textContent = now.dataset.definitions;
  $("confusions").replaceChildren(...rows.map(({ method, counts }) => confusionTable(method, counts, now.classes)));
  $("confusion-said").textContent =
    `Units of the split${now.seed === ALL ? ", mean over the runs" : ""}; the stronger the shade, the larger the share of the true class.`;
}

/** Figures of all units: of each method, over its runs. */
function overallTable(rows, now) {
  const header = ["Method", "macro-F1", "AUROC", "accuracy", ...(now.binary ? ["cost"] : [])];
  return table(header, rows.map(({ method, found, areas }) => [
    method,
    spread(found.map((one) => one["macro-F1"])),
    spread(areas.map((one) => mean(one.map(({ auroc: area }) => area)))),
    spread(found.map(({ accuracy }) => accuracy)),
    ...(now.binary ? [spread(found.map(({ cost }) => cost), 1)] : []),
  ]));
}

/** Figures of each class, by its name. */
function classTable(rows, now) {
  const { headers } = now.dataset;
  const kinds = ["f1", "recall", "precision", "auprc"];
  const names = now.classes.flatMap((_, label) => kinds.map((kind) => headers[kind][label]));
  return table(["Method", ...names], rows.map(({ method, found, areas }) => [method, ...now.classes.flatMap((_, label) => [
    ...kinds.slice(0, 3).map((kind) => spread(found.map(({ byClass }) => byClass[label][kind]))),
    spread(areas.map((one) => one[label].auprc)),
  ])]));
}

function drawRanking(now, scored) {
  const name = now.classes[now.of];
  const there = scored.filter(({ scores }) => scores.labels.some((label) => label === now.of) && scores.labels.some((label) => label !== now.of));
  const linesOf = (kind) => there.map(({ arm, scores, runs }) => {
    const curves = runs.map((run) => rankingOf(scores, run, now.of)[kind]);
    return { label: arm.method, ...lookOf(arm.method), points: GRID.map((x, point) => ({ x, ...spreadOf(curves.map((one) => one[point])) })) };
  });
  const unit = { right: 1, top: 1 };
  const threshold = now.of === 1 ? now.threshold : 1 - now.threshold;
  const marks = now.binary ? [{ x: threshold, label: `threshold ${short(threshold)}`, kind: "threshold" }] : [];
  const calibrated = there.map(({ arm, scores, runs }) => ({ label: arm.method, ...lookOf(arm.method), points: reliability(scores, runs, now.of, BINS.reliability) }));
  const diagonal = { label: "as probable as said", colour: "var(--soft)", dash: "1 3", points: [{ x: 0, middle: 0, sd: 0 }, { x: 1, middle: 1, sd: 0 }] };
  const chance = { ...diagonal, label: "chance" };
  const dots = now.binary ? there.map(({ arm, runs, scores }) => operatingPoint(arm, runs, scores, now)) : [];
  $("ranking").replaceChildren(...(there.length ? [
    chart({ title: `ROC: ${name}`, across: "share of the others called so", up: `share of ${name} called so`, ...unit, lines: [...linesOf("roc"), chance], dots: dots.map(({ roc }) => roc) }),
    chart({ title: `Precision and recall: ${name}`, across: `share of ${name} called so`, up: "share of those called so that are", ...unit, lines: linesOf("precision"), dots: dots.map(({ pr }) => pr).filter(({ y }) => Number.isFinite(y)) }),
    chart({ title: `Reliability: ${name}`, across: `predicted probability of ${name}`, up: `share that is ${name}`, ...unit, lines: [...calibrated, diagonal] }),
    benefitChart(name, there, now.of),
    riskChart(there),
  ] : []));
  const panels = scored.map(({ arm, scores, runs }) => {
    const lines = now.classes.map((label, own) => ({ label, ...classLook(own), points: stairs(histogram(scores, runs, now.of, own, BINS.histogram)) }));
    return { title: arm.method, lines };
  });
  const top = topOf(panels.flatMap(({ lines }) => lines));
  $("histograms").replaceChildren(...panels.map(({ title, lines }) => chart({ title, lines, across: `predicted probability of ${name}`, up: "share of the class's units", right: 1, top, marks })));
  $("histograms-key").replaceChildren(...legend(now.classes, ...(now.binary ? ["┆ threshold"] : [])));
  $("ranking-said").textContent = scored.length
    ? `${now.seed === ALL ? "Means over the runs, bands of one standard deviation; reliability and histograms pool the runs." : "Of one run."}${now.binary ? " Dots: at the threshold." : ""}`
    : "No run is chosen.";
}

/** Where the threshold puts a method on both curves, mean over runs. */
function operatingPoint(arm, runs, scores, now) {
  const rates = runs.map((run) => {
    const counts = confusion(scores, run, now.threshold);
    const [own, other] = [counts[now.of], counts[1 - now.of]];
    return [own[now.of] / sum(own), other[now.of] / sum(other), own[now.of] / (own[now.of] + other[now.of])];
  });
  const [found, wrong, precision] = [0, 1, 2].map((at) => mean(rates.map((one) => one[at])));
  const look = { colour: lookOf(arm.method).colour, label: `${arm.method} at the threshold` };
  return { roc: { x: wrong, y: found, ...look }, pr: { x: found, y: precision, ...look } };
}

/** A histogram's outline, left to right. */
function stairs(shares) {
  return shares.flatMap((middle, at) => [at, at + 1].map((edge) => ({ x: edge / shares.length, middle, sd: 0 })));
}
