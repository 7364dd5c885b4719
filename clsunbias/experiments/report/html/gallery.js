/* Units that are misclassified, the least probable true class first. */

const AT_ONCE = 24;
let shownUnits = AT_ONCE;

function drawGallery(now, scored) {
  fill($("wrong-by"), [["", "any method shown"], ...scored.map(({ arm }) => [arm.method, arm.method])]);
  const blamed = scored.filter(({ arm }) => [arm.method, ""].includes($("wrong-by").value));
  const worst = new Map();
  const [byAny, byEvery] = [new Set(), new Set(now.labels.keys())];
  for (const { runs, scores } of blamed) {
    now.labels.forEach((_, unit) => {
      const one = judged(scores, runs, unit, now.threshold);
      if (one.misclassified && !(worst.get(unit)?.truth <= one.truth)) worst.set(unit, one);
      if (one.wrong) byAny.add(unit);
      if (one.wrong < runs.length) byEvery.delete(unit);
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
  const whose = $("wrong-by").value || "at least one of the methods shown";
  const several = now.seed === ALL;
  const told = several ? `misclassified by at least half of the runs of ${whose}` : `misclassified by ${whose}`;
  const union = several && blamed.length
    ? ` Some run or other misclassifies ${byAny.size}, a union that grows with every run; all runs alike ${byEvery.size}.`
    : "";
  const there = Object.keys(pictures).length ? "Pictures: of test units that some run misclassifies at 0.5." : "No pictures of this split are here.";
  $("errors-said").textContent =
    `${units.length} of ${now.labels.length} units are ${told}; ${items.length} are shown.${union} ` +
    `Beside each method: the probability of the true class${several ? " (mean), and how many runs are wrong" : ""}; ✗ where that is ${several ? "half of them or more" : "so"}. ${there}`;
}
