/* Charts as SVG: lines told apart by colour and dashes, a band of a standard deviation around each, marks on the axes. */

const DASHES = ["", "6 3", "2 3", "9 3 2 3", "14 3", "4 2"];
const BOX = { left: 44, top: 18, width: 306, height: 150 };

/** Round numbers between two, about four of them. */
function ticks(lowest, highest) {
  const rough = (highest - lowest) / 4 || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough * (1 - 1e-9));
  const [first, last] = [Math.ceil(lowest / step - 1e-9), Math.floor(highest / step + 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** A number as a tick shows it: 0.05, 2.5, 1200. */
const short = (value) => Number(value.toPrecision(3)).toString();

/** The ends of the band at a point: its own, or a standard deviation on either side. */
const lowOf = ({ middle, sd = 0, low = middle - sd }) => low;
const highOf = ({ middle, sd = 0, high = middle + sd }) => high;

/** The highest and the lowest point of some lines, their bands included. */
const topOf = (lines) => Math.max(...lines.flatMap(({ points }) => points.map(highOf)), 1e-6);
const bottomOf = (lines) => Math.min(...lines.flatMap(({ points }) => points.map(lowOf)), 0);

/**
 * One panel. Lines are {label, colour, dash, points}, points of {x, middle} with sd, or low and high, if there is a
 * band; marks are {x, label, kind}, kind "selected" a triangle on the axis, "parted" and "threshold" a line across; dots
 * are {x, y, colour, label}.
 */
function chart({ title, across, up, left = 0, right, bottom = 0, top, lines, marks = [], dots = [] }) {
  const x = (value) => BOX.left + ((value - left) / (right - left)) * BOX.width;
  const y = (value) => BOX.top + BOX.height * (1 - (Math.min(Math.max(value, bottom), top) - bottom) / (top - bottom));
  const floor = BOX.top + BOX.height;
  const ends = lines.map(({ label, points }) => `${label} ends at ${short(points.at(-1).middle)}`);
  const told = [...ends, ...new Set(marks.filter(({ kind }) => kind !== "selected").map(({ label }) => label))];
  const drawn = svg("svg", { viewBox: "0 0 360 208", role: "img", "aria-label": `${title}: ${told.join(", ")}` });
  drawn.append(svg("text", { x: 2, y: 10 }, up));
  for (const value of ticks(bottom, top)) {
    drawn.append(
      svg("line", { class: "axis", x1: BOX.left, x2: BOX.left + BOX.width, y1: y(value), y2: y(value) }),
      svg("text", { x: BOX.left - 5, y: y(value) + 4, "text-anchor": "end" }, short(value)),
    );
  }
  for (const value of ticks(left, right)) {
    const anchor = x(value) < BOX.left + 8 ? "start" : x(value) > 330 ? "end" : "middle";
    drawn.append(svg("text", { x: x(value), y: floor + 16, "text-anchor": anchor }, short(value)));
  }
  drawn.append(svg("text", { x: BOX.left + BOX.width / 2, y: 204, "text-anchor": "middle" }, across));
  const path = (points, height) => points.map((one) => `${x(one.x).toFixed(1)},${y(height(one)).toFixed(1)}`);
  for (const { colour, points } of lines.filter((line) => line.points.some((one) => highOf(one) > lowOf(one)))) {
    const around = [...path(points, highOf), ...path(points, lowOf).reverse()].join(" ");
    drawn.append(svg("polygon", { points: around, style: `fill: ${colour}`, opacity: 0.15 }));
  }
  for (const { label, colour, dash, points } of lines) {
    const look = { style: `stroke: ${colour}`, "stroke-dasharray": dash, "data-line": label };
    drawn.append(svg("polyline", { points: path(points, ({ middle }) => middle).join(" "), ...look }, svg("title", {}, label)));
  }
  for (const { x: at, label, kind } of marks) {
    const shape = kind === "selected"
      ? svg("path", { d: `M${x(at)} ${floor - 9} l4.5 9 h-9 z` })
      : svg("line", { x1: x(at), x2: x(at), y1: BOX.top, y2: floor });
    shape.append(svg("title", {}, label));
    shape.setAttribute("class", kind);
    drawn.append(shape);
    if (kind === "parted") {
      const left = x(at) > 220;
      drawn.append(svg("text", { x: x(at) + (left ? -4 : 4), y: BOX.top + 9, "text-anchor": left ? "end" : "start" }, label));
    }
  }
  for (const { x: at, y: height, colour, label } of dots) {
    drawn.append(svg("circle", { cx: x(at), cy: y(height), r: 4, style: `fill: ${colour}` }, svg("title", {}, label)));
  }
  return element("figure", {}, element("figcaption", {}, title), drawn);
}

/** What a line looks like, for the label beside it. */
function key({ colour, dash }) {
  const line = svg("line", { x1: 0, x2: 35, y1: 6, y2: 6, style: `stroke: ${colour}`, "stroke-width": 3, "stroke-dasharray": dash });
  return svg("svg", { class: "key", viewBox: "0 0 35 12", "aria-hidden": "true" }, line);
}

/** What lines of each class look like, and the marks beside them. */
function legend(classes, ...marks) {
  const lines = classes.map((name, label) => element("span", {}, key(classLook(label)), name));
  return [...lines, ...marks.map((text) => element("span", {}, text))];
}

/** The look of a class, apart from that of any method. */
function classLook(label) {
  return { colour: `var(--class-${label % 5})`, dash: DASHES[label % DASHES.length] };
}
