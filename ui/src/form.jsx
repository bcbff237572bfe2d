// A form from a JSON Schema: one control for each kind, what is wrong beside the field it is about.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon } from "./icons.jsx";
import { bytes, t } from "./words.js";
import { blank, chosen, example, fieldsOf, kindOf, label, resolve, Unreadable } from "./schema.js";

const FILE_BYTES_MAX = 3 * 1024 * 1024; // base64 makes it 4 MiB, which is the largest message there is
const RAW_BYTES_MAX = 4 * 1024 * 1024;
const LONG_TEXT = /text|body|content|message|description|query|markdown|html|source|code|note/i;
const INPUTS = { email: "email", uri: "url", url: "url", date: "date", "date-time": "datetime-local", time: "time", password: "password", phone: "tel" };

/**
 * One field, with what is below it.
 * @param {{name, schema, root, value, change, path, wrong, isRequired, depth}} props
 */
export function Field({ depth = 0, ...props }) {
  const schema = resolve(props.schema, props.root);
  const kind = kindOf(schema, depth);
  const Control = CONTROLS[kind];
  return <Control {...props} schema={schema} depth={depth} />;
}

/** A label, a control, what it is for, and what is wrong with it. */
function Labelled({ name, schema, path, wrong, isRequired, children, plain }) {
  const id = useId();
  const complaint = wrong[path];
  const about = [schema.description && `${id}-about`, complaint && `${id}-wrong`].filter(Boolean).join(" ");
  const common = {
    id, "data-path": path, "aria-required": isRequired ? "true" : undefined,
    "aria-invalid": complaint ? "true" : undefined, "aria-describedby": about || undefined,
  };
  const text = <>{label(name, schema)}{!isRequired && <span class="hint"> · {t("optional")}</span>}</>;
  return (
    <div class="field">
      {plain ? <label for={id} class="row">{children(common)}<span>{label(name, schema)}</span></label> : <label for={id}>{text}</label>}
      {!plain && children(common)}
      {complaint && <span class="wrong" id={`${id}-wrong`}>{complaint}</span>}
      {schema.description && <small id={`${id}-about`}>{schema.description}</small>}
    </div>
  );
}

function TextField(props) {
  const { schema, value, change, name } = props;
  const long = schema.maxLength > 200 || (!schema.format && !schema.maxLength && LONG_TEXT.test(name)) || (value?.includes?.("\n") ?? false);
  const type = INPUTS[schema.format] ?? "text";
  const shown = type === "datetime-local" ? localTime(value) : value ?? "";
  const set = (event) => {
    const text = event.currentTarget.value;
    change(type === "datetime-local" ? (text ? new Date(text).toISOString() : undefined) : text);
  };
  return (
    <Labelled {...props}>
      {(common) => long
        ? <textarea {...common} value={shown} placeholder={example(schema)} onInput={set} />
        : <input {...common} type={type} step={type === "datetime-local" ? 1 : undefined} value={shown} placeholder={example(schema)} onInput={set} autocomplete="off" />}
    </Labelled>
  );
}

