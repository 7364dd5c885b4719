/* How scores rank units: curves, and the areas under them; equal scores make one step, as in scikit-learn. */

const GRID = Array.from({ length: 101 }, (_, at) => at / 100);

/** How the scores of a class rank the units in a run: areas and curves, made once. */
function rankingOf(scores, run, label) {
  const key = run * scores.classes + label;
  if (!scores.rankings.has(key)) {
    const steps = ranked(scores, run, label);
    const areas = { auroc: auroc(steps), auprc: averagePrecision(steps) };
    scores.rankings.set(key, { ...areas, roc: rocAt(steps), precision: precisionAt(steps) });
  }
  return scores.rankings.get(key);
}

/** Units at or above each score of a class in a run, highest first: so many of the class, and so many of others. */
function ranked(scores, run, label) {
  const units = scores.labels.map((own, unit) => ({ score: scores.at(run, unit, label), own: own === label }));
  units.sort((one, other) => other.score - one.score);
  const steps = [{ hits: 0, wrong: 0 }];
  for (const [at, { score, own }] of units.entries()) {
    const { hits, wrong } = steps.at(-1);
    if (at && score === units[at - 1].score) steps.pop();
    steps.push({ hits: hits + own, wrong: wrong + !own });
  }
  return steps;
}

/** Area under the ROC curve of some steps; no number where a class is not there. */
function auroc(steps) {
  const { hits, wrong } = steps.at(-1);
  const parts = steps.slice(1).map((one, at) => (one.wrong - steps[at].wrong) * (one.hits + steps[at].hits) / 2);
  return sum(parts) / (hits * wrong);
}

/** Average precision of some steps: the area under the precision–recall curve in steps. */
function averagePrecision(steps) {
  const parts = steps.slice(1).map((one, at) => (one.hits - steps[at].hits) * one.hits / (one.hits + one.wrong));
  return sum(parts) / steps.at(-1).hits;
}

/** The ROC curve at each false-positive rate of the grid, straight between steps. */
function rocAt(steps) {
  const { hits, wrong } = steps.at(-1);
  return GRID.map((rate) => {
    const after = steps.findIndex((one) => one.wrong > rate * wrong + 1e-9);
    if (after < 0) return 1;
    const [from, to] = [steps[after - 1], steps[after]];
    const share = (rate * wrong - from.wrong) / (to.wrong - from.wrong);
    return (from.hits + share * (to.hits - from.hits)) / hits;
  });
}

/** Precision at each recall of the grid: that of the first step which finds as many. */
function precisionAt(steps) {
  const { hits } = steps.at(-1);
  return GRID.map((recall) => {
    const one = steps.find((step, at) => at > 0 && step.hits >= recall * hits - 1e-9);
    return one.hits / (one.hits + one.wrong);
  });
}

/** How the probability of a class is spread over the units of another, or of itself: shares in equal bins. */
function histogram(scores, runs, label, own, bins) {
  const counts = new Array(bins).fill(0);
  for (const run of runs) {
    for (const [unit, truth] of scores.labels.entries()) {
      if (truth === own) counts[Math.min(Math.floor(scores.at(run, unit, label) * bins), bins - 1)] += 1;
    }
  }
  return counts.map((count) => count / (sum(counts) || 1));
}

/** In equal bins of the probability of a class: its mean, and the share of the units that are of the class. */
function reliability(scores, runs, label, bins) {
  const inside = Array.from({ length: bins }, () => []);
  for (const run of runs) {
    for (const [unit, truth] of scores.labels.entries()) {
      const prob = scores.at(run, unit, label);
      inside[Math.min(Math.floor(prob * bins), bins - 1)].push([prob, Number(truth === label)]);
    }
  }
  const filled = inside.filter((pairs) => pairs.length);
  return filled.map((pairs) => ({ x: mean(pairs.map(([prob]) => prob)), middle: mean(pairs.map(([, own]) => own)), sd: 0 }));
}
