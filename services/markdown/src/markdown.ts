// What is made of Markdown, by markdown-it: HTML, plain text, headings and links. Markup in a text is never passed on.
import MarkdownIt, { type MarkdownIt as Reader, type Token } from "markdown-it";
import { type Given, Refused, text, truth } from "./serve.js";

type Tokens = Token[];

const TEXT_MAX = 200_000;
const HEADINGS_MAX = 10_000;
const LINKS_MAX = 10_000;
const ANCHOR_MAX = 100;
const BLOCK_ENDS = new Set(["paragraph_close", "heading_close", "tr_close", "fence", "code_block", "hr", "list_item_close"]);

// Links open nothing and pass on nothing of the page they stand on; `data:` and `javascript:` are no links at all.
const SAFE_SCHEMES = /^(https?:|mailto:|tel:|[^:]*$|[^:]*[/?#])/i;

function reader(given: Given): Reader {
  const found = new MarkdownIt({
    html: false,
    linkify: truth(given, "links", true),
    breaks: truth(given, "breaks", false),
    maxNesting: 100,
  });
  found.validateLink = (address: string) => SAFE_SCHEMES.test(address.trim());
  return found;
}

function parsed(given: Given): { tokens: Tokens; markdown: Reader } {
  const markdown = reader(given);
  return { tokens: markdown.parse(text(given, "text", TEXT_MAX), {}), markdown };
}

/** What a reader reads of the inline tokens of a block. */
function plain(tokens: Tokens | null): string {
  let found = "";
  for (const token of tokens ?? []) {
    if (token.type === "softbreak" || token.type === "hardbreak") found += "\n";
    else if (token.type === "image") found += plain(token.children);
    else found += token.content;
  }
  return found;
}

/** An anchor as others make it: small letters, hyphens for blanks, a number where it is there already. */
function anchor(title: string, taken: Map<string, number>): string {
  const words = title.toLowerCase().normalize("NFC").replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s+/gu, "-");
  const base = [...words].slice(0, ANCHOR_MAX).join("") || "section";
  const times = taken.get(base) ?? 0;
  taken.set(base, times + 1);
  return times ? `${base}-${times}` : base;
}

interface Heading {
  level: number;
  text: string;
  anchor: string;
}

/** The headings, each with the token that opens it. */
function headings(tokens: Tokens): [Heading, Token][] {
  const taken = new Map<string, number>();
  const found: [Heading, Token][] = [];
  tokens.forEach((token, at) => {
    if (token.type !== "heading_open") return;
    const title = plain(tokens[at + 1]?.children ?? null);
    found.push([{ level: Number(token.tag.slice(1)), text: title, anchor: anchor(title, taken) }, token]);
    if (found.length > HEADINGS_MAX) throw new Refused(`text: more than ${HEADINGS_MAX} headings`);
  });
  return found;
}

export function html(given: Given): object {
  const { tokens, markdown } = parsed(given);
  if (truth(given, "anchors", false)) for (const [heading, token] of headings(tokens)) token.attrSet("id", heading.anchor);
  for (const block of tokens)
    for (const token of block.children ?? []) if (token.type === "link_open") token.attrSet("rel", "nofollow noopener noreferrer");
  return { html: markdown.renderer.render(tokens, markdown.options, {}) };
}

export function plainText(given: Given): object {
  let found = "";
  for (const token of parsed(given).tokens) {
    if (token.type === "inline") found += plain(token.children);
    else if (token.type === "fence" || token.type === "code_block") found += token.content;
    else if (token.type === "th_close" || token.type === "td_close") found += "\t";
    if (BLOCK_ENDS.has(token.type)) found = `${found.replace(/\s+$/u, "")}\n`;
  }
  const written = found.trim();
  return { text: written, words: (written.match(/[\p{L}\p{N}][\p{L}\p{N}'’_-]*/gu) ?? []).length };
}

export function contents(given: Given): object {
  return { headings: headings(parsed(given).tokens).map(([heading]) => heading) };
}

interface Link {
  address: string;
  text: string;
  image: boolean;
}

/** The links of a block; one inside another there is none. */
function linksOf(tokens: Tokens, found: Link[]): void {
  let start = 0;
  tokens.forEach((token, at) => {
    if (token.type === "image") found.push({ address: String(token.attrGet("src") ?? ""), text: plain(token.children), image: true });
    if (token.type === "link_open") start = at;
    if (token.type === "link_close") {
      const address = String(tokens[start]?.attrGet("href") ?? "");
      found.push({ address, text: plain(tokens.slice(start + 1, at)), image: false });
    }
    if (found.length > LINKS_MAX) throw new Refused(`text: more than ${LINKS_MAX} links`);
  });
}

export function links(given: Given): object {
  const found: Link[] = [];
  for (const token of parsed(given).tokens) linksOf(token.children ?? [], found);
  return { links: found };
}
