// An answer as a person reads it: text, a number, a table, a picture, sound, a map; the raw data is one press away.
import { useEffect, useMemo, useState } from "preact/hooks";
import { lazy } from "./lazy.jsx";
import { CopyButton } from "./parts.jsx";
import { isGeometry, placesIn } from "./places.js";
import { label, resolve } from "./schema.js";
import { bytesWithin, mediaType } from "./sniff.js";
import { bytes, instant, number, t } from "./words.js";

const Map = lazy(() => import("./map.jsx"));
const ROWS_MAX = 200, COLUMNS_MAX = 12, BIG_CHARACTERS_MAX = 80, RAW_CHARACTERS_MAX = 200_000, DEPTH_MAX = 4;
const TEXT_CHARACTERS_MAX = 20_000; // what is longer takes a browser seconds to lay out, and nobody reads it here
const DEEP_CHARACTERS_MAX = 2_000, KEPT_MILLISECONDS = 60_000;
const DRAWING_CHARACTERS_MAX = 40_000, DOT_PIXELS = 6;

const ID = /(^|_)(id|uuid)$/i;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isTable = (value) => Array.isArray(value) && value.length > 0 && value.every(isObject);

/** Takes the value out of `{"result": …}` where the schema says that it was wrapped. */
export function unwrapped(value, schema) {
  if (schema?.["x-micro-result"] && isObject(value) && "result" in value) return [value.result, schema.properties?.result];
  return [value, schema];
}

/** The same where no schema is at hand: an object of nothing but `result`. */
export const bare = (value) => (isObject(value) && Object.keys(value).join() === "result" ? value.result : value);

/** A whole answer with the ways to look at it. */
export function Answer({ value: given, blob, schema: whole = {} }) {
  const [value, schema] = unwrapped(given, whole);
  const places = useMemo(() => (blob ? [] : placesIn(value)), [value, blob]);
  const views = [["answer", t("Answer")], ...(places.length ? [["map", t("Map")]] : []), ...(blob ? [] : [["raw", t("Raw")]])];
  const [view, setView] = useState("answer");
  const raw = useMemo(() => (blob ? "" : JSON.stringify(given, null, 2) ?? ""), [given, blob]);
  return (
    <div class="tight">
      {views.length > 1 && (
        <div class="tabs" role="group" aria-label={t("How to show it")}>
          {views.map(([key, name]) => <button type="button" key={key} aria-pressed={view === key} onClick={() => setView(key)}>{name}</button>)}
          <span class="end"><CopyButton text={typeof value === "string" ? value : raw} label={t("Copy the answer")} /></span>
        </div>
      )}
      {view === "raw" ? <pre tabIndex={0}>{raw.slice(0, RAW_CHARACTERS_MAX)}</pre>
        : view === "map" ? <Map places={places} />
        : blob ? <Bytes blob={blob} />
        : places.length ? <Placed places={places} value={value} schema={resolve(schema, whole)} root={whole} />
        : <Value value={value} schema={resolve(schema, whole)} root={whole} />}
    </div>
  );
}

/** What is about places: what else it tells, the map, then the rest; a geometry is its map. */
function Placed({ places, value, schema, root }) {
  const [told, rest] = useMemo(() => apart(value), [value]);
  return (
    <>
      {told && <Value value={told} schema={schema} root={root} />}
      <Map places={places} />
      {rest && <Value value={rest} schema={schema} root={root} />}
    </>
  );
}

/** Returns what of a value can be read at a glance, and what is longer; null where there is nothing of it. */
function apart(value) {
  if (isGeometry(value)) return [null, null];
  if (!isObject(value)) return [null, value];
  const entries = Object.entries(value);
  const some = (wanted) => {
    const found = entries.filter(([, one]) => (one !== null && typeof one === "object") !== wanted);
    return found.length ? Object.fromEntries(found) : null;
  };
  return [some(true), some(false)];
}

