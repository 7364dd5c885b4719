/* What the page is given, and how its methods look. */

const PAGE = JSON.parse(document.getElementById("records").textContent);
const $ = (id) => document.getElementById(id);

/** A method's colour: its own, darker on white and lighter on black, so that a thin line is seen on either. */
function methodColour(at) {
  if (at % PAGE.colours.length === 0) return "currentColor"; // black is white in the dark
  const [dark, light] = ["black 25%", "white 20%"].map((mixed) => `color-mix(in srgb, ${PAGE.colours[at % PAGE.colours.length]}, ${mixed})`);
  return `light-dark(${dark}, ${light})`;
}

function lookOf(method) {
  const at = PAGE.methods.indexOf(method);
  return { colour: methodColour(at), dash: DASHES[at % DASHES.length] };
}
