/* Parts of the page as elements, made from figures. */

const builder = (namespace) => (name, attributes, ...children) => {
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
const element = builder("http://www.w3.org/1999/xhtml");
const svg = builder("http://www.w3.org/2000/svg");

/** A table: header names, and rows of a label and cells, texts or elements. */
function table(header, rows, ...caption) {
  const cellOf = (content) => (typeof content === "string" ? element("td", {}, content) : content);
  const lines = rows.map(([label, ...cells]) =>
    element("tr", {}, element("th", { scope: "row" }, label), ...cells.map(cellOf)),
  );
  const names = header.map((name) => element("th", { scope: "col" }, name));
  const head = element("thead", {}, element("tr", {}, ...names));
  return element("table", {}, ...caption.map((text) => element("caption", {}, text)), head, element("tbody", {}, ...lines));
}

/** Mean and, over several runs, standard deviation. */
function spread(values, places) {
  const middle = mean(values);
  if (values.length === 1) return middle.toFixed(places);
  const deviation = Math.sqrt(sum(values.map((value) => (value - middle) ** 2)) / (values.length - 1));
  return `${middle.toFixed(places)} ± ${deviation.toFixed(places)}`;
}

/** Figures of each method: rows are {method, found}, found a list of figures() a run. */
function figuresTable(rows) {
  const names = Object.keys(rows[0].found[0]);
  const cells = (found) => names.map((name) => spread(found.map((one) => one[name]), name === "cost" ? 1 : 3));
  return table(["Method", ...names], rows.map(({ method, found }) => [method, ...cells(found)]));
}

/** A confusion matrix, the mean over runs; shaded by the share of the true class. */
function confusionTable(method, counts, classes) {
  const places = counts.length > 1 ? 1 : 0;
  const rows = classes.map((name, row) => {
    const average = classes.map((_, column) => mean(counts.map((one) => one[row][column])));
    const share = (count) => `--share: ${((count / (sum(average) || 1)) * 60).toFixed(0)}%`;
    return [`is ${name}`, ...average.map((count) => element("td", { style: share(count) }, count.toFixed(places)))];
  });
  const made = table(["", ...classes.map((name) => `taken for ${name}`)], rows, method);
  return element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": `Confusion matrix, ${method}` }, made);
}

/** A misclassified unit: picture or its absence, name, true class, and how each method judged() it in so many runs. */
function unitItem(name, label, picture, judgements) {
  const image = picture
    ? element("img", { src: picture, alt: `${name}, ${label}` })
    : element("span", { class: "blank" }, "no picture");
  const lines = judgements.map(({ method, runs, wrong, truth, misclassified }) => {
    const text = `${truth.toFixed(3)}${runs > 1 ? ` (${wrong}/${runs})` : ""}`;
    const attributes = misclassified ? { class: "wrong" } : {};
    return element("li", attributes, element("span", {}, `${method} `), element("span", {}, text));
  });
  const title = element("p", {}, element("strong", {}, name));
  const words = element("div", {}, title, element("p", {}, `is ${label}`), element("ul", {}, ...lines));
  return element("li", {}, image, words);
}
