//! What is asked about units: one conversion, all of a quantity, and which there are. Answers are JSON texts.

use crate::table::{Scale, Unit, UNITS};

const TEXT_CHARACTERS_MAX: usize = 60;
const DIGITS: usize = 12;
const NEAR_MAX: usize = 4;
const WORD_LETTERS_MIN: usize = 3;

/// Why something was not done.
pub struct Refused {
    pub status: u16,
    pub detail: String,
}

impl Refused {
    pub fn missing(detail: String) -> Refused {
        Refused { status: 404, detail }
    }
}

fn bad<T>(detail: String) -> Result<T, Refused> {
    Err(Refused { status: 400, detail })
}

type Answer = Result<String, Refused>;

pub fn convert(value: &str, from: &str, to: &str) -> Answer {
    let (value, from, to) = (number(value)?, named("from", from)?, named("to", to)?);
    if from.quantity != to.quantity {
        let (one, other) = (from.quantity, to.quantity);
        return bad(format!("{} is a unit of {one} and {} one of {other}: there is no way between them", from.name, to.name));
    }
    let result = converted(value, from, to)?;
    let text = format!("{} {} = {} {}", shown(value), symbol(from), shown(result), symbol(to));
    Ok(format!(
        r#"{{"result":{},"text":{},"quantity":{},"from":{},"to":{}}}"#,
        shown(result), quoted(&text), quoted(from.quantity), quoted(from.name), quoted(to.name)
    ))
}

