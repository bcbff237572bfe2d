//! JSON as it is written: members keep their order, numbers their digits (RFC 8259).

use std::collections::{HashMap, HashSet};

pub const DEPTH_MAX: usize = 128;

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    /// Its digits as they were written.
    Number(String),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// What is wrong with a text, and where: lines and columns count from 1, columns in letters.
#[derive(Debug)]
pub struct Wrong {
    pub line: usize,
    pub column: usize,
    pub detail: String,
}

impl Value {
    pub fn member(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::Text(_) => "string",
            Value::List(_) => "array",
            Value::Object(_) => "object",
        }
    }

    pub fn is_integer(&self) -> bool {
        match self {
            Value::Number(digits) if !digits.contains(['.', 'e', 'E']) => true,
            Value::Number(digits) => digits.parse::<f64>().is_ok_and(|value| value.is_finite() && value.fract() == 0.0),
            _ => false,
        }
    }
}

impl PartialEq for Value {
    /// Members in any order; 1.0 is 1; whole numbers are compared by their digits, however many.
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::Number(one), Value::Number(other)) => {
                let whole = !one.contains(['.', 'e', 'E']) && !other.contains(['.', 'e', 'E']);
                one == other || (!whole && one.parse::<f64>().ok() == other.parse::<f64>().ok())
            }
            (Value::Text(one), Value::Text(other)) => one == other,
            (Value::List(one), Value::List(other)) => one == other,
            (Value::Object(one), Value::Object(other)) => {
                let there = indexed(other);
                one.len() == other.len() && one.iter().all(|(key, value)| there.get(key.as_str()).is_some_and(|found| *found == value))
            }
            _ => false,
        }
    }
}

/// The members of an object by name, for looking up many of them.
pub fn indexed(members: &[(String, Value)]) -> HashMap<&str, &Value> {
    members.iter().map(|(key, value)| (key.as_str(), value)).collect()
}

/// Reads a text; of members that are there twice the last one counts. `repeated` takes the pointers of those.
pub fn parse(text: &str, repeated: &mut Vec<String>) -> Result<Value, Wrong> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, place: String::new(), repeated };
    let found = reader.value(0).and_then(|value| {
        reader.blank();
        if reader.at < reader.bytes.len() { Err("something follows the value".to_string()) } else { Ok(value) }
    });
    found.map_err(|detail| {
        let read = &text.as_bytes()[..reader.at.min(text.len())];
        let line = read.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = read.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Wrong { line, column: String::from_utf8_lossy(&read[start..]).chars().count() + 1, detail }
    })
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    place: String,
    repeated: &'a mut Vec<String>,
}

type Read<T> = Result<T, String>;

const REPEATED_MAX: usize = 100;

impl Reader<'_> {
    fn blank(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn seen(&self) -> String {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(letter) => format!("{letter:?} stands there"),
            None => "the text ends there".to_string(),
        }
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        if depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} values are inside each other"));
        }
        self.blank();
        match self.bytes.get(self.at) {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))] {
                    if self.bytes[self.at..].starts_with(word.as_bytes()) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(format!("expected a value, and {}", self.seen()))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        self.at += 1;
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        self.blank();
        if self.bytes.get(self.at) == Some(&b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.blank();
            if self.bytes.get(self.at) != Some(&b'"') {
                return Err(format!("expected a member's name in quotation marks, and {}", self.seen()));
            }
            let name = self.string()?;
            self.blank();
            if self.bytes.get(self.at) != Some(&b':') {
                return Err(format!("expected a colon after a member's name, and {}", self.seen()));
            }
            self.at += 1;
            let outer = self.place.len();
            self.place.push('/');
            self.place.push_str(&crate::pointer::escaped(&name));
            let value = self.value(depth + 1)?;
            match places.get(&name) {
                Some(place) => {
                    if self.repeated.len() < REPEATED_MAX {
                        self.repeated.push(self.place.clone());
                    }
                    members[*place].1 = value;
                }
                None => {
                    places.insert(name.clone(), members.len());
                    members.push((name, value));
                }
            }
            self.place.truncate(outer);
            self.blank();
            match self.bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                _ => return Err(format!("expected a comma or a closing brace, and {}", self.seen())),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Read<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.blank();
        if self.bytes.get(self.at) == Some(&b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            let outer = self.place.len();
            self.place.push_str(&format!("/{}", items.len()));
            items.push(self.value(depth + 1)?);
            self.place.truncate(outer);
            self.blank();
            match self.bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::List(items));
                }
                _ => return Err(format!("expected a comma or a closing bracket, and {}", self.seen())),
            }
        }
    }

    fn digits(&mut self) -> Read<()> {
        let from = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == from { Err(format!("expected a digit, and {}", self.seen())) } else { Ok(()) }
    }

    fn number(&mut self) -> Read<Value> {
        let from = self.at;
        self.at += usize::from(self.bytes[self.at] == b'-');
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
                return Err("a number does not begin with a zero".to_string());
            }
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Value::Number(self.text[from..self.at].to_string()))
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut found = String::new();
        loop {
            let from = self.at;
            while !matches!(self.bytes.get(self.at), None | Some(b'"' | b'\\' | 0..=31)) {
                self.at += 1;
            }
            found.push_str(&self.text[from..self.at]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(found);
                }
                Some(b'\\') => found.push(self.escape()?),
                None => return Err("a quotation mark is not closed".to_string()),
                Some(byte) => return Err(format!("the character \\u{byte:04x} must be escaped in a text")),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let letter = self.bytes.get(self.at + 1).copied().unwrap_or(0);
        let found = match letter {
            b'"' | b'\\' | b'/' => letter as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err("there is no such escape: \\ is followed by one of \" \\ / b f n r t u".to_string()),
        };
        self.at += 2;
        Ok(found)
    }

    fn unicode(&mut self) -> Read<char> {
        let first = self.unit()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let second = self.unit()?;
            let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or_else(lone)?;
            return char::from_u32(0x10000 + ((first - 0xd800) << 10) + low).ok_or_else(lone);
        }
        char::from_u32(first).ok_or_else(lone)
    }

    fn unit(&mut self) -> Read<u32> {
        let four = self.text.get(self.at + 2..self.at + 6).filter(|four| four.bytes().all(|one| one.is_ascii_hexdigit()));
        let found = four.and_then(|four| u32::from_str_radix(four, 16).ok());
        self.at += if found.is_some() { 6 } else { 0 };
        found.ok_or_else(|| "\\u is followed by four hexadecimal digits".to_string())
    }
}

