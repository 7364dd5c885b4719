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

/** Mean and standard deviation of values, 0 of a single one. */
function spreadOf(values) {
  const middle = mean(values);
  const squares = sum(values.map((value) => (value - middle) ** 2));
  return { middle, sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

/** Mean and, over several runs, standard deviation; a dash where a run has no number. */
function spread(values, places = 3) {
  const { middle, sd } = spreadOf(values);
  if (!Number.isFinite(middle)) return "–";
  return values.length > 1 ? `${middle.toFixed(places)} ± ${sd.toFixed(places)}` : middle.toFixed(places);
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

/** A misclassified unit: its picture if there is one, name, true class, and how each method judged() it in so many runs. */
function unitItem(name, label, picture, judgements) {
  const image = picture ? [element("img", { src: picture, alt: `${name}, ${label}` })] : [];
  const lines = judgements.map(({ method, runs, wrong, truth, misclassified }) => {
    const text = `${truth.toFixed(3)}${runs > 1 ? ` (${wrong}/${runs})` : ""}${misclassified ? " ✗" : ""}`;
    const attributes = misclassified ? { class: "wrong" } : {};
    return element("li", attributes, element("span", {}, `${method} `), element("span", {}, text));
  });
  const title = element("p", {}, element("strong", {}, name));
  const words = element("div", {}, title, element("p", {}, `is ${label}`), element("ul", {}, ...lines));
  return element("li", {}, ...image, words);
}
