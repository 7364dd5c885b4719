/* Charts of rows: differences with intervals, bars from 0; what a row says stands above it. */

const ROW = 36;

/**
 * One panel. Rows are {label, value, low, high, bar, colour}; low and high are left out where there is no interval; a
 * bar goes from 0 to the value, and another from 0 to `other`, if that is given.
 */
function rowsChart({ title, across, rows, ends = [] }) {
  const all = [0, ...ends, ...rows.flatMap(({ value, low = value, high = value, other = value }) => [value, low, high, other])];
  const span = Math.max(...all) - Math.min(...all) || 1;
  const [left, right] = [Math.min(...all) - span * 0.04, Math.max(...all) + span * 0.04];
  const x = (value) => 8 + ((value - left) / (right - left)) * 344;
  const floor = 6 + ROW * rows.length;
  const told = rows.map(({ label, value, low, high }) => `${label} ${short(value)}${low === undefined ? "" : ` (${short(low)} to ${short(high)})`}`);
  const drawn = svg("svg", { viewBox: `0 0 360 ${floor + 38}`, role: "img", "aria-label": `${title}: ${told.join("; ")}` });
  for (const value of ticks(left, right)) {
    drawn.append(
      svg("line", { class: value === 0 ? "zero" : "axis", x1: x(value), x2: x(value), y1: 4, y2: floor }),
      svg("text", { x: x(value), y: floor + 14, "text-anchor": x(value) < 20 ? "start" : x(value) > 340 ? "end" : "middle" }, short(value)),
    );
  }
  drawn.append(svg("text", { x: 180, y: floor + 32, "text-anchor": "middle" }, across));
  for (const [at, { label, value, low, high, bar, other, colour }] of rows.entries()) {
    const middle = 6 + ROW * at + 24;
    const look = { style: `stroke: ${colour}; fill: ${colour}` };
    const row = svg("g", { "data-row": label }, svg("title", {}, told[at]));
    row.append(svg("text", { x: 8, y: middle - 12, class: "row" }, label));
    const barTo = (end, opacity) => svg("rect", { x: Math.min(x(0), x(end)), width: Math.abs(x(end) - x(0)), y: middle - 6, height: 12, style: `fill: ${colour}`, opacity });
    if (bar) row.append(barTo(value, 0.35));
    if (other !== undefined) row.append(barTo(other, 0.8));
    if (low !== undefined) {
      row.append(svg("line", { class: "whisker", x1: x(low), x2: x(high), y1: middle, y2: middle, ...look }));
      row.append(...[low, high].map((end) => svg("line", { class: "whisker", x1: x(end), x2: x(end), y1: middle - 4, y2: middle + 4, ...look })));
      row.append(svg("circle", { cx: x(value), cy: middle, r: 4, style: `fill: ${colour}` }));
    }
    drawn.append(row);
  }
  return element("figure", {}, element("figcaption", {}, title), drawn);
}
