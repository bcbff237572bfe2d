//! JSONPath, RFC 9535, but for its functions: reads a path, then walks a document by it.

use crate::json::{Value, DEPTH_MAX};
use crate::pointer::{cut, escaped};

const PATH_BYTES_MAX: usize = 2_000;
const STEPS_MAX: usize = 3_000_000;
const MATCHES_MAX: usize = 10_000;

enum Selector {
    Name(String),
    Index(i64),
    Slice(Option<i64>, Option<i64>, i64),
    All,
    Filter(Test),
}

struct Segment {
    descend: bool,
    selectors: Vec<Selector>,
}

enum Test {
    Any(Vec<Test>),
    Every(Vec<Test>),
    Not(Box<Test>),
    There(Operand),
    Compared(Operand, &'static str, Operand),
}

enum Operand {
    /// A path, from the document or from the value that is looked at.
    Path { root: bool, segments: Vec<Segment> },
    Is(Value),
}

/// A value that was found, and the pointer to it.
pub struct Match<'a> {
    pub pointer: String,
    pub value: &'a Value,
}

/// All that a path selects, in the document's order.
pub fn query<'a>(document: &'a Value, path: &str) -> Result<Vec<Match<'a>>, String> {
    if path.len() > PATH_BYTES_MAX {
        return Err(format!("path: at most {PATH_BYTES_MAX} bytes"));
    }
    let mut reader = Reader { letters: path.chars().collect(), at: 0 };
    let segments = match reader.take('$') {
        true => reader.segments(0).and_then(|segments| reader.end().map(|()| segments)),
        false => Err("a path begins with $, such as $.items[0].name".to_string()),
    };
    let segments = segments.map_err(|detail| format!("path: {detail}, at place {}", reader.at + 1))?;
    let mut walk = Walk { document, steps: 0 };
    walk.along(&segments, vec![Match { pointer: String::new(), value: document }])
}

struct Reader {
    letters: Vec<char>,
    at: usize,
}

type Read<T> = Result<T, String>;

const COMPARISONS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

impl Reader {
    fn peek(&self) -> char {
        self.letters.get(self.at).copied().unwrap_or('\0')
    }

    fn take(&mut self, letter: char) -> bool {
        let found = self.peek() == letter && self.at < self.letters.len();
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        self.blank();
        let found = self.letters[self.at.min(self.letters.len())..].iter().copied().take(word.len()).eq(word.chars());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn blank(&mut self) {
        while matches!(self.peek(), ' ' | '\t' | '\n' | '\r') {
            self.at += 1;
        }
    }

    fn end(&self) -> Read<()> {
        if self.at < self.letters.len() { Err(format!("{:?} does not belong there", self.peek())) } else { Ok(()) }
    }

    fn segments(&mut self, depth: usize) -> Read<Vec<Segment>> {
        if depth > DEPTH_MAX / 4 {
            return Err("too many filters are inside each other".to_string());
        }
        let mut found = Vec::new();
        loop {
            let before = self.at;
            self.blank();
            let descend = self.peek() == '.' && self.letters.get(self.at + 1) == Some(&'.');
            self.at += if descend { 2 } else { 0 };
            let selectors = if self.take('[') {
                self.bracketed(depth)?
            } else if descend || self.take('.') {
                vec![if self.take('*') { Selector::All } else { Selector::Name(self.name()?) }]
            } else {
                self.at = before;
                return Ok(found);
            };
            found.push(Segment { descend, selectors });
        }
    }

    fn name(&mut self) -> Read<String> {
        let from = self.at;
        while self.peek().is_alphanumeric() || self.peek() == '_' || (self.peek() as u32) > 0x7f {
            self.at += 1;
        }
        let name: String = self.letters[from..self.at].iter().collect();
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err("expected a member's name; others than letters, digits and _ stand in brackets, ['so']".to_string());
        }
        Ok(name)
    }

    fn bracketed(&mut self, depth: usize) -> Read<Vec<Selector>> {
        let mut found = Vec::new();
        loop {
            self.blank();
            found.push(match self.peek() {
                '*' => {
                    self.at += 1;
                    Selector::All
                }
                '?' => {
                    self.at += 1;
                    Selector::Filter(self.any(depth + 1)?)
                }
                '\'' | '"' => Selector::Name(self.quoted()?),
                _ => self.index()?,
            });
            self.blank();
            if self.take(']') {
                return Ok(found);
            }
            if !self.take(',') {
                return Err("expected , or ]".to_string());
            }
        }
    }

    fn index(&mut self) -> Read<Selector> {
        let start = self.integer()?;
        self.blank();
        if !self.take(':') {
            return start.map(Selector::Index).ok_or_else(|| "expected a place, a name in quotation marks, * or ?".to_string());
        }
        self.blank();
        let end = self.integer()?;
        self.blank();
        let step = if self.take(':') {
            self.blank();
            self.integer()?.unwrap_or(1)
        } else {
            1
        };
        Ok(Selector::Slice(start, end, step))
    }

