// JSON Schema as a form needs it: what a field is, what it begins with, what is wrong with what was typed.
import { t } from "./words.js";

const DEPTH_MAX = 12; // a schema that contains itself ends here; what is deeper is written as JSON
const CHOICES_DEPTH_MAX = 4; // choices within choices: each level of a schema that contains itself has more than the one before

/** Follows `$ref` within the schema, and takes `null` out of what may be absent. */
export function resolve(schema, root, depth = 0) {
  let found = schema === true || !schema ? {} : schema;
  for (let step = 0; found.$ref && step < DEPTH_MAX; step++) {
    const { $ref, ...remarks } = found;
    const target = $ref.startsWith("#/") ? $ref.slice(2).split("/").reduce((at, key) => at?.[key], root) : undefined;
    found = { ...(target ?? {}), ...remarks };
  }
  const choices = found.anyOf ?? found.oneOf;
  if (choices && depth >= CHOICES_DEPTH_MAX) return {};
  if (choices) {
    const some = choices.filter((choice) => choice.type !== "null");
    if (some.length === 1) {
      const { anyOf, oneOf, ...remarks } = found;
      return { ...resolve(some[0], root, depth + 1), ...remarks, nullable: some.length < choices.length };
    }
    return { ...found, choices: some.map((choice) => resolve(choice, root, depth + 1)), nullable: some.length < choices.length };
  }
  if (Array.isArray(found.type)) {
    const types = found.type.filter((one) => one !== "null");
    return { ...found, type: types.length === 1 ? types[0] : undefined, nullable: types.length < found.type.length };
  }
  return found;
}

/** Returns what kind of control a resolved schema gets. */
export function kindOf(schema, depth = 0) {
  if (depth > DEPTH_MAX) return "json";
  if (schema.choices) return "choice";
  if (schema.const !== undefined) return "constant";
  if (Array.isArray(schema.enum)) return "enum";
  if (schema.format === "binary") return "bytes";
  if (schema.type === "string") return schema.contentEncoding === "base64" || schema.contentMediaType ? "file" : "text";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "array") return schema.prefixItems ? "json" : "array";
  if (schema.type === "object" || schema.properties) return schema.properties ? "object" : "json";
  return "json";
}

/** The names of an object's fields, in the order in which its author wrote them. */
export const fieldsOf = (schema) => {
  const names = Object.keys(schema.properties ?? {});
  const order = schema["x-micro-fields"];
  return Array.isArray(order) && order.length === names.length ? order.filter((name) => name in schema.properties) : names;
};

/** Returns what a form begins with. */
export function blank(given, root = given, depth = 0) {
  const schema = resolve(given, root);
  if (schema.default !== undefined && schema.default !== null) return structuredClone(schema.default);
  const kind = kindOf(schema, depth);
  if (kind === "constant") return schema.const;
  if (kind !== "object") return undefined;
  const found = {};
  for (const name of fieldsOf(schema)) {
    const isRequired = schema.required?.includes(name);
    const inner = resolve(schema.properties[name], root);
    if (!isRequired && (inner.default ?? null) === null && kindOf(inner, depth) !== "constant") continue;
    const value = blank(inner, root, depth + 1);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/** Returns what of a form may stand in an address, which others read and browsers remember: all but its secrets. */
export function withoutSecrets(value, given, root = given, depth = 0) {
  if (value === null || typeof value !== "object" || depth > DEPTH_MAX) return value;
  const schema = resolve(given, root);
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, schema.items, root, depth + 1));
  if (value.constructor !== Object) return value; // a file, or what cannot be read
  const isSecret = (name) => [schema, ...(schema.choices ?? [])].some((one) => {
    const inner = resolve(one.properties?.[name], root);
    return inner.format === "password" || inner.writeOnly === true;
  });
  const kept = Object.entries(value).filter(([name]) => !isSecret(name));
  return Object.fromEntries(kept.map(([name, one]) => [name, withoutSecrets(one, schema.properties?.[name], root, depth + 1)]));
}

