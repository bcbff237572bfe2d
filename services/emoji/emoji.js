// What is known of emoji: the names of Unicode (unicode-emoji-json), and words that people use for them (emojilib).
import { createRequire } from "node:module";
import { count, Refused, text } from "./serve.js";

const require = createRequire(import.meta.url);
const NAMES = require("unicode-emoji-json/data-by-emoji.json");
const WORDS = require("emojilib");

const WORDS_MAX = 100;
const TEXT_MAX = 100_000;
const FOUND_MAX = 100;
const TONES = ["light", "medium-light", "medium", "medium-dark", "dark"];
const TONE = /[\u{1f3fb}-\u{1f3ff}]/gu;
const VARIATION = /\ufe0f/gu;
const SHORTCODE = /:([a-z0-9_+\-]{1,80}):/giu;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

const plain = (one) => one.replace(VARIATION, "");
const fold = (word) => word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const split = (said) => fold(said).split(/[^\p{L}\p{N}]+/u).filter(Boolean);

const all = Object.entries(NAMES).map(([emoji, known]) => {
  const words = (WORDS[emoji] ?? []).filter((word) => word !== known.slug);
  return {
    emoji,
    name: known.name,
    shortcode: `:${known.slug}:`,
    group: known.group,
    version: known.emoji_version,
    tones: known.skin_tone_support,
    words,
    nameWords: split(known.name),
    searched: new Set(words.flatMap(split)),
  };
});
const byEmoji = new Map(all.map((one) => [plain(one.emoji), one]));
const bySlug = new Map(all.map((one) => [one.shortcode.slice(1, -1), one]));
const groups = [...new Set(all.map((one) => one.group))];

const brief = ({ emoji, name, shortcode, group }) => ({ emoji, name, shortcode, group });

/** How well a word fits an emoji: its name better than a word for it, all of a word better than its beginning. */
function fit(one, word) {
  if (one.nameWords.includes(word)) return 8;
  if (one.searched.has(word)) return 4;
  if (one.nameWords.some((each) => each.startsWith(word))) return 2;
  for (const each of one.searched) if (each.startsWith(word)) return 1;
  return 0;
}

export function search(given) {
  const words = split(text(given, "text", WORDS_MAX));
  const limit = count(given, "limit", 1, FOUND_MAX, 10);
  if (!words.length) throw new Refused("text: expected words such as happy or red heart");
  const found = [];
  for (const one of all) {
    const fits = words.map((word) => fit(one, word));
    if (!fits.includes(0)) found.push([fits.reduce((sum, each) => sum + each) - one.nameWords.length / 10, one]);
  }
  found.sort((one, other) => other[0] - one[0]);
  return { emoji: found.slice(0, limit).map(([, one]) => brief(one)), count: found.length };
}

/** The emoji that a text is, also with a tone of skin or without its mark of presentation; undefined for none. */
function known(said) {
  return byEmoji.get(plain(said)) ?? byEmoji.get(plain(said).replace(TONE, ""));
}

const codepoints = (said) => [...said].map((one) => `U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`);

export function describe(given) {
  const said = text(given, "emoji", WORDS_MAX).trim();
  const code = /^:?([a-z0-9_+\-]+):?$/iu.exec(said);
  const one = known(said) ?? (code ? bySlug.get(code[1].toLowerCase()) : undefined);
  if (!one) throw new Refused(`emoji: ${JSON.stringify(said.slice(0, 20))} is no emoji and no shortcode: Emoji.Search finds one`, 404);
  const shown = known(said) ? said : one.emoji;
  const tones = [...(shown.match(TONE) ?? [])].map((tone) => TONES[tone.codePointAt(0) - 0x1f3fb]);
  return {
    ...brief(one), emoji: shown, version: one.version, words: one.words,
    codepoints: codepoints(shown), skin_tones: one.tones, tones,
  };
}

export function random(given) {
  const group = text(given, "group", WORDS_MAX, "");
  const chosen = all.filter((one) => !group || one.group.toLowerCase() === group.toLowerCase());
  if (!chosen.length) throw new Refused(`group: there are ${groups.join(", ")}`, 404);
  return brief(chosen[Math.floor(Math.random() * chosen.length)]);
}

export function replace(given) {
  let replaced = 0;
  const written = text(given, "text", TEXT_MAX).replace(SHORTCODE, (whole, slug) => {
    const one = bySlug.get(slug.toLowerCase());
    replaced += one ? 1 : 0;
    return one ? one.emoji : whole;
  });
  return { text: written, replaced };
}

export function name(given) {
  const found = new Map();
  let written = "";
  for (const { segment } of graphemes.segment(text(given, "text", TEXT_MAX))) {
    const one = /^[\d#*]?$/u.test(segment) ? undefined : known(segment);
    written += one ? one.shortcode : segment;
    if (one) found.set(one, (found.get(one) ?? 0) + 1);
  }
  return { text: written, emoji: [...found].map(([one, times]) => ({ ...brief(one), times })) };
}

export function list() {
  return { groups: groups.map((group) => ({ group, count: all.filter((one) => one.group === group).length })) };
}
