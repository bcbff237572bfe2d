//! JSON Patch (RFC 6902): made of two documents, and applied; JSON Merge Patch (RFC 7396).

use crate::json::{indexed, Value, DEPTH_MAX};
use crate::pointer::{cut, escaped, find, place, steps};
use std::collections::HashMap;

pub const OPERATIONS_MAX: usize = 10_000;
const CHANGES_MAX: usize = 10_000;
const WEIGHT_MAX: usize = 10_000_000;

type Patched<T> = Result<T, String>;

fn operation(kind: &str, path: &str, value: Option<&Value>) -> Value {
    let mut members = vec![
        ("op".to_string(), Value::Text(kind.to_string())),
        ("path".to_string(), Value::Text(path.to_string())),
    ];
    members.extend(value.map(|value| ("value".to_string(), value.clone())));
    Value::Object(members)
}

/// The operations that make `after` of `before`.
pub fn diff(before: &Value, after: &Value) -> Patched<Vec<Value>> {
    let mut found = Vec::new();
    compare(before, after, "", &mut found)?;
    Ok(found)
}

fn compare(before: &Value, after: &Value, path: &str, found: &mut Vec<Value>) -> Patched<()> {
    if found.len() > CHANGES_MAX {
        return Err(format!("the documents differ in more than {CHANGES_MAX} places"));
    }
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let (old, new) = (indexed(one), indexed(other));
            for (name, _) in one.iter().filter(|(name, _)| !new.contains_key(name.as_str())) {
                found.push(operation("remove", &format!("{path}/{}", escaped(name)), None));
            }
            for (name, value) in other {
                let place = format!("{path}/{}", escaped(name));
                match old.get(name.as_str()) {
                    Some(was) => compare(was, value, &place, found)?,
                    None => found.push(operation("add", &place, Some(value))),
                }
            }
        }
        (Value::List(one), Value::List(other)) => lists(one, other, path, found)?,
        _ if before == after => {}
        _ => found.push(operation("replace", path, Some(after))),
    }
    Ok(())
}

/// What is alike at both ends stays; between them places are compared one by one, and the rest is taken or put there.
fn lists(one: &[Value], other: &[Value], path: &str, found: &mut Vec<Value>) -> Patched<()> {
    let head = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let rest = one.len().min(other.len()) - head;
    let tail = one.iter().rev().zip(other.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (old, new) = (&one[head..one.len() - tail], &other[head..other.len() - tail]);
    for (index, (was, is)) in old.iter().zip(new).enumerate() {
        compare(was, is, &format!("{path}/{}", head + index), found)?;
    }
    for index in (new.len()..old.len()).rev() {
        found.push(operation("remove", &format!("{path}/{}", head + index), None));
    }
    for (index, value) in new.iter().enumerate().skip(old.len()) {
        found.push(operation("add", &format!("{path}/{}", head + index), Some(value)));
    }
    if found.len() > CHANGES_MAX {
        return Err(format!("the documents differ in more than {CHANGES_MAX} places"));
    }
    Ok(())
}

/// Applies operations, all of them or none.
pub fn apply(document: &Value, patch: &Value) -> Patched<Value> {
    let Value::List(operations) = patch else {
        return Err("patch: expected a list of operations".to_string());
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(format!("patch: at most {OPERATIONS_MAX} operations"));
    }
    let mut changed = document.clone();
    let mut weight = 0;
    for (index, one) in operations.iter().enumerate() {
        perform(&mut changed, one, &mut weight).map_err(|detail| format!("patch[{index}]: {detail}"))?;
    }
    Ok(changed)
}

/// Adds a value's size to what was moved so far: copies of copies would double with each operation, without an end.
fn weigh(value: &Value, depth: usize, weight: &mut usize) -> Patched<()> {
    *weight += match value {
        Value::Text(text) | Value::Number(text) => text.len() + 16,
        _ => 16,
    };
    if *weight > WEIGHT_MAX {
        return Err(format!("the patch moves more than {WEIGHT_MAX} bytes about"));
    }
    if depth > DEPTH_MAX {
        return Err(format!("more than {DEPTH_MAX} values would be inside each other"));
    }
    match value {
        Value::List(items) => items.iter().try_for_each(|item| weigh(item, depth + 1, weight)),
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            *weight += name.len();
            weigh(member, depth + 1, weight)
        }),
        _ => Ok(()),
    }
}

