//! JSON Pointer, RFC 6901.

use crate::json::Value;

pub const STEPS_MAX: usize = 1_000;
const SHOWN_MAX: usize = 8;

/// A member's name as a pointer has it.
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The steps of a pointer.
pub fn steps(pointer: &str) -> Result<Vec<String>, String> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = pointer.strip_prefix('/') else {
        return Err(format!("{:?} is no pointer: it is empty, for everything, or begins with /, such as /a/0", cut(pointer)));
    };
    let found: Vec<String> = rest.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    if found.len() > STEPS_MAX {
        return Err(format!("a pointer has at most {STEPS_MAX} steps"));
    }
    Ok(found)
}

/// The place of an item that a step names; `end` is where a new one would stand.
pub fn place(step: &str, end: usize) -> Option<usize> {
    let plain = step == "0" || (!step.starts_with('0') && step.bytes().all(|one| one.is_ascii_digit()) && !step.is_empty());
    step.parse().ok().filter(|at| plain && *at <= end)
}

/// What a pointer points to, or where the way ends and what is there.
pub fn find<'a>(document: &'a Value, pointer: &str) -> Result<&'a Value, String> {
    let (mut found, mut gone) = (document, String::new());
    for step in steps(pointer)? {
        let next = match found {
            Value::List(items) => place(&step, items.len()).and_then(|at| items.get(at)),
            other => other.member(&step),
        };
        found = next.ok_or_else(|| format!("nothing is at {:?}: {}", cut(pointer), there(found, &gone, &step)))?;
        gone = format!("{gone}/{}", escaped(&step));
    }
    Ok(found)
}

fn there(value: &Value, gone: &str, step: &str) -> String {
    let place = if gone.is_empty() { "the document".to_string() } else { cut(gone) };
    match value {
        Value::Object(members) if members.is_empty() => format!("{place} is an object without members"),
        Value::Object(members) => {
            let names: Vec<String> = members.iter().take(SHOWN_MAX).map(|(name, _)| cut(name)).collect();
            let more = if members.len() > SHOWN_MAX { " …" } else { "" };
            format!("{place} has no {:?}; it has {}{more}", cut(step), names.join(", "))
        }
        Value::List(items) => format!("{place} is a list of {}, and {:?} is none of its places", items.len(), cut(step)),
        other => format!("{place} is a {}", other.kind()),
    }
}

pub fn cut(text: &str) -> String {
    if text.chars().count() > 60 { text.chars().take(60).chain(['…']).collect() } else { text.to_string() }
}
