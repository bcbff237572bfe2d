// A small part of Markdown, read as data: headings, paragraphs, lists, tables and code; emphasis, code and links in them.
// What it says comes from a stranger. Nothing in it becomes markup or a picture: whatever is not known here stays text.
// Every pattern has a bound, so that no text takes long. A library reads all of Markdown, weighs as much as this app at
// its start, and makes the HTML that would have to be cleaned.

const LINES_MAX = 3000;
const SPANS_MAX = 5000;
const DEPTH_MAX = 4;
const COLUMNS_MAX = 20;
const COMMENT_LINES_MAX = 50;
const ADDRESS_CHARACTERS_MAX = 500;

const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const FENCE = /^[ \t]{0,20}(`{3,20}|~{3,20})[^`]{0,200}$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]{1,20}(\S.*)$/;
const UNDERLINE = /^ {0,3}(=|-)\1{1,200}[ \t]{0,20}$/;
const RULE = /^ {0,3}(?:(?:-[ \t]{0,9}){3,80}|(?:\*[ \t]{0,9}){3,80}|(?:_[ \t]{0,9}){3,80})$/;
const ITEM = /^([ \t]{0,20})(?:[-*+]|(\d{1,9})[.)])[ \t]{1,20}(\S.*)$/;
const DASHES = /^\|[-|: \t]{2,400}$/;
const INDENTED = /^(?: {4}|\t)/;

/** Reads a text into blocks: `{kind: "heading" | "text" | "code" | "list" | "table", ...}`. */
export function blocks(text) {
  const lines = text.replace(/\r\n?/g, "\n").replace(UNSEEN, "").split("\n", LINES_MAX);
  const found = [];
  let said = []; // the lines of the paragraph that is open
  let lists = []; // the lists that are open, the innermost last
  const end = () => {
    if (said.length) found.push({ kind: "text", text: said.join(" ") });
    said = [];
    lists = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at].trimEnd();
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    const item = ITEM.exec(line);
    const comment = commented(lines, at);
    if (comment) {
      at += comment - 1;
    } else if (fence) {
      end();
      const from = at + 1;
      while (++at < lines.length && !closes(lines[at], fence[1]));
      found.push({ kind: "code", text: lines.slice(from, at).join("\n") });
    } else if (heading) {
      end();
      found.push({ kind: "heading", rank: heading[1].length, text: unhashed(heading[2]) });
    } else if (said.length && UNDERLINE.test(line)) {
      const rank = line.trim()[0] === "=" ? 1 : 2;
      found.push({ kind: "heading", rank, text: said.join(" ") });
      said = [];
    } else if (RULE.test(line)) {
      end();
    } else if (item) {
      if (said.length) end();
      lists = listed(found, lists, item);
    } else if (!line) {
      if (said.length || !lists.length || !continues(lines[at + 1])) end();
    } else if (lists.length) {
      const items = lists.at(-1).items;
      items.at(-1).text += ` ${line.trim()}`;
    } else if (line.startsWith("|") || (!said.length && INDENTED.test(line))) {
      end();
      const alike = line.startsWith("|") ? (one) => one.startsWith("|") : (one) => INDENTED.test(one);
      const from = at;
      while (at + 1 < lines.length && alike(lines[at + 1])) at++;
      const rows = lines.slice(from, at + 1).map((one) => one.trimEnd().replace(INDENTED, ""));
      if (DASHES.test(rows[1] ?? "") && rows[1].includes("-")) found.push({ kind: "table", head: cells(rows[0]), rows: rows.slice(2).map(cells) });
      else found.push({ kind: "code", text: rows.join("\n") });
    } else {
      said.push(line.trim().replace(/^(?:> ?){1,9}/, ""));
    }
  }
  end();
  return found;
}

/** How many lines from here on are a comment, which nobody is meant to read. */
function commented(lines, from) {
  if (!lines[from].trimStart().startsWith("<!--")) return 0;
  const last = lines.slice(from, from + COMMENT_LINES_MAX).findIndex((one) => one.trimEnd().endsWith("-->"));
  return last + 1;
}

const cells = (row) => row.slice(1).replace(/\|$/, "").split(/(?<!\\)\|/, COLUMNS_MAX).map((one) => one.trim());

