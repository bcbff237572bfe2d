//! Units converts between units of measure. It listens on `PORT`, says in `/openapi.json` what it does, and keeps nothing.

mod convert;
mod http;
mod table;

use convert::{convert, find, list, table_of, Refused};
use http::{Reply, Request};

const DESCRIPTION: &str = include_str!("openapi.json");

fn answer(request: &Request) -> Reply {
    if request.method != "GET" {
        return Reply::refused(405, "ask with GET");
    }
    let text = |name: &str| request.query.get(name).map_or("", String::as_str);
    let found = match request.path.as_str() {
        "/openapi.json" => return Reply::json(DESCRIPTION.to_string()),
        "/convert" => convert(text("value"), text("from"), text("to")),
        "/table" => table_of(text("value"), text("from")),
        "/units" => list(text("quantity")),
        "/find" => find(text("text")),
        path => Err(Refused::missing(format!("there is no {path}: /openapi.json lists what there is"))),
    };
    match found {
        Ok(body) => Reply::json(body),
        Err(refused) => Reply::refused(refused.status, &refused.detail),
    }
}

fn main() {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8000);
    if let Err(error) = http::serve(port, answer) {
        eprintln!("units cannot listen on port {port}: {error}");
        std::process::exit(1);
    }
}
