//! JSON Schema 2020-12, as much of it as can be checked without regular expressions and without asking anybody. A schema
//! with another word in it is refused, so that nothing is called valid that was not looked at.

use crate::json::{all_differ, Value, DEPTH_MAX};
use crate::pointer::{cut, escaped, find};

const PROBLEMS_MAX: usize = 100;
const STEPS_MAX: usize = 1_000_000;

const KNOWN: [&str; 28] = [
    "type", "enum", "const", "properties", "required", "additionalProperties", "propertyNames", "minProperties",
    "maxProperties", "items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "allOf", "anyOf", "oneOf", "not",
    "$ref", "dependentRequired",
];

/// Words that say something to people and decide nothing.
const TOLD: [&str; 13] = [
    "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "deprecated",
    "readOnly", "writeOnly", "format",
];

pub struct Problem {
    pub pointer: String,
    pub detail: String,
}

/// Everything that is wrong with a document, nothing where it is valid.
pub fn validate(document: &Value, schema: &Value) -> Result<Vec<Problem>, String> {
    let mut check = Check { root: schema, problems: Vec::new(), steps: 0 };
    check.value(document, schema, "", 0)?;
    Ok(check.problems)
}

struct Check<'a> {
    root: &'a Value,
    problems: Vec<Problem>,
    steps: usize,
}

type Checked = Result<(), String>;

