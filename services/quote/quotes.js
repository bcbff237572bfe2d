// The quotations of quotes.tsv: each with who said it, where, when, and what it is about.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { count, Refused, text } from "./serve.js";

const WORDS_MAX = 100;
const FOUND_MAX = 50;

const fold = (said) => said.normalize("NFKD").replace(/\p{M}/gu, "").replace(/[’‘]/gu, "'").toLowerCase();

const quotes = readFileSync(new URL("./quotes.tsv", import.meta.url), "utf8")
  .split("\n")
  .filter(Boolean)
  .map((line) => line.split("\t"))
  .map(([said, author, source, year, about]) => ({ text: said, author, source, year, subjects: about.split(" ") }));

function listed(key) {
  const found = new Map();
  for (const one of quotes) for (const name of [one[key]].flat()) found.set(name, (found.get(name) ?? 0) + 1);
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, number]) => ({ name, count: number }));
}

const AUTHORS = listed("author");
const SUBJECTS = listed("subjects");

/** The quotations of an author, by any part of the name, and about a subject. */
function chosen(given) {
  const author = fold(text(given, "author", WORDS_MAX, ""));
  const subject = fold(text(given, "subject", WORDS_MAX, ""));
  if (subject && !SUBJECTS.some(({ name }) => name === subject))
    throw new Refused(`subject: there are ${SUBJECTS.map(({ name }) => name).join(", ")}`, 404);
  const found = quotes.filter(
    (one) => (!author || fold(one.author).includes(author)) && (!subject || one.subjects.includes(subject)),
  );
  if (!found.length) throw new Refused("no quotation is by that author and about that subject: Quote.Authors lists who there is", 404);
  return found;
}

export function random(given) {
  const found = chosen(given);
  return found[Math.floor(Math.random() * found.length)];
}

/** The same quotation for everybody all day, and another one tomorrow. */
export function day(given) {
  const date = text(given, "date", WORDS_MAX, new Date().toISOString().slice(0, 10));
  if (!/^\d{4}-\d\d-\d\d$/.test(date) || new Date(`${date}T00:00:00Z`).toJSON()?.slice(0, 10) !== date)
    throw new Refused("date: expected a day such as 2026-01-31");
  const number = createHash("sha256").update(date).digest().readUInt32BE(0);
  return { date, ...quotes[number % quotes.length] };
}

export function search(given) {
  const words = fold(text(given, "text", WORDS_MAX)).split(/[^\p{L}\p{N}']+/u).filter(Boolean);
  const limit = count(given, "limit", 1, FOUND_MAX, 10);
  if (!words.length) throw new Refused("text: expected a word of what was said");
  const found = chosen(given).filter((one) => words.every((word) => fold(one.text).includes(word)));
  return { quotes: found.slice(0, limit), count: found.length };
}

export const authors = () => ({ authors: AUTHORS });
export const subjects = () => ({ subjects: SUBJECTS });