    fn integer(&mut self) -> Read<Option<i64>> {
        let from = self.at;
        self.take('-');
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        let digits: String = self.letters[from..self.at].iter().collect();
        if digits.is_empty() {
            return Ok(None);
        }
        let found: Option<i64> = digits.parse().ok().filter(|number: &i64| number.abs() < 1 << 53);
        found.map(Some).ok_or_else(|| format!("{} is no place in a list", cut(&digits)))
    }

    fn quoted(&mut self) -> Read<String> {
        let (mark, mut found) = (self.peek(), String::new());
        self.at += 1;
        loop {
            let letter = *self.letters.get(self.at).ok_or("a quotation mark is not closed")?;
            self.at += 1;
            if letter == mark {
                return Ok(found);
            }
            if letter != '\\' {
                found.push(letter);
                continue;
            }
            let escaped = self.peek();
            self.at += 1;
            found.push(match escaped {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                '\\' | '/' | '\'' | '"' => escaped,
                'u' => {
                    let four: String = self.letters.iter().skip(self.at).take(4).collect();
                    self.at += 4;
                    let code = u32::from_str_radix(&four, 16).ok().and_then(char::from_u32);
                    code.ok_or("\\u is followed by four hexadecimal digits of one character")?
                }
                _ => return Err("there is no such escape".to_string()),
            });
        }
    }

    fn any(&mut self, depth: usize) -> Read<Test> {
        let mut found = vec![self.every(depth)?];
        while self.word("||") {
            found.push(self.every(depth)?);
        }
        Ok(Test::Any(found))
    }

    fn every(&mut self, depth: usize) -> Read<Test> {
        let mut found = vec![self.one(depth)?];
        while self.word("&&") {
            found.push(self.one(depth)?);
        }
        Ok(Test::Every(found))
    }

    fn one(&mut self, depth: usize) -> Read<Test> {
        if depth > DEPTH_MAX / 4 {
            return Err("too many parentheses are inside each other".to_string());
        }
        if self.word("!") {
            return Ok(Test::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.word("(") {
            let found = self.any(depth + 1)?;
            return if self.word(")") { Ok(found) } else { Err("expected )".to_string()) };
        }
        let left = self.operand(depth)?;
        for sign in COMPARISONS {
            if self.word(sign) {
                return Ok(Test::Compared(left, sign, self.operand(depth)?));
            }
        }
        match left {
            Operand::Is(_) => Err("expected a comparison such as @.price < 10".to_string()),
            path @ Operand::Path { .. } => Ok(Test::There(path)),
        }
    }

    fn operand(&mut self, depth: usize) -> Read<Operand> {
        self.blank();
        let first = self.peek();
        if first == '@' || first == '$' {
            self.at += 1;
            return Ok(Operand::Path { root: first == '$', segments: self.segments(depth + 1)? });
        }
        if first == '\'' || first == '"' {
            return self.quoted().map(|text| Operand::Is(Value::Text(text)));
        }
        for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
            if self.word(word) {
                return Ok(Operand::Is(value));
            }
        }
        let from = self.at;
        while self.peek().is_ascii_digit() || matches!(self.peek(), '-' | '+' | '.' | 'e' | 'E') {
            self.at += 1;
        }
        let digits: String = self.letters[from..self.at].iter().collect();
        match crate::json::parse(&digits, &mut Vec::new()) {
            Ok(number @ Value::Number(_)) => Ok(Operand::Is(number)),
            _ => Err("expected @, $, a text in quotation marks, a number, true, false or null (functions are not known)".to_string()),
        }
    }
}

struct Walk<'a> {
    document: &'a Value,
    steps: usize,
}

