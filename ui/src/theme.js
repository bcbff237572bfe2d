// Light, dark, or whatever the system has.
import { lasting } from "./store.js";

export const theme = lasting("theme", "system");

export function applyTheme() {
  const chosen = theme.get();
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
}

export function setTheme(name) {
  theme.set(name);
  applyTheme();
}
