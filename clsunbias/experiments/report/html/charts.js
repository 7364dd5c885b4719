/* Curves as SVG: a line a method, told apart by colour and dashes, and a band of a standard deviation. */

const DASHES = ["", "6 3", "2 3", "9 3 2 3", "14 3", "4 2"];
const BOX = { left: 38, top: 8, width: 314, height: 166 };

/** Round numbers from 0 up to at least a value, about four of them. */
function ticks(highest) {
  const rough = highest / 4 || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough);
  return Array.from({ length: Math.floor(highest / step + 1e-9) + 1 }, (_, index) => index * step);
}

/** A number as a tick shows it: 0.05, 2.5, 1200. */
const short = (value) => Number(value.toPrecision(3)).toString();

/** One panel: lines are {label, colour, dash, points}, points of {step, middle, sd}. */
function chart(title, lines) {
  const all = lines.flatMap((line) => line.points);
  const top = Math.max(...all.map(({ middle, sd }) => middle + sd), 1e-6);
  const last = Math.max(...all.map(({ step }) => step), 1);
  const x = (step) => BOX.left + (step / last) * BOX.width;
  const y = (value) => BOX.top + BOX.height * (1 - Math.max(value, 0) / top);
  const ends = lines.map(({ label, points }) => `${label} ends at ${short(points.at(-1).middle)}`);
  const drawn = svg("svg", { viewBox: "0 0 360 208", role: "img", "aria-label": `${title}: ${ends.join(", ")}` });
  for (const value of ticks(top)) {
    drawn.append(
      svg("line", { class: "axis", x1: BOX.left, x2: BOX.left + BOX.width, y1: y(value), y2: y(value) }),
      svg("text", { x: BOX.left - 4, y: y(value) + 4, "text-anchor": "end" }, short(value)),
    );
  }
  for (const step of ticks(last)) {
    const anchor = step === 0 ? "start" : x(step) > 330 ? "end" : "middle";
    drawn.append(svg("text", { x: x(step), y: BOX.top + BOX.height + 14, "text-anchor": anchor }, short(step)));
  }
  drawn.append(svg("text", { x: BOX.left + BOX.width / 2, y: 204, "text-anchor": "middle" }, "training step"));
  /** Points of a line, moved by so many standard deviations. */
  const path = (points, sds) =>
    points.map(({ step, middle, sd }) => `${x(step).toFixed(1)},${y(middle + sds * sd).toFixed(1)}`);
  for (const { colour, points } of lines) {
    const around = [...path(points, 1), ...path(points, -1).reverse()].join(" ");
    drawn.append(svg("polygon", { points: around, fill: colour, opacity: 0.15 }));
  }
  for (const { label, colour, dash, points } of lines) {
    const style = { fill: "none", stroke: colour, "stroke-width": 1.8, "stroke-dasharray": dash, "data-method": label };
    drawn.append(svg("polyline", { points: path(points, 0).join(" "), ...style }, svg("title", {}, label)));
  }
  return element("figure", {}, element("figcaption", {}, title), drawn);
}

/** What a method looks like in the panels, for its checkbox. */
function key({ colour, dash }) {
  const line = svg("line", { x1: 0, x2: 35, y1: 6, y2: 6, stroke: colour, "stroke-width": 3, "stroke-dasharray": dash });
  return svg("svg", { class: "key", viewBox: "0 0 35 12", "aria-hidden": "true" }, line);
}