impl<'a> Walk<'a> {
    fn step(&mut self) -> Read<()> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(format!("path: it takes more than {STEPS_MAX} steps in this document"));
        }
        Ok(())
    }

    fn along(&mut self, segments: &[Segment], mut found: Vec<Match<'a>>) -> Read<Vec<Match<'a>>> {
        for segment in segments {
            let mut next = Vec::new();
            for one in found {
                self.segment(segment, one, &mut next)?;
            }
            found = next;
        }
        Ok(found)
    }

    fn segment(&mut self, segment: &Segment, one: Match<'a>, to: &mut Vec<Match<'a>>) -> Read<()> {
        for selector in &segment.selectors {
            self.select(selector, &one, to)?;
        }
        if to.len() > MATCHES_MAX {
            return Err(format!("path: more than {MATCHES_MAX} values match"));
        }
        if segment.descend {
            for child in self.children(&one)? {
                self.segment(segment, child, to)?;
            }
        }
        Ok(())
    }

    fn children(&mut self, of: &Match<'a>) -> Read<Vec<Match<'a>>> {
        let mut found = Vec::new();
        match of.value {
            Value::List(items) => {
                for (at, value) in items.iter().enumerate() {
                    self.step()?;
                    found.push(Match { pointer: format!("{}/{at}", of.pointer), value });
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.step()?;
                    found.push(Match { pointer: format!("{}/{}", of.pointer, escaped(name)), value });
                }
            }
            _ => {}
        }
        Ok(found)
    }

    fn select(&mut self, selector: &Selector, of: &Match<'a>, to: &mut Vec<Match<'a>>) -> Read<()> {
        self.step()?;
        match (selector, of.value) {
            (Selector::Name(name), value) => {
                if let Value::Object(members) = value {
                    self.steps += members.len() / 8;
                }
                to.extend(value.member(name).map(|value| Match { pointer: format!("{}/{}", of.pointer, escaped(name)), value }));
            }
            (Selector::Index(at), Value::List(items)) => {
                let place = if *at < 0 { at + items.len() as i64 } else { *at };
                let found = usize::try_from(place).ok().and_then(|place| items.get(place));
                to.extend(found.map(|value| Match { pointer: format!("{}/{place}", of.pointer), value }));
            }
            (Selector::Slice(start, end, step), Value::List(items)) => {
                for place in places(*start, *end, *step, items.len() as i64) {
                    self.step()?;
                    to.push(Match { pointer: format!("{}/{place}", of.pointer), value: &items[place] });
                }
            }
            (Selector::All, _) => to.extend(self.children(of)?),
            (Selector::Filter(test), _) => {
                for child in self.children(of)? {
                    if self.holds(test, child.value)? {
                        to.push(child);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn holds(&mut self, test: &Test, value: &'a Value) -> Read<bool> {
        self.step()?;
        match test {
            Test::Not(inner) => Ok(!self.holds(inner, value)?),
            Test::There(operand) => Ok(!self.values(operand, value)?.is_empty()),
            Test::Any(tests) => {
                for one in tests {
                    if self.holds(one, value)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::Every(tests) => {
                for one in tests {
                    if !self.holds(one, value)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Test::Compared(left, sign, right) => {
                let left = self.single(left, value)?;
                let right = self.single(right, value)?;
                Ok(compared(left.as_ref(), sign, right.as_ref()))
            }
        }
    }

    fn values(&mut self, operand: &Operand, value: &'a Value) -> Read<Vec<&'a Value>> {
        let Operand::Path { root, segments } = operand else { return Ok(Vec::new()) };
        let start = Match { pointer: String::new(), value: if *root { self.document } else { value } };
        Ok(self.along(segments, vec![start])?.into_iter().map(|one| one.value).collect())
    }

    fn single(&mut self, operand: &Operand, value: &'a Value) -> Read<Option<Value>> {
        match operand {
            Operand::Is(value) => Ok(Some(value.clone())),
            path => match self.values(path, value)?[..] {
                [] => Ok(None),
                [one] => {
                    self.steps += size(one);
                    Ok(Some(one.clone()))
                }
                _ => Err("path: what is compared is one value, and this path selects more".to_string()),
            },
        }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::List(items) => items.iter().map(size).sum::<usize>() + 1,
        Value::Object(members) => members.iter().map(|(_, one)| size(one)).sum::<usize>() + 1,
        _ => 1,
    }
}

fn compared(left: Option<&Value>, sign: &str, right: Option<&Value>) -> bool {
    let less = |one: Option<&Value>, other: Option<&Value>| match (one, other) {
        (Some(Value::Text(one)), Some(Value::Text(other))) => one < other,
        (Some(one), Some(other)) => matches!((one.number(), other.number()), (Some(a), Some(b)) if a < b),
        _ => false,
    };
    match sign {
        "==" => left == right,
        "!=" => left != right,
        "<" => less(left, right),
        ">" => less(right, left),
        "<=" => less(left, right) || left == right,
        _ => less(right, left) || left == right,
    }
}

/// The places of a slice, as section 2.3.4.2.2 of the RFC has them.
fn places(start: Option<i64>, end: Option<i64>, step: i64, length: i64) -> Vec<usize> {
    let from_end = |at: i64| if at < 0 { at + length } else { at };
    let mut found = Vec::new();
    if step > 0 {
        let mut at = from_end(start.unwrap_or(0)).clamp(0, length);
        let last = from_end(end.unwrap_or(length)).clamp(0, length);
        while at < last {
            found.push(at as usize);
            at += step;
        }
    } else if step < 0 {
        let mut at = from_end(start.unwrap_or(length - 1)).clamp(-1, length - 1);
        let last = end.map_or(-1, |end| from_end(end).clamp(-1, length - 1));
        while at > last {
            found.push(at as usize);
            at += step;
        }
    }
    found
}
