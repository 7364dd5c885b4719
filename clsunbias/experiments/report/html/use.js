/* What scores are good for: net benefit over thresholds, and the risk among the units that a model is surest of. */

const COVERAGES = Array.from({ length: 20 }, (_, at) => (at + 1) / 20);

/** The net benefit of a class at each threshold in a run: TP/n − FP/n · t/(1 − t). */
function netBenefit(scores, run, label, thresholds) {
  const units = scores.labels.map((own, unit) => ({ score: scores.at(run, unit, label), own: own === label }));
  return thresholds.map((t) => mean(units.map(({ score, own }) => (score < t ? 0 : own ? 1 : -t / (1 - t)))));
}

/** The net benefit of treating everybody. */
function benefitOfAll(labels, label, thresholds) {
  const share = mean(labels.map((own) => Number(own === label)));
  return thresholds.map((t) => share - ((1 - share) * t) / (1 - t));
}

/** The share of wrong decisions among the surest units in a run, for each coverage; equally sure ones count alike. */
function riskAt(scores, run) {
  const units = scores.labels.map((own, unit) => {
    const all = Array.from({ length: scores.classes }, (_, label) => scores.at(run, unit, label));
    const sure = Math.max(...all);
    return { sure, wrong: Number(all.indexOf(sure) !== own) };
  });
  units.sort((one, other) => other.sure - one.sure);
  return COVERAGES.map((coverage) => {
    const count = Math.max(1, Math.round(coverage * units.length));
    const last = units[count - 1].sure;
    const above = units.filter(({ sure }) => sure > last).map(({ wrong }) => wrong);
    const alike = units.filter(({ sure }) => sure === last).map(({ wrong }) => wrong);
    return (sum(above) + (count - above.length) * mean(alike)) / count;
  });
}

/** A line of a method over its runs. */
function lineOver({ arm, scores, runs }, across, valuesOf) {
  const found = runs.map((run) => valuesOf(scores, run));
  return { label: arm.method, ...lookOf(arm.method), points: across.map((x, at) => ({ x, ...spreadOf(found.map((one) => one[at])) })) };
}

function benefitChart(name, scored, label) {
  const t = PAGE.thresholds;
  const lines = scored.map((one) => lineOver(one, t, (scores, run) => netBenefit(scores, run, label, t)));
  const top = Math.max(topOf(lines), 0.01);
  const all = benefitOfAll(scored[0].scores.labels, label, t).map((middle, at) => ({ x: t[at], middle }));
  return chart({ title: `Net benefit: ${name}`, across: `threshold of the probability of ${name}`, up: "net benefit", ...benefitFrame(top, t), lines: [...lines, ...byNobodyOrAll(all, t, top)] });
}

/** Where a chart of net benefits ends: a little below 0, which is what treating nobody comes to. */
function benefitFrame(top, thresholds) {
  return { left: thresholds[0], right: thresholds.at(-1), bottom: -0.15 * top, top };
}

/** Treating everybody, as far as a chart shows it, and nobody. */
function byNobodyOrAll(all, thresholds, top) {
  const shown = all.filter(({ middle }) => middle >= -0.15 * top && middle <= top);
  const soft = { colour: "var(--soft)", dash: "1 3" };
  const nobody = [thresholds[0], thresholds.at(-1)].map((x) => ({ x, middle: 0 }));
  return [...(shown.length ? [{ ...soft, label: "everybody called so", points: shown }] : []), { ...soft, label: "nobody called so", points: nobody }];
}

function riskChart(scored) {
  const lines = scored.map((one) => lineOver(one, COVERAGES, riskAt));
  return chart({ title: "Risk and coverage", across: "share of the units decided, the surest first", up: "share of these that is wrong", right: 1, top: topOf(lines), lines });
}
