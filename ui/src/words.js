// What the app says, in the reader's language: a flat file for each, its keys the English sentences.
import { lasting, store } from "./store.js";

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" };
const files = { de: () => import("./words/de.json"), es: () => import("./words/es.json") };

export const chosenLanguage = lasting("language", "");
/** Raised when the words change, so that everything is drawn anew. */
export const spoken = store("en");
let words = {};

export async function speak(code = chosenLanguage.get() || (navigator.language || "en").slice(0, 2)) {
  const language = code in LANGUAGES ? code : "en";
  words = files[language] ? (await files[language]()).default : {};
  document.documentElement.lang = language;
  spoken.set(language);
}

/** Says a sentence; `{name}` in it is replaced by what is given under that name. */
export function t(sentence, given) {
  const found = words[sentence] ?? sentence;
  return given ? found.replace(/\{(\w+)\}/g, (whole, name) => (name in given ? String(given[name]) : whole)) : found;
}

const FOR_TERMINALS = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])/g;

/** A line of a program without what tells a terminal colours and places. */
export const plainLine = (line) => String(line ?? "").replace(FOR_TERMINALS, "");

export const number = (value) => new Intl.NumberFormat(spoken.get()).format(value);

const STEPS = [
  ["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1],
];

/** Says how long ago a date is, which is in seconds since 1970. */
export function ago(seconds, now = Date.now() / 1000) {
  const past = seconds - now;
  const [unit, size] = STEPS.find(([, size]) => Math.abs(past) >= size) ?? STEPS.at(-1);
  return new Intl.RelativeTimeFormat(spoken.get(), { numeric: "auto" }).format(Math.round(past / size), unit);
}

export const exactly = (seconds) =>
  new Date(seconds * 1000).toLocaleString(spoken.get(), { dateStyle: "medium", timeStyle: "medium" });

/** Says an instant of ISO 8601: one of UTC as it is here, one of another place as its clocks show it. */
export function instant(text, short = false) {
  const [, wall, zone] = /^(.*?)(Z|[+-]\d\d:\d\d)$/.exec(text);
  const isOfNowhere = zone === "Z" || zone === "+00:00";
  const options = short ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "full", timeStyle: "medium" };
  if (isOfNowhere) return new Date(text).toLocaleString(spoken.get(), options);
  return `${new Date(`${wall}Z`).toLocaleString(spoken.get(), { ...options, timeZone: "UTC" })} (${zone})`;
}

export function duration(seconds) {
  if (seconds < 0.0001) return "< 0.1 ms";
  if (seconds < 1) return `${seconds < 0.01 ? (seconds * 1000).toFixed(1) : Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let index = 0;
  while (count >= 1000 && index < units.length - 1) (count /= 1000), index++;
  return `${index ? count.toFixed(1) : count} ${units[index]}`;
}
