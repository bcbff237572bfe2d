// What the author of a service's source tells people. It is a stranger's, and so it is drawn as text with few signs.
import { useMemo } from "preact/hooks";
import { allowance, blocks, spans } from "./markdown.js";
import { control } from "./node.js";
import { useAsked } from "./parts.jsx";
import { t } from "./words.js";

export default function Readme({ name }) {
  const { value, fault } = useAsked(() => control("runtime", "Runtime.Readme", { name }), 0, [name]);
  if (fault?.code) return <p class="hint">{fault.detail}</p>;
  if (!value?.text) return null;
  return (
    <>
      <h2>{t("Readme")}</h2>
      <p class="soft mid">{t("So the author of its source writes in {file}; nobody has checked it.", { file: value.file })}</p>
      <div class="card readme">
        {/\.(md|markdown)$/i.test(value.file) ? <Markdown text={value.text} /> : <p class="text" dir="auto">{value.text}</p>}
        {value.cut && <p class="hint">{t("There is more of it in the source.")}</p>}
      </div>
    </>
  );
}

const HEADINGS = ["h3", "h4", "h5", "h6"];

function Markdown({ text }) {
  const read = useMemo(() => ranked(blocks(text)), [text]);
  const allowed = allowance();
  return read.map((block, index) => <Block key={index} block={block} allowed={allowed} />);
}

/** Headings below that of the page's part, none of which leaves a step out. */
function ranked(read) {
  let last = -1;
  return read.map((block) => {
    if (block.kind !== "heading") return block;
    last = Math.min(block.rank - 1, last + 1, HEADINGS.length - 1);
    return { ...block, as: HEADINGS[last] };
  });
}

function Block({ block, allowed }) {
  if (block.kind === "code") return <pre dir="ltr">{block.text}</pre>;
  if (block.kind === "list") return <List list={block} allowed={allowed} />;
  if (block.kind === "table") return <Table {...block} allowed={allowed} />;
  const As = block.as ?? "p";
  return <As dir="auto"><Spans text={block.text} allowed={allowed} /></As>;
}

const Table = ({ head, rows, allowed }) => (
  <div class="scroll" tabIndex={0} role="group" aria-label={t("Table")}>
    <table>
      <thead><tr>{head.map((cell, at) => <th scope="col" key={at}><Spans text={cell} allowed={allowed} /></th>)}</tr></thead>
      <tbody>{rows.map((row, index) => <tr key={index}>{row.slice(0, head.length).map((cell, at) => <td dir="auto" key={at}><Spans text={cell} allowed={allowed} /></td>)}</tr>)}</tbody>
    </table>
  </div>
);

function List({ list, allowed }) {
  const As = list.ordered ? "ol" : "ul";
  return (
    <As start={list.ordered && list.first !== 1 ? list.first : undefined}>
      {list.items.map((item, index) => (
        <li key={index} dir="auto">
          <Spans text={item.text} allowed={allowed} />
          {item.lists.map((inner, at) => <List key={at} list={inner} allowed={allowed} />)}
        </li>
      ))}
    </As>
  );
}

const Spans = ({ text, allowed }) => drawn(spans(text, allowed));

const drawn = (found) =>
  found.map((span, index) => {
    if (typeof span === "string") return span;
    if (span.kind === "code") return <code key={index}>{span.text}</code>;
    if (span.kind === "link") return <Link key={index} {...span} />;
    const As = span.kind;
    return <As key={index}>{drawn(span.within)}</As>;
  });

/** Words, and where they lead: nobody follows an address that he does not see. */
function Link({ label, href, shown }) {
  const place = href ? <a href={href} target="_blank" rel="noopener noreferrer nofollow" referrerpolicy="no-referrer">{shown}</a> : shown;
  return label.length ? <>{drawn(label)} ({place})</> : place;
}
