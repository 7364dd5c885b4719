/* How class losses ran in training: panels of each method on one scale, their gap, λ and τ, and where they part. */

/** Numbers from base64 of little-endian float16; what does not fit in them is no number. */
function halfFloats(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return Array.from(new Uint16Array(bytes.buffer), (bits) => {
    const [exponent, fraction] = [(bits >> 10) & 31, (bits & 1023) / 1024];
    if (exponent === 31) return NaN;
    return (bits >> 15 ? -1 : 1) * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction);
  });
}

/** Losses of an arm: at(run, class, point), no number where the runs logged none. */
function lossesOf({ curves, seeds }, phase, classes) {
  const values = halfFloats(curves.values);
  const [first, names, points] = [curves.names.indexOf(`${phase}/${classes[0]}`), curves.names.length, curves.steps.length];
  const at = (run, label, point) => (first < 0 ? NaN : values[(run * names + first + label) * points + point]);
  return { at, logged: first >= 0, runs: seeds.length };
}

/** Mean and standard deviation over runs at every step, without the steps at which a run has no number. */
function overRuns(steps, runs, valueOf) {
  const points = steps.map((step, point) => ({ x: step, ...spreadOf(runs.map((run) => valueOf(run, point))) }));
  return points.filter(({ middle }) => Number.isFinite(middle));
}

/** The lines of an arm in some runs: a loss of each class, their gap, and the schedules it moved. */
function trainingOf({ arm, runs }, phase, classes) {
  const losses = lossesOf(arm, phase, classes);
  const { steps, schedules, selected, parted } = arm.curves;
  const all = (run, point) => classes.map((_, label) => losses.at(run, label, point));
  const line = (valueOf) => overRuns(steps, runs, valueOf);
  const since = (parted[phase]?.[1] ?? []).filter((step, run) => step !== null && runs.includes(run));
  return {
    arm,
    runs,
    byClass: classes.map((name, label) => ({ label: name, ...classLook(label), points: line((run, point) => losses.at(run, label, point)) })),
    gap: line((run, point) => Math.max(...all(run, point)) - Math.min(...all(run, point))),
    schedules: Object.entries(schedules).map(([sign, values]) => [sign, steps.flatMap((step, at) => (values[at] === null ? [] : [{ x: step, middle: values[at], sd: 0 }]))]),
    selected: runs.map((run) => selected[run]),
    highest: classes[parted[phase]?.[0] ?? 0],
    since: since.sort((one, other) => one - other),
  };
}

const middleOf = (sorted) => (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;

/** Since which step a class has the highest loss, in words. */
function sinceWords({ since, highest, runs }) {
  if (!since.length) return "none to the end";
  const spread = since[0] < since.at(-1) ? `; ${since[0]} to ${since.at(-1)}` : "";
  const over = runs.length > 1 ? ` (in ${since.length} of ${runs.length} runs${spread})` : "";
  return `${highest}, from step ${short(middleOf(since))} on${over}`;
}

function drawTraining(now, chosenArms) {
  const made = chosenArms.map((one) => trainingOf(one, now.phase, now.classes));
  const logged = made.filter(({ byClass }) => byClass.every(({ points }) => points.length));
  const right = Math.max(...logged.flatMap(({ byClass }) => byClass.map(({ points }) => points.at(-1).x)), 1);
  const top = topOf(logged.flatMap(({ byClass }) => byClass));
  const panels = logged.map((one) => chart({
    title: one.arm.method,
    across: "training step",
    up: "loss of each class",
    right,
    top,
    lines: one.byClass,
    marks: [
      ...one.selected.map((x) => ({ x, label: `selected at step ${x}`, kind: "selected" })),
      ...(one.since.length ? [{ x: middleOf(one.since), label: `from step ${short(middleOf(one.since))}`, kind: "parted" }] : []),
    ],
  }));
  const lineOf = ({ arm }, points) => ({ label: arm.method, ...lookOf(arm.method), points });
  const others = [["Gap between the class losses", "largest − smallest", logged.map((one) => lineOf(one, one.gap))]];
  for (const sign of ["λ", "τ"]) {
    const moved = made.flatMap((one) => one.schedules.filter(([name, points]) => name === sign && points.length).map(([, points]) => lineOf(one, points)));
    if (moved.length) others.push([`${sign} while training`, sign, moved]);
  }
  const below = others.filter(([, , lines]) => lines.length);
  $("curves").replaceChildren(...panels);
  $("curves-also").replaceChildren(...below.map(([title, up, lines]) => (
    chart({ title, across: "training step", up, right: Math.max(...lines.map(({ points }) => points.at(-1).x), 1), top: topOf(lines), lines })
  )));
  $("curves-key").replaceChildren(...(logged.length ? legend(now.classes, "▲ selected checkpoint of a run", "┆ from here on the same class has the highest loss (median of the runs)") : []));
  const several = now.seed === ALL ? "Line: mean over the runs; band: one standard deviation on either side. " : "Lines of one run. ";
  $("curves-said").textContent = logged.length
    ? `${several}One scale for all class losses.`
    : now.arms.length ? "These runs logged no class losses." : "No method is ticked.";
  const rows = logged.map((one) => {
    const last = (points) => short(points.at(-1).middle) + (one.runs.length > 1 ? ` ± ${short(points.at(-1).sd)}` : "");
    return [one.arm.method, ...one.byClass.map(({ points }) => last(points)), last(one.gap), sinceWords(one)];
  });
  $("curve-ends").replaceChildren(table(["Method", ...now.dataset.headers.loss, "Gap", "Highest loss"], rows));
}
