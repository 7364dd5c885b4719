/* A comparison's charts: each method beside the baseline. */

const [BASELINE, ...OTHERS] = PAGE.methods;

/** Charts into a section. */
const fillWith = (id, charts) => $(`${id}-charts`).replaceChildren(...charts);

/** A line of a method through points. */
const lineOf = (method, points) => ({ label: method, ...lookOf(method), points });

const coloured = (rows) => rows.map((row) => ({ ...row, colour: lookOf(row.method).colour }));

function drawRows() {
  fillWith("differences", PAGE.differences.map(({ title, rows }) => rowsChart({ title, across: `difference from ${BASELINE}`, rows: coloured(rows) })));
  const parts = PAGE.gains.flatMap(({ rows }) => rows.flatMap(({ low, high }) => [low, high]));
  fillWith("gains", PAGE.gains.map(({ title, rows }) => rowsChart({ title, across: "difference in macro-F1", rows: coloured(rows), ends: parts })));
  const most = Math.max(...PAGE.flips.flatMap(({ rows }) => rows.flatMap(({ value, other }) => [value, -other])), 1);
  fillWith("flips", PAGE.flips.map(({ title, rows }) => rowsChart({ title, across: "units, newly wrong | newly right", rows: coloured(rows), ends: [-most, most] })));
}

/** Two methods' lines of a curve, the baseline's first. */
const pair = (method, of) => [lineOf(BASELINE, of(PAGE.curves[BASELINE])), lineOf(method, of(PAGE.curves[method]))];

function drawCurves() {
  const unit = { right: 1, top: 1 };
  const diagonal = { label: "as probable as said", colour: "var(--soft)", dash: "1 3", points: [{ x: 0, middle: 0 }, { x: 1, middle: 1 }] };
  const each = (draw) => OTHERS.flatMap((method) => PAGE.classes.flatMap((name) => draw(method, name)));
  fillWith("calibration", each((method, name) => [
    chart({ title: `${name}: ${method}`, across: `predicted probability of ${name}`, up: `share that is ${name}`, ...unit, lines: [...pair(method, ({ reliability }) => reliability[name]), diagonal] }),
  ]));
  const tops = new Map(PAGE.classes.map((name) => [name, Math.max(topOf(PAGE.methods.map((method) => lineOf(method, PAGE.curves[method].benefit[name]))), 0.01)]));
  const gained = OTHERS.flatMap((method) => PAGE.classes.map((name) => lineOf(method, PAGE.curves[method].gained[name])));
  const [least, most] = [bottomOf(gained), topOf(gained)];
  fillWith("use", each((method, name) => {
    const across = `threshold of the probability of ${name}`;
    const { left, right, bottom, top } = benefitFrame(tops.get(name), PAGE.thresholds);
    const dotted = byNobodyOrAll(PAGE.curves[BASELINE].everybody[name], PAGE.thresholds, top);
    const zero = { label: "no difference", colour: "var(--soft)", dash: "1 3", points: [{ x: left, middle: 0 }, { x: right, middle: 0 }] };
    return [
      chart({ title: `${name}: ${method}`, across, up: "net benefit", left, right, bottom, top, lines: [...pair(method, ({ benefit }) => benefit[name]), ...dotted] }),
      chart({ title: `${name}: ${method} − ${BASELINE}`, across, up: "difference in net benefit", left, right, bottom: least, top: most, lines: [lineOf(method, PAGE.curves[method].gained[name]), zero] }),
    ];
  }));
  const risks = PAGE.methods.map((method) => lineOf(method, PAGE.curves[method].risk));
  const middles = risks.map((line) => ({ ...line, points: line.points.map(({ x, middle }) => ({ x, middle })) }));
  fillWith("risk", OTHERS.map((method) => chart({
    title: method, across: "share of the units decided, the surest first", up: "share of these that is wrong", right: 1, top: Math.min(topOf(risks), 3 * topOf(middles)), lines: pair(method, ({ risk }) => risk),
  })));
}

startTheme();
$("key").replaceChildren(...PAGE.methods.map((method) => element("span", {}, key(lookOf(method)), method)));
drawRows();
drawCurves();