pub fn table_of(value: &str, from: &str) -> Answer {
    let (value, from) = (number(value)?, named("from", from)?);
    let mut rows = Vec::new();
    for unit in UNITS.iter().filter(|unit| unit.quantity == from.quantity && unit.name != from.name) {
        if let Ok(result) = converted(value, from, unit) {
            rows.push(format!(
                r#"{{"unit":{},"symbol":{},"result":{}}}"#,
                quoted(unit.name), quoted(symbol(unit)), shown(result)
            ));
        }
    }
    if rows.is_empty() {
        return bad(format!("{} {} cannot be told in another unit of {}", shown(value), from.name, from.quantity));
    }
    let rows = rows.join(",");
    Ok(format!(r#"{{"quantity":{},"from":{},"results":[{rows}]}}"#, quoted(from.quantity), quoted(from.name)))
}

pub fn list(quantity: &str) -> Answer {
    let wanted = quantity.trim().to_lowercase();
    let found: Vec<&Unit> = UNITS.iter().filter(|unit| wanted.is_empty() || unit.quantity == wanted).collect();
    let mut quantities: Vec<&str> = Vec::new();
    for unit in UNITS {
        if quantities.last() != Some(&unit.quantity) {
            quantities.push(unit.quantity);
        }
    }
    if found.is_empty() {
        let known = quantities.join(", ");
        return Err(Refused::missing(format!("there is no quantity {:?}; there are {known}", cut(quantity))));
    }
    let names: Vec<String> = quantities.iter().map(|name| quoted(name)).collect();
    Ok(format!(r#"{{"quantities":[{}],"units":[{}]}}"#, names.join(","), told(&found)))
}

pub fn find(text: &str) -> Answer {
    let wanted = text.trim().to_lowercase();
    if wanted.is_empty() || wanted.chars().count() > TEXT_CHARACTERS_MAX {
        return bad(format!("text: expected 1 to {TEXT_CHARACTERS_MAX} letters of a unit's name or symbol"));
    }
    let found: Vec<&Unit> = UNITS.iter().filter(|unit| spellings(unit).any(|one| one.to_lowercase().contains(&wanted))).collect();
    Ok(format!(r#"{{"units":[{}]}}"#, told(&found)))
}

fn told(units: &[&Unit]) -> String {
    let row = |unit: &&Unit| {
        format!(r#"{{"unit":{},"symbol":{},"quantity":{}}}"#, quoted(unit.name), quoted(symbol(unit)), quoted(unit.quantity))
    };
    units.iter().map(row).collect::<Vec<_>>().join(",")
}

fn number(said: &str) -> Result<f64, Refused> {
    match said.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => bad(format!("value: expected a number such as 12.5, and it is {:?}", cut(said))),
    }
}

/// The unit of a name or symbol: as it is written, else in whatever letters, if only one unit is called so.
fn named(field: &str, said: &str) -> Result<&'static Unit, Refused> {
    let said = said.trim();
    if said.is_empty() || said.chars().count() > TEXT_CHARACTERS_MAX {
        return bad(format!("{field}: expected a unit such as km, or kilometre"));
    }
    if let Some(unit) = UNITS.iter().find(|unit| spellings(unit).any(|one| one == said)) {
        return Ok(unit);
    }
    let small = said.to_lowercase();
    let alike: Vec<&Unit> = UNITS.iter().filter(|unit| spellings(unit).any(|one| one.to_lowercase() == small)).collect();
    match alike[..] {
        [unit] => Ok(unit),
        [] => Err(Refused::missing(format!("{field}: there is no unit {:?}{}", cut(said), near(&small)))),
        _ => {
            let names: Vec<String> = alike.iter().map(|unit| format!("{} ({})", symbol(unit), unit.name)).collect();
            bad(format!("{field}: {said:?} may be {}: write it as one of them", names.join(" or ")))
        }
    }
}

fn near(small: &str) -> String {
    let mut ranked: Vec<(usize, &str)> =
        UNITS.iter().flat_map(|unit| words(unit).map(|one| (steps(small, &one.to_lowercase()), unit.name))).collect();
    ranked.sort();
    let mut names: Vec<&str> = Vec::new();
    for (count, name) in ranked {
        if count <= 1 + small.chars().count() / 4 && names.len() < NEAR_MAX && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "; /units lists them".to_string() } else { format!("; there is {}", names.join(", ")) }
}

/// How many letters must be changed, put in or left out to make one word of another (Levenshtein).
fn steps(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for place in 0..other.len() {
            let changed = diagonal + usize::from(other[place] != letter);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

fn spellings(unit: &Unit) -> impl Iterator<Item = &'static str> {
    let (name, symbols, names) = (unit.name, unit.symbols, unit.names);
    std::iter::once(name).chain(symbols.iter().copied()).chain(names.iter().copied())
}

/// Those of a unit's spellings that are words, and no symbols of few letters, to which everything is near.
fn words(unit: &Unit) -> impl Iterator<Item = &'static str> {
    spellings(unit).filter(|one| one.chars().count() >= WORD_LETTERS_MIN)
}

fn symbol(unit: &Unit) -> &'static str {
    unit.symbols.first().copied().unwrap_or(unit.name)
}

fn converted(value: f64, from: &Unit, to: &Unit) -> Result<f64, Refused> {
    if from.name == to.name {
        return Ok(value);
    }
    let base = match from.scale {
        Scale::By(factor) => value * factor,
        Scale::Shifted(offset, factor) => (value + offset) * factor,
        Scale::Inverse(factor) => factor / value,
    };
    if from.quantity == "temperature" && base < -1e-9 {
        return bad(format!("value: {} {} is below absolute zero", shown(value), symbol(from)));
    }
    let result = match to.scale {
        Scale::By(factor) => base / factor,
        Scale::Shifted(offset, factor) => base / factor - offset,
        Scale::Inverse(factor) => factor / base,
    };
    let result = rounded(result);
    if !result.is_finite() {
        return bad(format!("value: {} {} cannot be told in {}", shown(value), symbol(from), to.name));
    }
    Ok(result)
}

/// A value with as many digits as the way of floating point leaves right.
fn rounded(value: f64) -> f64 {
    format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value)
}

/// A number as JSON, and as people, write it.
fn shown(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_string()
    } else if (1e-6..1e15).contains(&size) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

fn quoted(text: &str) -> String {
    let mut found = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => found.push_str("\\\""),
            '\\' => found.push_str("\\\\"),
            letter if letter < ' ' => found.push_str(&format!("\\u{:04x}", letter as u32)),
            letter => found.push(letter),
        }
    }
    found + "\""
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARACTERS_MAX).collect()
}
