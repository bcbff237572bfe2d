//! As much of HTTP/1.1 as a service on the same machine needs: one request a connection, everything bounded.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const HEAD_BYTES_MAX: u64 = 16_384;
const BODY_BYTES_MAX: usize = 3_000_000;
const CONNECTIONS_MAX: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// What was asked.
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
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

/// Reads a request; nothing where the other side left without a word.
fn read(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream.take(HEAD_BYTES_MAX));
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(wrong("its head does not end, or is too long"));
        }
        if line == "\r\n" || line == "\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| wrong("its length is no number"))?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(wrong("its body must have a length"));
        }
    }
    if length > BODY_BYTES_MAX {
        return Err(wrong(&format!("its body has {length} bytes; at most {BODY_BYTES_MAX} are read")));
    }
    reader.get_mut().set_limit(length as u64);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let path = target.split('?').next().unwrap_or("/");
    Ok(Some(Request { method: method.to_string(), path: path.to_string(), body }))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn send(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    let reason = if reply.status == 200 { "OK" } else { "Refused" };
    let (status, kind, length) = (reply.status, reply.content_type, reply.body.len());
    let head = format!("HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(reply.body.as_bytes())?;
    stream.flush()
}
