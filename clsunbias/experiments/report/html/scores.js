/* Scores of units, and the figures that follow from them. Nothing here touches the page. */

const sum = (values) => values.reduce((total, value) => total + value, 0);
const mean = (values) => sum(values) / values.length;

/** Scores of an arm on a split: at(run, unit, class) is the probability of a class. */
function scoresOf(arm, split, labels, classes) {
  const bytes = Uint8Array.from(atob(arm.scores[split]), (letter) => letter.charCodeAt(0));
  const values = new Float32Array(bytes.buffer); // as they were written
  const width = classes === 2 ? 1 : classes;
  const at = (run, unit, label) => {
    const first = (run * labels.length + unit) * width;
    if (width > 1) return values[first + label];
    return label === 1 ? values[first] : 1 - values[first];
  };
  return { at, labels, classes };
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

/** Figures of a confusion matrix by their names; one without a denominator is 0. Cost: of two classes. */
function figures(counts, classes, costs) {
  const over = (part, whole) => (whole ? part / whole : 0);
  const byClass = classes.map((name, label) => {
    const [hits, own, taken] = [counts[label][label], sum(counts[label]), sum(counts.map((row) => row[label]))];
    return { name, hits, precision: over(hits, taken), recall: over(hits, own), f1: over(2 * hits, own + taken) };
  });
  const made = {
    "macro-F1": mean(byClass.map((one) => one.f1)),
    accuracy: over(sum(byClass.map((one) => one.hits)), sum(counts.map(sum))),
  };
  if (classes.length === 2) made.cost = costs.fn * counts[1][0] + costs.fp * counts[0][1];
  for (const { name, precision, recall, f1 } of byClass) {
    Object.assign(made, { [`precision, ${name}`]: precision, [`recall, ${name}`]: recall, [`F1, ${name}`]: f1 });
  }
  return made;
}

/** A unit: how many of some runs put it into another class, and the mean probability of its own. */
function judged(scores, runs, unit, threshold) {
  const label = scores.labels[unit];
  const wrong = runs.filter((run) => predicted(scores, run, unit, threshold) !== label).length;
  const truth = mean(runs.map((run) => scores.at(run, unit, label)));
  return { unit, label, wrong, truth, misclassified: wrong > 0 && 2 * wrong >= runs.length };
}