const closes = (line, fence) => line.trim().startsWith(fence) && /^(?:`{3,200}|~{3,200})$/.test(line.trim());

/** A list goes on after an empty line with what is an item, or stands below one. */
const continues = (line) => line !== undefined && (ITEM.test(line) || /^(?: {2}|\t)[ \t]{0,20}\S/.test(line));

/** The text of a heading without the signs that may end it. */
const unhashed = (text) => text.slice(0, 300).replace(/ #{1,20}$/, "");

/** Adds an item to the lists that are open, and returns those that are open then. */
function listed(found, lists, [, blank, number, text]) {
  const indent = blank.replace(/\t/g, "    ").length;
  const open = [...lists];
  while (open.length > 1 && indent < open.at(-1).indent) open.pop();
  const last = open.at(-1);
  if (last && (indent < last.indent + 2 || open.length === DEPTH_MAX) && (open.length > 1 || last.ordered === (number !== undefined))) {
    last.items.push({ text, lists: [] });
    return open;
  }
  const list = { kind: "list", ordered: number !== undefined, first: Number(number ?? 1), indent, items: [{ text, lists: [] }] };
  if (last && indent >= last.indent + 2) {
    last.items.at(-1).lists.push(list);
    return [...open, list];
  }
  found.push(list);
  return [list];
}

const ESCAPE = String.raw`\\([!-/:-@[-\x60{-~])`;
const CODE = "(`{1,3})(?!`)(.{1,500}?)(?<!`)\\2(?!`)";
const IMAGE = new RegExp(String.raw`${ESCAPE}|${CODE}|!\[([^\[\]]{0,300})\](?:\([^()]{0,1000}\)|\[[^\[\]]{0,100}\])`, "g");
const SPAN = new RegExp(
  [
    ESCAPE,
    CODE,
    String.raw`\[([^\[\]]{1,300})\]\([ ]{0,9}<?([^\s<>()]{1,1000})>?(?:[ ]{1,9}["'][^"']{0,200}["'])?[ ]{0,9}\)`,
    String.raw`<?(https?://[^\s<>"'\x60\[\]()*]{1,1000})>?`,
    String.raw`\*\*([^*\s](?:[^*]{0,300}[^*\s])?)\*\*`,
    String.raw`(?<!\w)__([^_\s](?:[^_]{0,300}[^_\s])?)__(?!\w)`,
    String.raw`\*([^*\s](?:[^*]{0,300}[^*\s])?)\*`,
    String.raw`(?<!\w)_([^_\s](?:[^_]{0,300}[^_\s])?)_(?!\w)`,
  ].join("|"),
  "gi",
);

/** What counts the pieces of one page, of which there is an end. */
export const allowance = () => ({ left: SPANS_MAX });

/** Reads a line into texts and `{kind: "code" | "link" | "strong" | "em", ...}`; a picture is the words it stands for. */
export function spans(text, allowed = allowance(), depth = 0) {
  const said = depth ? text : text.replace(IMAGE, (whole, escaped, ticks, code, alt) => alt ?? whole);
  const found = [];
  let from = 0;
  for (const match of said.matchAll(SPAN)) {
    if (allowed.left-- <= 0) break;
    const [whole, escaped, , code, label, address, bare, strong, strongly, em, emphatic] = match;
    found.push(said.slice(from, match.index));
    from = match.index + whole.length;
    const within = (inner) => (depth < DEPTH_MAX ? spans(inner, allowed, depth + 1) : [inner]);
    if (escaped !== undefined) found.push(escaped);
    else if (code !== undefined) found.push({ kind: "code", text: code.trim() || code });
    else if (label !== undefined) found.push({ kind: "link", label: within(label), ...led(address) });
    else if (bare !== undefined) {
      const plain = bare.replace(/[.,;:!?]{1,9}$/, "");
      found.push({ kind: "link", label: [], ...led(plain) }, bare.slice(plain.length));
    } else if ((strong ?? strongly) !== undefined) found.push({ kind: "strong", within: within(strong ?? strongly) });
    else found.push({ kind: "em", within: within(em ?? emphatic) });
  }
  found.push(said.slice(from));
  return found.filter((one) => one !== "");
}

/** Where an address leads, as whoever follows it should see it; `href` only where it is one of the web. */
function led(address) {
  const shown = address.slice(0, ADDRESS_CHARACTERS_MAX);
  try {
    const url = new URL(address);
    const web = url.protocol === "https:" || url.protocol === "http:";
    if (web && !url.username && !url.password && url.href.length <= ADDRESS_CHARACTERS_MAX) return { href: url.href, shown: url.href };
  } catch {} // not an address of its own: a place in the source, say
  return { shown };
}
