"use strict";

/* Light, dark, or as the system says; and everything opened for print. */

const THEMES = { "": "as the system", light: "light", dark: "dark" };

function setTheme(theme) {
  document.documentElement.style.colorScheme = theme;
  document.getElementById("theme").textContent = `Theme: ${THEMES[theme]}`;
  try {
    localStorage.setItem("clsunbias-theme", theme);
  } catch {} // a browser may keep nothing for a file
}

function startTheme() {
  let theme = "";
  try {
    theme = localStorage.getItem("clsunbias-theme");
  } catch {} // nor give anything back
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