function localTime(value) {
  if (!value || Number.isNaN(Date.parse(value))) return "";
  const date = new Date(value);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function NumberField(props) {
  const { schema, value, change } = props;
  const [typed, setTyped] = useState(null); // what stands there while it is no number yet, as "1." or "-"
  const set = (event) => {
    const text = event.currentTarget.value.trim();
    const read = text === "" ? undefined : Number(text.replace(",", "."));
    setTyped(text === "" || String(read) === text ? null : text);
    change(read);
  };
  return (
    <Labelled {...props}>
      {(common) => (
        <input {...common} inputmode={schema.type === "integer" && !(schema.minimum < 0) ? "numeric" : "decimal"}
          value={typed ?? (Number.isNaN(value) ? "" : value ?? "")} placeholder={example(schema)} onInput={set} autocomplete="off" />
      )}
    </Labelled>
  );
}

const BooleanField = (props) => (
  <Labelled {...props} plain>
    {(common) => <input {...common} type="checkbox" checked={props.value === true} onChange={(event) => props.change(event.currentTarget.checked)} />}
  </Labelled>
);

function EnumField(props) {
  const { schema, value, change, isRequired } = props;
  const index = schema.enum.findIndex((one) => one === value);
  return (
    <Labelled {...props}>
      {(common) => (
        <select {...common} value={index} onChange={(event) => change(schema.enum[Number(event.currentTarget.value)])}>
          {(!isRequired || index < 0) && <option value={-1}>–</option>}
          {schema.enum.map((one, at) => <option value={at} key={at}>{String(one)}</option>)}
        </select>
      )}
    </Labelled>
  );
}

const tooLarge = (file, most) => t("At most {most} fit into one call; this file has {size}.", { most: bytes(most), size: bytes(file.size) });

/** A file: base64 within JSON, or the bytes themselves where the whole request is one. */
function FileField({ raw = false, ...props }) {
  const { schema, value, change, path } = props;
  const [trouble, setTrouble] = useState("");
  const [about, setAbout] = useState("");
  const take = async (file) => {
    if (!file) {
      setTrouble("");
      return change(undefined);
    }
    const most = raw ? RAW_BYTES_MAX : FILE_BYTES_MAX;
    setTrouble(file.size > most ? tooLarge(file, most) : "");
    setAbout(`${file.name} · ${bytes(file.size)}`);
    change(file.size > most ? new Unreadable(file.name, tooLarge(file, most)) : raw ? file : await base64Of(file));
  };
  const wrong = trouble ? { ...props.wrong, [path]: trouble } : props.wrong;
  return (
    <Labelled {...props} wrong={wrong}>
      {(common) => (
        <>
          <input {...common} type="file" accept={schema.contentMediaType} onChange={(event) => take(event.currentTarget.files[0])} />
          {value !== undefined && !(value instanceof Unreadable) && <span class="hint">{about || t("{size} are filled in", { size: bytes(Math.round((value.length * 3) / 4)) })}</span>}
        </>
      )}
    </Labelled>
  );
}

const base64Of = (file) =>
  new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });

function ObjectField(props) {
  const { name, schema, root, value, change, path, wrong, isRequired, depth } = props;
  const inner = (
    <Fields schema={schema} root={root} value={value ?? {}} change={change} path={path} wrong={wrong} depth={depth + 1} />
  );
  if (!isRequired && value === undefined) {
    return <div><button type="button" class="quiet" onClick={() => change(blank(schema, root) ?? {})}><Icon name="plus" />{label(name, schema)}</button></div>;
  }
  return (
    <fieldset>
      <legend>{label(name, schema)}</legend>
      {schema.description && <p class="hint">{schema.description}</p>}
      {inner}
      {!isRequired && <div><button type="button" class="quiet little" onClick={() => change(undefined)}>{t("Leave {name} out", { name: label(name, schema) })}</button></div>}
    </fieldset>
  );
}

/** The fields of an object, side by side where they are short. */
export function Fields({ schema: given, root, value, change, path = "", wrong, depth = 0 }) {
  const schema = resolve(given, root);
  return fieldsOf(schema).map((name) => (
    <Field key={name} name={name} schema={schema.properties[name]} root={root} value={value?.[name]}
      change={(next) => change({ ...value, [name]: next })} path={path ? `${path}.${name}` : name} wrong={wrong}
      isRequired={schema.required?.includes(name) ?? false} depth={depth} />
  ));
}

const ITEMS_MAX = 200;