/** Returns a schema's name as a person says it: `fromCurrency` and `from_currency` are "From currency". */
export function label(name, schema = {}) {
  if (schema.title && schema.title !== name && schema.type !== "object") return String(schema.title);
  const words = name.replace(/[_-]+/g, " ").replace(/([a-z0-9])([A-Z])/g, (_, left, right) => `${left} ${right.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const example = (schema) => {
  const found = schema.examples?.[0] ?? schema.example;
  return found === undefined || typeof found === "object" ? undefined : String(found);
};

const isAbsent = (value) => value === undefined || value === null || value === "";

/** Returns path -> what is wrong there; a path is the names to a field, joined by dots. */
export function check(value, given, root = given, path = "", isRequired = true, wrong = {}, depth = 0) {
  const schema = resolve(given, root);
  const kind = kindOf(schema, depth);
  const say = (text) => void (wrong[path] ??= text);
  if (isAbsent(value) && kind !== "object") {
    const empty = value === "" && kind === "text" && !schema.minLength && !schema.format && !schema.pattern && !schema.enum;
    if (isRequired && !schema.nullable && !empty) say(kind === "enum" || kind === "choice" ? t("Choose one.") : t("This is needed."));
    return wrong;
  }
  if (kind === "object" && isAbsent(value) && !isRequired) return wrong;
  const checks = { text: checkText, number: checkNumber, array: checkArray, object: checkObject, choice: checkChoice, json: checkJson, file: checkFile, bytes: checkFile };
  const context = { schema, root, path, wrong, depth };
  const problem = checks[kind]?.(value, context);
  if (problem) say(problem);
  return wrong;
}

const PATTERNS = {
  email: [/^[^\s@]+@[^\s@]+$/, () => t("An e-mail address has an @, for instance ann@example.org.")],
  uuid: [/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, () => t("An id has 32 hexadecimal digits in five groups.")],
  uri: [/^[a-z][a-z0-9+.-]*:./i, () => t("An address begins with its scheme, for instance https://example.org.")],
  duration: [/^[+-]?P(?=.)/, () => t("A duration is written like PT1H30M, for an hour and a half.")],
  decimal: [/^[+-]?\d+(\.\d+)?$/, () => t("A number is needed, for instance 12.50.")],
};

function checkText(value, { schema }) {
  if (typeof value !== "string") return t("A text is needed.");
  const length = [...value].length;
  if (schema.minLength > length) return t("At least {count} characters are needed.", { count: schema.minLength });
  if (schema.maxLength < length) return t("At most {count} characters fit; these are {length}.", { count: schema.maxLength, length });
  const [pattern, complaint] = PATTERNS[schema.format] ?? [];
  if (pattern && !pattern.test(value)) return complaint();
  if (schema.format?.startsWith("date") && Number.isNaN(Date.parse(value))) return t("A date is needed.");
  if (schema.pattern && !matches(schema.pattern, value)) {
    const like = example(schema);
    return like ? t("It has to look like {example}.", { example: like }) : t("It has to fit {pattern}.", { pattern: schema.pattern });
  }
  return "";
}

const PATTERN_CHARACTERS_MAX = 200;

/** Tries a stranger's pattern; one that is long, or repeats a group and so could take forever, is left to the service. */
function matches(pattern, value) {
  if (pattern.length > PATTERN_CHARACTERS_MAX || value.length > 1000 || /[+*}][+*{]|\)[+*{]/.test(pattern)) return true;
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true;
  }
}

function checkNumber(value, { schema }) {
  if (typeof value !== "number" || Number.isNaN(value)) return t("A number is needed.");
  if (!Number.isFinite(value)) return t("This number is too large.");
  if (schema.type === "integer" && !Number.isInteger(value)) return t("A whole number is needed.");
  if (schema.type === "integer" && !Number.isSafeInteger(value)) return t("This number is too large for a browser to keep whole.");
  if (value < schema.minimum) return t("At least {bound} is needed.", { bound: schema.minimum });
  if (value > schema.maximum) return t("At most {bound} is possible.", { bound: schema.maximum });
  if (value <= schema.exclusiveMinimum) return t("More than {bound} is needed.", { bound: schema.exclusiveMinimum });
  if (value >= schema.exclusiveMaximum) return t("Less than {bound} is needed.", { bound: schema.exclusiveMaximum });
  return "";
}

const below = (path, name) => (path ? `${path}.${name}` : String(name));

function checkArray(value, { schema, root, path, wrong, depth }) {
  if (!Array.isArray(value)) return t("A list is needed.");
  value.forEach((item, index) => check(item, schema.items ?? {}, root, below(path, index), true, wrong, depth + 1));
  if (schema.minItems > value.length) return t("At least {count} are needed.", { count: schema.minItems });
  if (schema.maxItems < value.length) return t("At most {count} are possible.", { count: schema.maxItems });
  return "";
}

function checkObject(value, { schema, root, path, wrong, depth }) {
  for (const name of fieldsOf(schema)) {
    const isRequired = schema.required?.includes(name) ?? false;
    check(value?.[name], schema.properties[name], root, below(path, name), isRequired, wrong, depth + 1);
  }
  return "";
}

function checkChoice(value, { schema, root, path, wrong, depth }) {
  const index = chosen(value, schema, root);
  if (index < 0) return t("Choose one.");
  check(value, schema.choices[index], root, path, true, wrong, depth + 1);
  return "";
}

const checkJson = (value) => (value instanceof Unreadable ? t("This is no JSON: {why}", { why: value.why }) : "");

const checkFile = (value) => (value instanceof Unreadable ? value.why : "");

/** What cannot be sent: a text that was meant as JSON and is none, which stays in the form as it was typed, or a file that is too large. */
export class Unreadable {
  constructor(text, why) {
    this.text = text;
    this.why = why;
  }
}

/** Returns which of a schema's choices a value is of, -1 for none. */
export function chosen(value, schema, root) {
  const fits = (choice) => Object.keys(check(value, choice, root)).length === 0;
  const byType = (choice) => {
    const kind = kindOf(choice);
    if (kind === "object") {
      const constants = Object.entries(choice.properties).filter(([, inner]) => inner.const !== undefined || inner.enum?.length === 1);
      return typeof value === "object" && !Array.isArray(value) && constants.every(([name, inner]) => value?.[name] === (inner.const ?? inner.enum[0]));
    }
    if (kind === "array") return Array.isArray(value);
    if (kind === "number") return typeof value === "number";
    if (kind === "boolean") return typeof value === "boolean";
    return typeof value === "string";
  };
  const both = schema.choices.findIndex((choice) => byType(choice) && fits(choice));
  return both >= 0 ? both : schema.choices.findIndex(byType);
}

/** Takes out what is absent, so that the service's own defaults hold. */
export function sent(value) {
  if (Array.isArray(value)) return value.map(sent);
  if (value === null || typeof value !== "object" || value instanceof Blob) return value;
  if (value instanceof Unreadable) return undefined;
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined && one !== "").map(([name, one]) => [name, sent(one)]));
}

/** Finds the field that a fault's detail begins with, as in `name: expected a text`. */
export function placed(detail, schema, root = schema) {
  const [, path, rest] = /^(?:[\w.-]+ )?([A-Za-z_][\w.[\]-]*): (.+)$/s.exec(detail) ?? [];
  if (!path) return null;
  const names = path.replace(/\[(\d+)\]/g, ".$1").split(".");
  let at = resolve(schema, root);
  for (const name of names) {
    const next = at.properties?.[name] ?? (/^\d+$/.test(name) ? at.items : undefined);
    if (next === undefined) return null;
    at = resolve(next, root);
  }
  return [names.join("."), rest];
}