fn perform(document: &mut Value, one: &Value, weight: &mut usize) -> Patched<()> {
    let said = |name: &str| one.member(name).and_then(Value::text);
    let path = said("path").ok_or("it says no path")?;
    let value = || one.member("value").cloned().ok_or("it says no value");
    let from = || said("from").ok_or("it says no from");
    let depth = steps(path)?.len();
    match said("op").unwrap_or("") {
        "add" => {
            let added = value()?;
            weigh(&added, depth, weight)?;
            add(document, path, added)
        }
        "remove" => remove(document, path).map(|_| ()),
        "replace" if path.is_empty() => {
            *document = value()?;
            Ok(())
        }
        "replace" => {
            let put = value()?;
            weigh(&put, depth, weight)?;
            *reach(document, &steps(path)?, path)? = put;
            Ok(())
        }
        "copy" => {
            let copied = find(document, from()?)?;
            weigh(copied, depth, weight)?;
            let copied = copied.clone();
            add(document, path, copied)
        }
        "move" => {
            if path.starts_with(&format!("{}/", from()?)) {
                return Err("nothing can be moved into itself".to_string());
            }
            let moved = remove(document, from()?)?;
            weigh(&moved, depth, weight)?;
            add(document, path, moved)
        }
        "test" if *find(document, path)? == value()? => Ok(()),
        "test" => Err(format!("{:?} does not hold that value", cut(path))),
        other => Err(format!("{:?} is no operation: there are add, remove, replace, move, copy and test", cut(other))),
    }
}

/// What steps lead to, to be changed.
fn reach<'a>(document: &'a mut Value, steps: &[String], path: &str) -> Patched<&'a mut Value> {
    let mut found = document;
    for step in steps {
        let next = match found {
            Value::List(items) => place(step, items.len()).and_then(|at| items.get_mut(at)),
            Value::Object(members) => members.iter_mut().find(|(name, _)| name == step).map(|(_, value)| value),
            _ => None,
        };
        found = next.ok_or_else(|| format!("nothing is at {:?}: there is no {:?}", cut(path), cut(step)))?;
    }
    Ok(found)
}

fn add(document: &mut Value, path: &str, value: Value) -> Patched<()> {
    let all = steps(path)?;
    let Some((last, before)) = all.split_last() else {
        *document = value;
        return Ok(());
    };
    match reach(document, before, path)? {
        Value::List(items) => {
            let at = if last == "-" { Some(items.len()) } else { place(last, items.len()) };
            let at = at.ok_or_else(|| format!("{:?} is no place in a list of {}", cut(last), items.len()))?;
            items.insert(at, value);
        }
        Value::Object(members) => match members.iter_mut().find(|(name, _)| name == last) {
            Some(member) => member.1 = value,
            None => members.push((last.clone(), value)),
        },
        other => return Err(format!("{:?} is inside a {}, which has no members", cut(path), other.kind())),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Patched<Value> {
    let all = steps(path)?;
    let Some((last, before)) = all.split_last() else {
        return Err("the whole document cannot be removed".to_string());
    };
    let found = match reach(document, before, path)? {
        Value::List(items) => place(last, items.len()).filter(|at| *at < items.len()).map(|at| items.remove(at)),
        Value::Object(members) => members.iter().position(|(name, _)| name == last).map(|at| members.remove(at).1),
        _ => None,
    };
    found.ok_or_else(|| format!("nothing is at {:?}", cut(path)))
}

/// Applies a merge patch: members of null are taken away, those of objects are merged, all others replace.
pub fn merge(document: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut members = match document {
        Value::Object(members) => members.clone(),
        _ => Vec::new(),
    };
    let mut places: HashMap<String, usize> = members.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
    let mut gone = vec![false; members.len()];
    for (name, change) in changes {
        match (places.get(name).copied(), change) {
            (Some(at), Value::Null) => gone[at] = true,
            (None, Value::Null) => {}
            (Some(at), change) => members[at].1 = merge(&members[at].1, change),
            (None, change) => {
                places.insert(name.clone(), members.len());
                members.push((name.clone(), merge(&Value::Null, change)));
                gone.push(false);
            }
        }
    }
    let mut at = 0;
    members.retain(|_| {
        at += 1;
        !gone[at - 1]
    });
    Value::Object(members)
}
