/* An audit's charts: of each part and each feature what it tells about each class. */

const charted = (panels) => panels.map(({ title, rows }) => rowsChart({ title, across: "nats", rows: rows.map((row) => ({ ...row, bar: true, colour: classLook(row.class).colour })), ends: panels.flatMap(({ rows: others }) => others.flatMap(({ low, high }) => [low, high])) }));

/** A figure of each class's loss by step, up to the last of any figure; a class of which it was never told has no line. */
function slopesChart({ title, lines, selected }, right) {
  const looks = lines.map((line, label) => ({ ...line, ...classLook(label) })).filter(({ points }) => points.length);
  const marks = selected.map((x) => ({ x, label: `checkpoint, step ${x}`, kind: "selected" }));
  return chart({ title, across: "training step", up: "", right, bottom: bottomOf(looks), top: topOf(looks), lines: looks, marks });
}

startTheme();
for (const [at, { classes, parts, features, slopes }] of PAGE.audits.entries()) {
  const last = Math.max(...slopes.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(({ x }) => x))), 1);
  $(`slopes-${at}`)?.replaceChildren(...slopes.map((panel) => slopesChart(panel, last)));
  $(`slopes-key-${at}`)?.replaceChildren(...legend(classes, "▲ the checkpoint"));
  for (const [id, panels] of [["parts", parts], ["features", features]]) {
    $(`${id}-${at}`)?.replaceChildren(...charted(panels));
  }
}
