/* Scores of units, and the figures that follow from them. Nothing here touches the page. */

const sum = (values) => values.reduce((total, value) => total + value, 0);
const mean = (values) => sum(values) / values.length;

const decoded = new WeakMap(); // by arm, then by split

/** Scores of an arm on a split: at(run, unit, class) is the probability of a class. */
function scoresOf(arm, split, labels, classes) {
  const known = decoded.get(arm) ?? new Map();
  decoded.set(arm, known);
  if (!known.has(split)) known.set(split, decode(arm, split, labels, classes));
  return known.get(split);
}

function decode(arm, split, labels, classes) {
  const bytes = Uint8Array.from(atob(arm.scores[split]), (letter) => letter.charCodeAt(0));
  const values = new Float32Array(bytes.buffer); // as they were written
  const width = classes === 2 ? 1 : classes;
  const at = (run, unit, label) => {
    const first = (run * labels.length + unit) * width;
    if (width > 1) return values[first + label];
    return label === 1 ? values[first] : 1 - values[first];
  };
  return { at, labels, classes, rankings: new Map() };
}

/** The class that a unit is put into; of two classes, the positive one above the threshold. */
function predicted(scores, run, unit, threshold) {
  if (scores.classes === 2) return scores.at(run, unit, 1) > threshold ? 1 : 0;
  const all = Array.from({ length: scores.classes }, (_, label) => scores.at(run, unit, label));
  return all.indexOf(Math.max(...all));
}

/** Units by true class (rows) and predicted class (columns) of one run. */
function confusion(scores, run, threshold) {
  const counts = Array.from({ length: scores.classes }, () => new Array(scores.classes).fill(0));
  for (const [unit, label] of scores.labels.entries()) counts[label][predicted(scores, run, unit, threshold)] += 1;
  return counts;
}

/** Figures of a confusion matrix: of all units, and by class; a share of nothing is no number. */
function figures(counts, costs) {
  const over = (part, whole) => (whole ? part / whole : NaN);
  const byClass = counts.map((row, label) => {
    const [hits, own, taken] = [row[label], sum(row), sum(counts.map((other) => other[label]))];
    return { f1: over(2 * hits, own + taken) || 0, recall: over(hits, own), precision: over(hits, taken), hits };
  });
  return {
    "macro-F1": mean(byClass.map(({ f1 }) => f1)),
    accuracy: over(sum(byClass.map(({ hits }) => hits)), sum(counts.map(sum))),
    cost: counts.length === 2 ? costs.fn * counts[1][0] + costs.fp * counts[0][1] : NaN,
    byClass,
  };
}

/** A unit: how many of some runs put it into another class, and the mean probability of its own. */
function judged(scores, runs, unit, threshold) {
  const label = scores.labels[unit];
  const wrong = runs.filter((run) => predicted(scores, run, unit, threshold) !== label).length;
  const truth = mean(runs.map((run) => scores.at(run, unit, label)));
  return { unit, label, wrong, truth, misclassified: wrong > 0 && 2 * wrong >= runs.length };
}