fn lone() -> String {
    "half of a surrogate pair stands alone".to_string()
}

/// Writes a value: on one line where `indent` is 0, else a member a line, so many blanks deep.
pub fn write(value: &Value, indent: usize, sort: bool) -> String {
    let mut to = String::new();
    put(&mut to, value, indent, sort, 1);
    to
}

fn put(to: &mut String, value: &Value, indent: usize, sort: bool, depth: usize) {
    match value {
        Value::Null => to.push_str("null"),
        Value::Bool(truth) => to.push_str(if *truth { "true" } else { "false" }),
        Value::Number(digits) => to.push_str(digits),
        Value::Text(text) => put_text(to, text),
        Value::List(items) if items.is_empty() => to.push_str("[]"),
        Value::Object(members) if members.is_empty() => to.push_str("{}"),
        Value::List(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                start(to, index, indent, depth);
                put(to, item, indent, sort, depth + 1);
            }
            finish(to, indent, depth);
            to.push(']');
        }
        Value::Object(members) => {
            let mut order: Vec<&(String, Value)> = members.iter().collect();
            if sort {
                order.sort_by(|one, other| one.0.cmp(&other.0));
            }
            to.push('{');
            for (index, (name, member)) in order.into_iter().enumerate() {
                start(to, index, indent, depth);
                put_text(to, name);
                to.push_str(if indent > 0 { ": " } else { ":" });
                put(to, member, indent, sort, depth + 1);
            }
            finish(to, indent, depth);
            to.push('}');
        }
    }
}

fn start(to: &mut String, index: usize, indent: usize, depth: usize) {
    to.push_str(if index > 0 { "," } else { "" });
    finish(to, indent, depth + 1);
}

fn finish(to: &mut String, indent: usize, depth: usize) {
    if indent > 0 {
        to.push('\n');
        to.extend(std::iter::repeat_n(' ', indent * (depth - 1)));
    }
}

fn put_text(to: &mut String, text: &str) {
    to.push('"');
    for letter in text.chars() {
        match letter {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            letter if letter < ' ' => to.push_str(&format!("\\u{:04x}", letter as u32)),
            letter => to.push(letter),
        }
    }
    to.push('"');
}

/// Whether no two of these are equal; for scalars, by their texts, else one by one.
pub fn all_differ(items: &[Value]) -> bool {
    let mut seen = HashSet::new();
    items.iter().all(|item| seen.insert(write(&normal(item), 0, true)))
}

/// A value as which every equal one is written alike.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(digits) if digits.contains(['.', 'e', 'E']) => {
            let number: f64 = digits.parse().unwrap_or(0.0);
            let whole = number.fract() == 0.0 && number.abs() < 1e15;
            Value::Number(if whole { format!("{number:.0}") } else { format!("{number:e}") })
        }
        Value::List(items) => Value::List(items.iter().map(normal).collect()),
        Value::Object(members) => Value::Object(members.iter().map(|(name, one)| (name.clone(), normal(one))).collect()),
        other => other.clone(),
    }
}