/** One value, whatever it is. */
export function Value({ value, schema = {}, root = schema, depth = 0 }) {
  if (value === null || value === undefined) return <p class="soft">{t("Done; there is nothing to show.")}</p>;
  if (typeof value === "string") return <Text text={value} schema={schema} depth={depth} />;
  if (typeof value === "number") return <p class={depth ? "" : "big"}>{Number.isInteger(value) ? number(value) : String(value)}</p>;
  if (typeof value === "boolean") return <p class={depth ? "" : "big"}>{value ? t("Yes") : t("No")}</p>;
  if (Array.isArray(value) && value.length === 0) return <p class="soft">{t("An empty list.")}</p>;
  if (isTable(value)) return <Table rows={value} schema={resolve(schema.items, root)} root={root} depth={depth} />;
  if (depth >= DEPTH_MAX) return <Deep value={value} />;
  if (Array.isArray(value)) {
    return (
      <ol class="tight" style={{ paddingLeft: "24px" }}>
        {value.slice(0, ROWS_MAX).map((one, index) => <li key={index}><Value value={one} schema={resolve(schema.items, root)} root={root} depth={depth + 1} /></li>)}
        {value.length > ROWS_MAX && <More count={value.length - ROWS_MAX} />}
      </ol>
    );
  }
  const entries = Object.entries(value);
  if (!entries.length) return <p class="soft">{t("Done; there is nothing to show.")}</p>;
  return (
    <dl class="facts">
      {entries.slice(0, ROWS_MAX).map(([name, one]) => {
        const inner = resolve(schema.properties?.[name] ?? {}, root);
        return <><dt>{label(name, inner)}</dt><dd><Value value={one} schema={inner} root={root} depth={depth + 1} /></dd></>;
      })}
    </dl>
  );
}

const More = ({ count }) => <p class="hint">{t("And {count} more; Raw has them all.", { count: number(count) })}</p>;

