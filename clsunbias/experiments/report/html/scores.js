/* Scores of units, and the figures that follow from them. Nothing here touches the page. */

/** Base64 of float32 numbers, as they were written. */
function floats(base64) {
  return new Float32Array(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);
}

/** Scores of an arm on a split: at(run, unit, class) is the probability of a class. */
function scoresOf(arm, split, labels, classes) {
  const values = floats(arm.scores[split]);
  const width = classes === 2 ? 1 : classes;
  const at = (run, unit, label) => {
    const first = (run * labels.length + unit) * width;
    if (width > 1) return values[first + label];
    return label === 1 ? values[first] : 1 - values[first];
  };
  return { at, positive: (run, unit) => values[run * labels.length + unit], labels, classes };
}

/** The class that a unit is put into; of two classes, the positive one above the threshold. */
function predicted(scores, run, unit, threshold) {
  if (scores.classes === 2) return scores.positive(run, unit) > threshold ? 1 : 0;
  let best = 0;
  for (let label = 1; label < scores.classes; label += 1) {
    if (scores.at(run, unit, label) > scores.at(run, unit, best)) best = label;
  }
  return best;
}

/** Units by true class (rows) and predicted class (columns) of one run. */
function confusion(scores, run, threshold) {
  const counts = Array.from({ length: scores.classes }, () => new Array(scores.classes).fill(0));
  scores.labels.forEach((label, unit) => {
    counts[label][predicted(scores, run, unit, threshold)] += 1;
  });
  return counts;
}

/** Figures of a confusion matrix; one without a denominator is 0. Cost: of two classes. */
function figures(counts, costs) {
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const over = (part, whole) => (whole ? part / whole : 0);
  const hits = counts.map((row, label) => row[label]);
  const precision = hits.map((hit, label) => over(hit, sum(counts.map((row) => row[label]))));
  const recall = hits.map((hit, label) => over(hit, sum(counts[label])));
  const f1 = hits.map((hit, label) => over(2 * hit, sum(counts[label]) + sum(counts.map((row) => row[label]))));
  const made = {
    macro_f1: sum(f1) / f1.length,
    accuracy: over(sum(hits), sum(counts.map(sum))),
    precision,
    recall,
    f1,
  };
  if (counts.length === 2) made.cost = costs.fn * counts[1][0] + costs.fp * counts[0][1];
  return made;
}

function mean(values) {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

/** Standard deviation over runs; 0 of a single one. */
function deviation(values) {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return Math.sqrt(values.reduce((total, value) => total + (value - middle) ** 2, 0) / (values.length - 1));
}

/** Units that at least half of some runs put into another class, the least probable true class first. */
function misclassified(scores, runs, threshold) {
  return scores.labels
    .map((label, unit) => {
      const wrong = runs.filter((run) => predicted(scores, run, unit, threshold) !== label).length;
      return { unit, label, wrong, truth: mean(runs.map((run) => scores.at(run, unit, label))) };
    })
    .filter((one) => one.wrong > 0 && 2 * one.wrong >= runs.length);
}
