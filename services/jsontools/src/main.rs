//! Tools for JSON over HTTP. It listens on `PORT`, says in `/openapi.json` what it does, and keeps nothing.

mod http;
mod json;
mod patch;
mod path;
mod pointer;
mod schema;

use http::{Reply, Request};
use json::Value;

const DESCRIPTION: &str = include_str!("openapi.json");
const ANSWER_BYTES_MAX: usize = 2_500_000;
const INDENT_MAX: f64 = 8.0;

/// A status and why: 400 for what is asked wrongly, 404 for what is not there.
type Answer = Result<Value, (u16, String)>;

fn bad(detail: String) -> (u16, String) {
    (400, detail)
}

fn main() {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8000);
    if let Err(error) = http::serve(port, answer) {
        eprintln!("jsontools cannot listen on port {port}: {error}");
        std::process::exit(1);
    }
}

fn answer(request: &Request) -> Reply {
    if request.path == "/openapi.json" {
        return Reply::json(DESCRIPTION.to_string());
    }
    if request.method != "POST" {
        return Reply::refused(405, "post a JSON object");
    }
    match answered(request) {
        Ok(value) => {
            let text = json::write(&value, 0, false);
            if text.len() > ANSWER_BYTES_MAX {
                return Reply::refused(413, &format!("the answer has {} bytes, and {ANSWER_BYTES_MAX} fit", text.len()));
            }
            Reply::json(text)
        }
        Err((status, detail)) => Reply::refused(status, &detail),
    }
}

fn answered(request: &Request) -> Answer {
    let text = std::str::from_utf8(&request.body).map_err(|_| bad("the request is no UTF-8".to_string()))?;
    let asked = json::parse(text, &mut Vec::new())
        .map_err(|wrong| bad(format!("the request is no JSON: line {}, column {}: {}", wrong.line, wrong.column, wrong.detail)))?;
    match request.path.as_str() {
        "/get" => get(&asked),
        "/query" => query(&asked),
        "/diff" => diff(&asked),
        "/patch" => patch::apply(field(&asked, "document")?, field(&asked, "patch")?).map(document).map_err(bad),
        "/merge" => Ok(document(patch::merge(field(&asked, "document")?, field(&asked, "patch")?))),
        "/format" => format_text(&asked),
        "/check" => check(&asked),
        "/validate" => validate(&asked),
        path => Err((404, format!("there is no {path}: /openapi.json lists what there is"))),
    }
}

fn object(members: Vec<(&str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

fn number(count: usize) -> Value {
    Value::Number(count.to_string())
}

fn text(said: &str) -> Value {
    Value::Text(said.to_string())
}

fn document(value: Value) -> Value {
    object(vec![("document", value)])
}

fn field<'a>(asked: &'a Value, name: &str) -> Result<&'a Value, (u16, String)> {
    asked.member(name).ok_or_else(|| bad(format!("{name}: it is missing")))
}

fn text_field<'a>(asked: &'a Value, name: &str) -> Result<&'a str, (u16, String)> {
    field(asked, name)?.text().ok_or_else(|| bad(format!("{name}: expected a text")))
}

fn get(asked: &Value) -> Answer {
    let (document, pointer) = (field(asked, "document")?, text_field(asked, "pointer")?);
    pointer::steps(pointer).map_err(|detail| bad(format!("pointer: {detail}")))?;
    let found = pointer::find(document, pointer).map_err(|detail| (404, detail))?;
    Ok(object(vec![("value", found.clone()), ("type", text(found.kind()))]))
}

fn query(asked: &Value) -> Answer {
    let found = path::query(field(asked, "document")?, text_field(asked, "path")?).map_err(bad)?;
    let count = found.len();
    let matches = found.into_iter().map(|one| object(vec![("pointer", Value::Text(one.pointer)), ("value", one.value.clone())]));
    Ok(object(vec![("matches", Value::List(matches.collect())), ("count", number(count))]))
}

fn diff(asked: &Value) -> Answer {
    let patch = patch::diff(field(asked, "before")?, field(asked, "after")?).map_err(bad)?;
    Ok(object(vec![("equal", Value::Bool(patch.is_empty())), ("patch", Value::List(patch))]))
}

fn format_text(asked: &Value) -> Answer {
    let said = text_field(asked, "text")?;
    let indent = match asked.member("indent") {
        None => 2.0,
        Some(value) => value.number().filter(|count| count.fract() == 0.0 && (0.0..=INDENT_MAX).contains(count)).unwrap_or(-1.0),
    };
    if indent < 0.0 {
        return Err(bad(format!("indent: expected 0 to {INDENT_MAX}; 0 writes all on one line")));
    }
    let sort = matches!(asked.member("sort"), Some(Value::Bool(true)));
    let value = json::parse(said, &mut Vec::new())
        .map_err(|wrong| bad(format!("text: line {}, column {}: {}", wrong.line, wrong.column, wrong.detail)))?;
    Ok(object(vec![("text", Value::Text(json::write(&value, indent as usize, sort)))]))
}

fn check(asked: &Value) -> Answer {
    let mut repeated = Vec::new();
    let outcome = json::parse(text_field(asked, "text")?, &mut repeated);
    let twice = ("repeated", Value::List(repeated.into_iter().map(Value::Text).collect()));
    Ok(match outcome {
        Ok(value) => object(vec![("valid", Value::Bool(true)), ("type", text(value.kind())), twice]),
        Err(wrong) => object(vec![
            ("valid", Value::Bool(false)),
            ("detail", Value::Text(wrong.detail)),
            ("line", number(wrong.line)),
            ("column", number(wrong.column)),
            twice,
        ]),
    })
}

fn validate(asked: &Value) -> Answer {
    let problems = schema::validate(field(asked, "document")?, field(asked, "schema")?).map_err(bad)?;
    let valid = Value::Bool(problems.is_empty());
    let told = problems.into_iter().map(|one| object(vec![("pointer", Value::Text(one.pointer)), ("detail", Value::Text(one.detail))]));
    Ok(object(vec![("valid", valid), ("problems", Value::List(told.collect()))]))
}
