// Which page is shown: `#/page/part/part?name=value`. It stays in the browser: no server sees what a form was filled with.
import { store } from "./store.js";

const read = () => {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  let parts;
  try {
    parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    parts = []; // somebody typed a broken escape
  }
  return { page: parts[0] ?? "", parts: parts.slice(1), query: new URLSearchParams(query) };
};

export const route = store(read());
addEventListener("hashchange", () => route.set(read()));

/** Returns the address of a page. */
export function to(page, parts = [], query = {}) {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return `#/${[page, ...parts].map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

export const go = (...where) => (location.hash = to(...where));

/** Changes the address of the page that is shown, without a step back to what it was. */
export const replace = (...where) => history.replaceState(null, "", to(...where));
