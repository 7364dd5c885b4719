/* Parts of the page as elements, made from figures. */

function element(name, content = "", attributes = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...[content].flat());
  return made;
}

/** A table: header names, and rows of a label and cells. */
function table(header, rows, caption = "") {
  const made = element("table");
  if (caption) made.append(element("caption", caption));
  made.append(
    element("thead", element("tr", header.map((name) => element("th", name, { scope: "col" })))),
    element(
      "tbody",
      rows.map(([label, ...cells]) =>
        element("tr", [element("th", label, { scope: "row" }), ...cells.map((cell) => element("td", cell))]),
      ),
    ),
  );
  return made;
}

/** Mean and, over several runs, standard deviation. */
function spread(values, places = 3) {
  const middle = mean(values).toFixed(places);
  return values.length > 1 ? `${middle} ± ${deviation(values).toFixed(places)}` : middle;
}

/** Figures of each method: rows are {method, found}, found a list of figures() a run. */
function figuresTable(rows, classes) {
  const names = ["precision", "recall", "f1"];
  const labels = { precision: "precision", recall: "recall", f1: "F1" };
  const binary = classes.length === 2;
  const header = ["Method", "macro-F1", "accuracy", ...(binary ? ["cost"] : [])];
  for (const name of classes) header.push(...names.map((one) => `${labels[one]}, ${name}`));
  const lines = rows.map(({ method, found }) => [
    method,
    spread(found.map((one) => one.macro_f1)),
    spread(found.map((one) => one.accuracy)),
    ...(binary ? [spread(found.map((one) => one.cost), 1)] : []),
    ...classes.flatMap((_, label) => names.map((name) => spread(found.map((one) => one[name][label])))),
  ]);
  return table(header, lines);
}

/** A confusion matrix, the mean over runs; shaded by the share of the true class. */
function confusionTable(method, counts, classes) {
  const average = classes.map((_, row) => classes.map((_, column) => mean(counts.map((one) => one[row][column]))));
  const places = counts.length > 1 ? 1 : 0;
  const rows = classes.map((name, row) => [`is ${name}`, ...average[row].map((count) => count.toFixed(places))]);
  const made = table(["", ...classes.map((name) => `taken for ${name}`)], rows, method);
  made.querySelectorAll("tbody tr").forEach((line, row) => {
    const all = average[row].reduce((total, count) => total + count, 0) || 1;
    line.querySelectorAll("td").forEach((cell, column) => {
      cell.style.setProperty("--share", `${((average[row][column] / all) * 60).toFixed(0)}%`);
    });
  });
  return element("div", made, { class: "scroll", role: "region", tabindex: 0, "aria-label": `Confusion matrix, ${method}` });
}

/** A misclassified unit: picture or its absence, name, true class, and what each method gave it. */
function unitItem(name, truth, picture, lines) {
  const image = picture
    ? element("img", "", { src: picture, alt: `${name}, ${truth}` })
    : element("span", "no picture", { class: "blank" });
  const said = lines.map(({ method, text, wrong }) =>
    element("li", [element("span", `${method} `), element("span", text)], wrong ? { class: "wrong" } : {}),
  );
  const words = [element("p", element("strong", name)), element("p", `is ${truth}`), element("ul", said)];
  return element("li", [image, element("div", words)]);
}
