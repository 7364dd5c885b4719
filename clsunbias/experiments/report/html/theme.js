"use strict";

/* Light, dark, or as the system says; and everything opened for print. */

const THEMES = { "": "as the system", light: "light", dark: "dark" };

/** The theme that was remembered, if any. */
function remembered() {
  try {
    return localStorage.getItem("clsunbias-theme");
  } catch {
    return null; // a browser may keep nothing for a file
  }
}

function setTheme(theme) {
  document.documentElement.style.colorScheme = theme;
  document.getElementById("theme").textContent = `Theme: ${THEMES[theme]}`;
  try {
    localStorage.setItem("clsunbias-theme", theme);
  } catch {} // then it is as the system says next time
}

function startTheme() {
  const theme = remembered();
  setTheme(theme in THEMES ? theme : "");
  document.getElementById("theme").addEventListener("click", () => {
    const names = Object.keys(THEMES);
    setTheme(names[(names.indexOf(document.documentElement.style.colorScheme) + 1) % names.length]);
  });
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });
}