impl<'a> Check<'a> {
    fn wrong(&mut self, pointer: &str, detail: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { pointer: pointer.to_string(), detail });
        }
    }

    /// Whether a value is valid, without telling what is wrong.
    fn passes(&mut self, value: &Value, schema: &Value, at: &str, depth: usize) -> Result<bool, String> {
        let before = std::mem::take(&mut self.problems);
        let outcome = self.value(value, schema, at, depth + 1);
        let passed = self.problems.is_empty();
        self.problems = before;
        outcome.map(|()| passed)
    }

    fn value(&mut self, value: &Value, schema: &Value, at: &str, depth: usize) -> Checked {
        self.steps += 1;
        if depth > DEPTH_MAX * 2 || self.steps > STEPS_MAX {
            return Err("schema: it leads on without an end, or asks for too much".to_string());
        }
        let rules = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => {
                self.wrong(at, "nothing is allowed here".to_string());
                return Ok(());
            }
            Value::Object(rules) => rules,
            other => return Err(format!("schema: expected an object, true or false, and there is a {}", other.kind())),
        };
        for (word, _) in rules {
            if !KNOWN.contains(&word.as_str()) && !TOLD.contains(&word.as_str()) {
                return Err(format!("schema: {:?} is not checked here: leave it out, or check it elsewhere", cut(word)));
            }
        }
        if let Some(reference) = schema.member("$ref") {
            let target = self.target(reference)?;
            self.value(value, target, at, depth + 1)?;
        }
        self.any_type(value, schema, at)?;
        match value {
            Value::Object(members) => self.object(members, value, schema, at, depth)?,
            Value::List(items) => self.list(items, schema, at, depth)?,
            Value::Number(_) => self.number(value, schema, at)?,
            Value::Text(text) => self.text(text, schema, at)?,
            _ => {}
        }
        self.combined(value, schema, at, depth)
    }

    fn target(&self, reference: &Value) -> Result<&'a Value, String> {
        let said = reference.text().unwrap_or("");
        match said.strip_prefix('#') {
            Some(pointer) => find(self.root, pointer).map_err(|detail| format!("schema: $ref: {detail}")),
            None => Err(format!("schema: $ref {:?}: only places in the schema itself are known, such as #/$defs/a", cut(said))),
        }
    }

    fn any_type(&mut self, value: &Value, schema: &Value, at: &str) -> Checked {
        if let Some(said) = schema.member("type") {
            let names: Vec<&str> = match said {
                Value::List(items) => items.iter().filter_map(Value::text).collect(),
                one => one.text().into_iter().collect(),
            };
            for name in &names {
                if !["null", "boolean", "number", "integer", "string", "array", "object"].contains(name) {
                    return Err(format!("schema: {:?} is no type", cut(name)));
                }
            }
            if names.is_empty() {
                return Err("schema: type: expected a name, or a list of names".to_string());
            }
            if !names.iter().any(|name| *name == value.kind() || (*name == "integer" && value.is_integer())) {
                self.wrong(at, format!("expected {}, and it is {}", names.join(" or "), value.kind()));
            }
        }
        if let Some(said) = schema.member("enum") {
            let Value::List(items) = said else { return Err("schema: enum: expected a list".to_string()) };
            self.steps += items.len();
            if !items.contains(value) {
                self.wrong(at, format!("it is none of the {} values that are allowed", items.len()));
            }
        }
        if schema.member("const").is_some_and(|wanted| wanted != value) {
            self.wrong(at, "it is not the one value that is allowed".to_string());
        }
        Ok(())
    }

    fn object(&mut self, members: &[(String, Value)], whole: &Value, schema: &Value, at: &str, depth: usize) -> Checked {
        self.counted(members.len(), schema, ("minProperties", "maxProperties", "members"), at)?;
        if let Some(Value::List(names)) = schema.member("required") {
            self.steps += names.len() * (members.len() / 8 + 1);
            for name in names.iter().filter_map(Value::text).filter(|name| whole.member(name).is_none()) {
                self.wrong(at, format!("{:?} is missing", cut(name)));
            }
        }
        if let Some(Value::Object(rules)) = schema.member("dependentRequired") {
            for (name, others) in rules.iter().filter(|(name, _)| whole.member(name).is_some()) {
                let Value::List(others) = others else { return Err("schema: dependentRequired: expected lists".to_string()) };
                for other in others.iter().filter_map(Value::text).filter(|other| whole.member(other).is_none()) {
                    self.wrong(at, format!("{:?} is missing, which {:?} asks for", cut(other), cut(name)));
                }
            }
        }
        let named = schema.member("properties");
        for (name, member) in members {
            let place = format!("{at}/{}", escaped(name));
            self.steps += 1;
            match (named.and_then(|named| named.member(name)), schema.member("additionalProperties")) {
                (Some(rule), _) => self.value(member, rule, &place, depth + 1)?,
                (None, Some(Value::Bool(false))) => self.wrong(&place, "there must be no such member".to_string()),
                (None, Some(rule)) => self.value(member, rule, &place, depth + 1)?,
                (None, None) => {}
            }
            if let Some(rule) = schema.member("propertyNames") {
                if !self.passes(&Value::Text(name.clone()), rule, &place, depth)? {
                    self.wrong(&place, "its name is not allowed".to_string());
                }
            }
        }
        Ok(())
    }

    fn list(&mut self, items: &[Value], schema: &Value, at: &str, depth: usize) -> Checked {
        self.counted(items.len(), schema, ("minItems", "maxItems", "items"), at)?;
        let first = match schema.member("prefixItems") {
            Some(Value::List(rules)) => rules.as_slice(),
            Some(_) => return Err("schema: prefixItems: expected a list".to_string()),
            None => &[],
        };
        for (index, item) in items.iter().enumerate() {
            if let Some(rule) = first.get(index).or_else(|| schema.member("items")) {
                self.value(item, rule, &format!("{at}/{index}"), depth + 1)?;
            }
        }
        if let Some(rule) = schema.member("contains") {
            let mut found = false;
            for item in items {
                found = found || self.passes(item, rule, at, depth)?;
            }
            if !found {
                self.wrong(at, "none of its items is as one must be".to_string());
            }
        }
        if matches!(schema.member("uniqueItems"), Some(Value::Bool(true))) && !all_differ(items) {
            self.wrong(at, "two of its items are equal".to_string());
        }
        Ok(())
    }

    fn number(&mut self, value: &Value, schema: &Value, at: &str) -> Checked {
        let number = value.number().unwrap_or(0.0);
        let rules: [(&str, fn(f64, f64) -> bool, &str); 4] = [
            ("minimum", |value, bound| value >= bound, "at least"),
            ("maximum", |value, bound| value <= bound, "at most"),
            ("exclusiveMinimum", |value, bound| value > bound, "more than"),
            ("exclusiveMaximum", |value, bound| value < bound, "less than"),
        ];
        for (word, holds, said) in rules {
            if let Some(bound) = amount(schema, word)? {
                if !holds(number, bound) {
                    self.wrong(at, format!("expected {said} {bound}, and it is {number}"));
                }
            }
        }
        if let Some(step) = amount(schema, "multipleOf")? {
            let count = number / step;
            if step <= 0.0 {
                return Err("schema: multipleOf: expected more than 0".to_string());
            }
            if (count - count.round()).abs() > 1e-9 * count.abs().max(1.0) {
                self.wrong(at, format!("expected a multiple of {step}, and it is {number}"));
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str, schema: &Value, at: &str) -> Checked {
        self.counted(text.chars().count(), schema, ("minLength", "maxLength", "characters"), at)
    }

    fn counted(&mut self, count: usize, schema: &Value, words: (&str, &str, &str), at: &str) -> Checked {
        let (least, most, what) = words;
        if let Some(bound) = amount(schema, least)?.filter(|bound| (count as f64) < *bound) {
            self.wrong(at, format!("expected at least {bound} {what}, and there are {count}"));
        }
        if let Some(bound) = amount(schema, most)?.filter(|bound| (count as f64) > *bound) {
            self.wrong(at, format!("expected at most {bound} {what}, and there are {count}"));
        }
        Ok(())
    }

    fn combined(&mut self, value: &Value, schema: &Value, at: &str, depth: usize) -> Checked {
        if let Some(rule) = schema.member("not") {
            if self.passes(value, rule, at, depth)? {
                self.wrong(at, "it is as it must not be".to_string());
            }
        }
        for word in ["allOf", "anyOf", "oneOf"] {
            let rules = match schema.member(word) {
                Some(Value::List(rules)) => rules,
                Some(_) => return Err(format!("schema: {word}: expected a list")),
                None => continue,
            };
            let mut passed = 0;
            for rule in rules {
                if word == "allOf" {
                    self.value(value, rule, at, depth + 1)?;
                } else {
                    passed += usize::from(self.passes(value, rule, at, depth)?);
                }
            }
            if word == "anyOf" && passed == 0 || word == "oneOf" && passed != 1 {
                let wanted = if word == "oneOf" { "exactly one" } else { "one" };
                self.wrong(at, format!("expected {wanted} of {} alternatives, and {passed} of them fit", rules.len()));
            }
        }
        Ok(())
    }
}

fn amount(schema: &Value, word: &str) -> Result<Option<f64>, String> {
    match schema.member(word) {
        None => Ok(None),
        Some(value) => value.number().map(Some).ok_or_else(|| format!("schema: {word}: expected a number")),
    }
}
