// Before anything is painted: the theme that was chosen on this device; without a choice it is the system's.
"use strict";
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  /* storage is switched off: the system's theme */
}