function Text({ text, schema, depth }) {
  const within = useMemo(() => bytesWithin(text, schema), [text, schema]);
  if (within) return <Bytes blob={within} />;
  if (/^https?:\/\/[^\s<>"]{1,2000}$/i.test(text)) {
    return <a href={text} target="_blank" rel="noopener noreferrer nofollow" referrerpolicy="no-referrer">{text}</a>;
  }
  if (isDrawing(text)) return <Drawing text={text} />;
  if (INSTANT.test(text) && !Number.isNaN(Date.parse(text))) return <p class={depth === 0 ? "big" : ""}><time dateTime={text} title={text}>{instant(text, depth > 0)}</time></p>;
  if (text.length > TEXT_CHARACTERS_MAX) return <Long text={text} />;
  const short = text.length <= BIG_CHARACTERS_MAX && !text.includes("\n");
  return <p class={depth === 0 && short ? "big" : "text"}>{text || <span class="soft">{t("An empty text.")}</span>}</p>;
}

/** The beginning of a text that is too long to be shown, and the whole of it to keep. */
function Long({ text }) {
  const save = () => {
    const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    Object.assign(document.createElement("a"), { href: address, download: "answer.txt" }).click();
    setTimeout(() => URL.revokeObjectURL(address), KEPT_MILLISECONDS);
  };
  return (
    <div class="tight">
      <pre tabIndex={0}>{text.slice(0, TEXT_CHARACTERS_MAX)}…</pre>
      <p class="hint">{t("These are the first {shown} of {all} characters.", { shown: number(TEXT_CHARACTERS_MAX), all: number(text.length) })} <button type="button" class="plain" onClick={save}>{t("Save {name}", { name: "answer.txt" })}</button></p>
    </div>
  );
}

/** What lies so deep that nobody follows it by eye, as its beginning. */
function Deep({ value }) {
  const text = useMemo(() => JSON.stringify(value), [value]);
  return text.length > BIG_CHARACTERS_MAX ? <pre class="log" tabIndex={0}>{text.slice(0, DEEP_CHARACTERS_MAX)}{text.length > DEEP_CHARACTERS_MAX && "…"}</pre> : <code>{text}</code>;
}

/** Whether a text is a picture of half blocks, as services draw for terminals: between lines of letters it would have gaps. */
const isDrawing = (text) => text.length <= DRAWING_CHARACTERS_MAX && /^[ \u00a0▀▄█\n]+$/.test(text) && /\n.*[▀▄█].*\n/.test(text);

/** It is drawn as a terminal shows it, light on dark, in either theme: a code that is read by cameras is turned round otherwise. */
function Drawing({ text }) {
  const lines = text.replace(/\n+$/, "").split("\n");
  const width = Math.max(...lines.map((line) => line.length));
  const dots = lines.flatMap((line, y) => [...line].map((block, x) => {
    const [from, high] = { "█": [0, 2], "▀": [0, 1], "▄": [1, 1] }[block] ?? [0, 0];
    return high ? `M${x} ${2 * y + from}h1v${high}h-1z` : "";
  }));
  return (
    <svg class="result drawing" viewBox={`0 0 ${width} ${2 * lines.length}`} style={{ width: `${width * DOT_PIXELS}px` }} role="img" aria-label={t("The picture that the service answered with")}>
      <path d={dots.join("")} />
    </svg>
  );
}

function Table({ rows, schema, root, depth }) {
  const names = [...new Set(rows.slice(0, ROWS_MAX).flatMap(Object.keys))];
  const columns = [...names.filter((name) => !ID.test(name)), ...names.filter((name) => ID.test(name))].slice(0, COLUMNS_MAX); // what a machine tells them apart by comes last
  const numeric = (column) => rows.every((row) => row[column] === undefined || row[column] === null || typeof row[column] === "number");
  const kinds = Object.fromEntries(columns.map((column) => [column, numeric(column) ? "number" : ""]));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("Table")}>
      <table>
        <thead><tr>{columns.map((column) => <th scope="col" class={kinds[column]} key={column}>{label(column)}</th>)}</tr></thead>
        <tbody>
          {rows.slice(0, ROWS_MAX).map((row, index) => (
            <tr key={index}>
              {columns.map((column) => <td class={kinds[column]} key={column}>{row[column] === undefined || row[column] === null ? "" : <Value value={row[column]} schema={resolve(schema?.properties?.[column] ?? {}, root)} root={root} depth={depth + 2} />}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > ROWS_MAX && <More count={rows.length - ROWS_MAX} />}
    </div>
  );
}

/** Bytes: a picture, sound, film or text by what they are, else something to keep. */
export function Bytes({ blob }) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    let address = "", alive = true;
    (async () => {
      const type = await mediaType(blob);
      const text = type === "text/plain" ? await blob.text() : "";
      if (!alive) return;
      address = URL.createObjectURL(new Blob([blob], { type: type || "application/octet-stream" }));
      setFound({ type, text, address });
    })();
    return () => {
      alive = false;
      if (address) URL.revokeObjectURL(address);
    };
  }, [blob]);
  if (!found) return <p class="soft">{bytes(blob.size)}</p>;
  const [kind, ending] = (found.type || "application/bin").split("/");
  const name = `answer.${{ jpeg: "jpg", "svg+xml": "svg", mpeg: "mp3", plain: "txt" }[ending] ?? ending}`;
  return (
    <div class="tight">
      {kind === "image" && <img class="result" src={found.address} alt={t("The picture that the service answered with")} />}
      {kind === "audio" && <audio class="result" src={found.address} controls />}
      {kind === "video" && <video class="result" src={found.address} controls />}
      {kind === "text" && <pre tabIndex={0}>{found.text.slice(0, RAW_CHARACTERS_MAX)}</pre>}
      <p class="hint"><a href={found.address} download={name}>{t("Save {name}", { name })}</a> · {bytes(blob.size)}</p>
    </div>
  );
}
