/* An audit's charts: of each part and each feature what it tells about each class. */

const charted = (panels) => panels.map(({ title, rows }) => rowsChart({ title, across: "nats", rows: rows.map((row) => ({ ...row, bar: true, colour: classLook(row.class).colour })), ends: panels.flatMap(({ rows: others }) => others.flatMap(({ low, high }) => [low, high])) }));

startTheme();
for (const [at, { parts, features }] of PAGE.audits.entries()) {
  for (const [id, panels] of [["parts", parts], ["features", features]]) {
    $(`${id}-${at}`)?.replaceChildren(...charted(panels));
  }
}