function ArrayField(props) {
  const { name, schema, root, value, change, path, wrong, isRequired, depth } = props;
  const items = Array.isArray(value) ? value : [];
  const inner = resolve(schema.items ?? {}, root);
  const put = (index, next) => change(items.map((item, at) => (at === index ? next : item)));
  return (
    <fieldset data-path={path} tabIndex={-1}>
      <legend>{label(name, schema)}{!isRequired && <span class="hint"> · {t("optional")}</span>}</legend>
      {schema.description && <p class="hint">{schema.description}</p>}
      {items.map((item, index) => (
        <div class="row top" key={index}>
          <div class="grow">
            <Field name={`${name} ${index + 1}`} schema={inner} root={root} value={item} change={(next) => put(index, next)}
              path={path ? `${path}.${index}` : String(index)} wrong={wrong} isRequired depth={depth + 1} />
          </div>
          <button type="button" class="quiet little" aria-label={t("Remove {name}", { name: `${label(name)} ${index + 1}` })}
            onClick={() => change(items.filter((_, at) => at !== index))}><Icon name="close" /></button>
        </div>
      ))}
      {wrong[path] && <span class="wrong">{wrong[path]}</span>}
      <div>
        <button type="button" class="quiet little" disabled={items.length >= (schema.maxItems ?? ITEMS_MAX)}
          onClick={() => change([...items, blank(inner, root) ?? (kindOf(inner) === "boolean" ? false : undefined)])}>
          <Icon name="plus" />{t("Add {name}", { name: label(name).toLowerCase() })}
        </button>
      </div>
    </fieldset>
  );
}

function ChoiceField(props) {
  const { name, schema, root, value, change, path, wrong, isRequired, depth } = props;
  const [picked, setPicked] = useState(-1);
  const index = value === undefined ? picked : Math.max(chosen(value, schema, root), picked);
  const pick = (event) => {
    const at = Number(event.currentTarget.value);
    setPicked(at);
    change(at < 0 ? undefined : blank(schema.choices[at], root));
  };
  const title = (choice) => choice.title ?? { text: t("Text"), number: t("Number"), boolean: t("Yes or no"), array: t("List"), object: t("Object") }[kindOf(choice)] ?? t("JSON");
  return (
    <>
      <Labelled {...props}>
        {(common) => (
          <select {...common} value={index} onChange={pick}>
            <option value={-1}>–</option>
            {schema.choices.map((choice, at) => <option value={at} key={at}>{title(choice)}</option>)}
          </select>
        )}
      </Labelled>
      {index >= 0 && (
        <Field name={title(schema.choices[index])} schema={schema.choices[index]} root={root} value={value} change={change}
          path={path} wrong={wrong} isRequired={isRequired} depth={depth + 1} />
      )}
    </>
  );
}

/** What has no control of its own: the reader writes JSON. */
function JsonField(props) {
  const { value, change } = props;
  const [text, setText] = useState(value === undefined ? "" : value instanceof Unreadable ? value.text : JSON.stringify(value, null, 2));
  const set = (event) => {
    const typed = event.currentTarget.value;
    setText(typed);
    if (!typed.trim()) return change(undefined);
    try {
      change(JSON.parse(typed));
    } catch (error) {
      change(new Unreadable(typed, error.message));
    }
  };
  return (
    <Labelled {...props}>
      {(common) => <textarea {...common} class="mono" value={text} placeholder="{}" spellcheck={false} onInput={set} />}
    </Labelled>
  );
}

const CONTROLS = {
  text: TextField, number: NumberField, boolean: BooleanField, enum: EnumField, file: FileField,
  bytes: (props) => <FileField {...props} raw />, object: ObjectField, array: ArrayField, choice: ChoiceField,
  json: JsonField, constant: () => null,
};

/** A whole request: the fields of an object, or one control for what is none. */
export function Request({ schema, value, change, wrong }) {
  const root = resolve(schema, schema);
  const kind = kindOf(root);
  if (kind === "object") return <Fields schema={root} root={schema} value={value} change={change} wrong={wrong} />;
  if (kind === "bytes") return <FileField raw name={t("File")} schema={root} root={schema} value={value} change={change} path="" wrong={wrong} isRequired />;
  return <Field name={root.title ?? t("Request")} schema={root} root={schema} value={value} change={change} path="" wrong={wrong} isRequired />;
}

/** Puts the focus on the first field that something is wrong with. */
export function useFirstWrong(form, wrong, tries) {
  const seen = useRef(0);
  useEffect(() => {
    if (tries === seen.current || !Object.keys(wrong).length) return;
    seen.current = tries;
    form.current?.querySelector("[aria-invalid=true], fieldset[data-path]:has(> .wrong)")?.focus();
  }, [wrong, tries]);
}
