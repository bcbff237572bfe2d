//! As much of HTTP/1.1 as a service on the same machine needs: one request a connection, everything bounded.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const HEAD_BYTES_MAX: u64 = 65_536;
const CONNECTIONS_MAX: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// What was asked.
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: HashMap<String, String>,
}

/// What is answered.
pub struct Reply {
    status: u16,
    content_type: &'static str,
    body: String,
}

impl Reply {
    pub fn json(body: String) -> Reply {
        Reply { status: 200, content_type: "application/json", body }
    }
    pub fn refused(status: u16, detail: &str) -> Reply {
        Reply { status, content_type: "text/plain; charset=utf-8", body: detail.to_string() }
    }
}

/// Listens on a port of this machine until the process ends.
pub fn serve(port: u16, answer: fn(&Request) -> Reply) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let place = Place::take();
        if place.number > CONNECTIONS_MAX {
            let _ = send(&mut stream, &Reply::refused(503, "too many ask at once: try again"));
            continue;
        }
        thread::spawn(move || {
            let _place = place;
            serve_one(&mut stream, answer);
        });
    }
    Ok(())
}

/// One of the connections that are open; it is given back however its thread ends.
struct Place {
    number: usize,
}

impl Place {
    fn take() -> Place {
        Place { number: CONNECTIONS.fetch_add(1, Ordering::SeqCst) + 1 }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        CONNECTIONS.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve_one(stream: &mut TcpStream, answer: fn(&Request) -> Reply) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_write_timeout(Some(PATIENCE));
    let reply = match read(stream) {
        Ok(Some(request)) => answer(&request),
        Ok(None) => return,
        Err(error) => Reply::refused(400, &format!("this is no request of HTTP/1.1: {error}")),
    };
    let _ = send(stream, &reply);
}

/// Reads a request's head; nothing where the other side left without a word.
fn read(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream.take(HEAD_BYTES_MAX));
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its head does not end, or is too long"));
        }
        if line == "\r\n" || line == "\n" {
            break;
        }
    }
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    Ok(Some(Request {
        method: method.to_string(),
        path: decoded(path),
        query: pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decoded(k), decoded(v))).collect(),
    }))
}

fn send(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    let reason = if reply.status == 200 { "OK" } else { "Refused" };
    let (status, kind, length) = (reply.status, reply.content_type, reply.body.len());
    let head = format!("HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(reply.body.as_bytes())?;
    stream.flush()
}

/// Undoes percent-encoding; what is no UTF-8 becomes a mark of replacement.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut found = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (bytes[at], hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                found.push(byte);
                at += 2;
            }
            (b'+', _) => found.push(b' '),
            (byte, _) => found.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&found).into_owned()
}
