//! micro-core-1 for Rust: docs/reference/guest-abi.md explains every word. The build puts this file beside `lib.rs`, which
//! says `mod micro;` and implements [`micro::Guest`], then `micro::export!(Type);`.
#![allow(dead_code)]

use std::collections::HashMap;

#[link(wasm_import_module = "micro")]
extern "C" {
    fn take(place: *mut u8);
    fn waiting() -> i32;
    fn answer(body: *const u8, length: usize);
    fn fail(code: i32, detail: *const u8, length: usize);
    #[link_name = "log"]
    fn raw_log(level: i32, line: *const u8, length: usize);
    #[link_name = "call"]
    fn raw_call(message: *const u8, length: usize) -> i32;
    #[link_name = "publish"]
    fn raw_publish(message: *const u8, length: usize) -> i32;
    #[link_name = "config"]
    fn raw_config(path: *const u8, length: usize) -> i32;
    fn store_read(key: *const u8, length: usize) -> i32;
    fn store_write(key: *const u8, key_length: usize, value: *const u8, length: usize, expiry_seconds: i32) -> i32;
    fn store_delete(key: *const u8, length: usize) -> i32;
    fn stream_open(message: *const u8, length: usize) -> i32;
    fn stream_send(number: i32, body: *const u8, length: usize) -> i32;
    fn stream_receive(number: i32) -> i32;
    fn stream_end(number: i32) -> i32;
    fn stream_close(number: i32) -> i32;
}

/// A request or an event.
pub struct Message {
    pub header: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Message {
    /// The value of a header, "" where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.header.get(name).map_or("", |value| value)
    }
}

/// An error that travels: its code, and one sentence; of a host's fault that is the fault's JSON.
#[derive(Debug)]
pub struct Fault {
    pub code: i32,
    pub detail: String,
}

/// What a guest is.
pub trait Guest {
    /// What the service says about itself, in JSON.
    fn describe() -> String;
    /// Answers a call.
    fn call(request: Message) -> Result<Vec<u8>, Fault>;
    /// Serves a stream, which has the number 0.
    fn serve(_request: Message) -> Result<(), Fault> {
        Err(Fault { code: 404, detail: "there are no streams here".into() })
    }
    /// Handles an event.
    fn event(_event: Message) -> Result<(), Fault> {
        Ok(())
    }
}

fn taken(outcome: i32) -> Result<Option<Vec<u8>>, Fault> {
    if outcome == -1 {
        return Ok(None);
    }
    let length = unsafe { waiting() };
    let mut data = vec![0u8; length.max(0) as usize];
    if length >= 0 {
        unsafe { take(data.as_mut_ptr()) };
    }
    if outcome < 0 {
        return Err(Fault { code: -outcome, detail: String::from_utf8_lossy(&data).into_owned() });
    }
    Ok(Some(data))
}

fn done(outcome: i32) -> Result<(), Fault> {
    if outcome >= -1 {
        return Ok(());
    }
    taken(outcome).map(|_| ())
}

fn varint(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (index, byte) in data.iter().take(5).enumerate() {
        number |= ((byte & 127) as usize) << (7 * index);
        if *byte < 128 {
            return Some((number, &data[index + 1..]));
        }
    }
    None
}

fn fields(mut data: &[u8], mut each: impl FnMut(u8, &[u8])) {
    while let Some((tag, rest)) = data.split_first() {
        let (size, rest) = match varint(rest) {
            Some(found) => found,
            None => return, // `let else` would need Rust 1.65, and Debian's is older
        };
        if size > rest.len() {
            return;
        }
        each(*tag, &rest[..size]);
        data = &rest[size..];
    }
}

fn decode(data: &[u8]) -> Message {
    let mut found = Message { header: HashMap::new(), body: Vec::new() };
    fields(data, |tag, content| {
        if tag == 0x12 {
            found.body = content.to_vec();
            return;
        }
        let (mut name, mut value) = (String::new(), String::new());
        fields(content, |tag, text| {
            let text = String::from_utf8_lossy(text).into_owned();
            if tag == 0x0a { name = text } else { value = text }
        });
        found.header.insert(name, value);
    });
    found
}

fn field(to: &mut Vec<u8>, tag: u8, content: &[u8]) {
    to.push(tag);
    let mut size = content.len();
    while size > 127 {
        to.push(size as u8 | 128);
        size >>= 7;
    }
    to.push(size as u8);
    to.extend_from_slice(content);
}

fn encode(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut to = Vec::with_capacity(body.len() + 128);
    for (name, value) in headers {
        let mut entry = Vec::new();
        field(&mut entry, 0x0a, name.as_bytes());
        field(&mut entry, 0x12, value.as_bytes());
        field(&mut to, 0x0a, &entry);
    }
    field(&mut to, 0x12, body);
    to
}

/// Calls an endpoint of a service.
pub fn call(service: &str, endpoint: &str, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let message = encode(&[("Micro-Service", service), ("Micro-Endpoint", endpoint)], body);
    Ok(taken(unsafe { raw_call(message.as_ptr(), message.len()) })?.unwrap_or_default())
}

/// Publishes on a topic; the event's id.
pub fn publish(topic: &str, body: &[u8]) -> Result<String, Fault> {
    let message = encode(&[("Micro-Topic", topic)], body);
    let id = taken(unsafe { raw_publish(message.as_ptr(), message.len()) })?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&id).into_owned())
}

/// Writes a line to the service's log: 0 debug, 1 information, 2 warning, 3 error.
pub fn log(level: i32, line: &str) {
    unsafe { raw_log(level, line.as_ptr(), line.len()) }
}

/// A setting of the service as JSON.
pub fn config(path: &str) -> Result<Option<Vec<u8>>, Fault> {
    taken(unsafe { raw_config(path.as_ptr(), path.len()) })
}

/// What is kept under a key.
pub fn read(key: &str) -> Result<Option<Vec<u8>>, Fault> {
    taken(unsafe { store_read(key.as_ptr(), key.len()) })
}

/// Keeps a value, for ever where `expiry_seconds` is 0.
pub fn write(key: &str, value: &[u8], expiry_seconds: i32) -> Result<(), Fault> {
    done(unsafe { store_write(key.as_ptr(), key.len(), value.as_ptr(), value.len(), expiry_seconds) })
}

/// Forgets a key; whether it was there.
pub fn delete(key: &str) -> Result<bool, Fault> {
    let outcome = unsafe { store_delete(key.as_ptr(), key.len()) };
    done(outcome).map(|()| outcome == 0)
}

/// Opens a stream to an endpoint; its number.
pub fn open(service: &str, endpoint: &str, body: &[u8]) -> Result<i32, Fault> {
    let message = encode(&[("Micro-Service", service), ("Micro-Endpoint", endpoint)], body);
    let outcome = unsafe { stream_open(message.as_ptr(), message.len()) };
    done(outcome).map(|()| outcome)
}

/// Sends a message on a stream; 0 is the one that is served.
pub fn send(number: i32, body: &[u8]) -> Result<(), Fault> {
    done(unsafe { stream_send(number, body.as_ptr(), body.len()) })
}

/// The next message of a stream.
pub fn receive(number: i32) -> Result<Option<Vec<u8>>, Fault> {
    taken(unsafe { stream_receive(number) })
}

/// Says that no more is sent on a stream.
pub fn end(number: i32) -> Result<(), Fault> {
    done(unsafe { stream_end(number) })
}

/// Withdraws from a stream that was opened here.
pub fn close(number: i32) -> Result<(), Fault> {
    done(unsafe { stream_close(number) })
}

#[doc(hidden)]
pub fn message(length: i32) -> Message {
    decode(&taken(length).ok().flatten().unwrap_or_default())
}

#[doc(hidden)]
pub fn settle(outcome: Result<Option<Vec<u8>>, Fault>) {
    match outcome {
        Ok(Some(body)) => unsafe { answer(body.as_ptr(), body.len()) },
        Ok(None) => {}
        Err(fault) => unsafe { fail(fault.code, fault.detail.as_ptr(), fault.detail.len()) },
    }
}

/// Exports a guest's functions under their names.
#[macro_export]
macro_rules! export {
    ($guest:ty) => {
        #[no_mangle]
        pub extern "C" fn micro_describe() {
            $crate::micro::settle(Ok(Some(<$guest as $crate::micro::Guest>::describe().into_bytes())))
        }
        #[no_mangle]
        pub extern "C" fn micro_call(length: i32) {
            $crate::micro::settle(<$guest as $crate::micro::Guest>::call($crate::micro::message(length)).map(Some))
        }
        #[no_mangle]
        pub extern "C" fn micro_serve(length: i32) {
            $crate::micro::settle(<$guest as $crate::micro::Guest>::serve($crate::micro::message(length)).map(|()| None))
        }
        #[no_mangle]
        pub extern "C" fn micro_event(length: i32) {
            $crate::micro::settle(<$guest as $crate::micro::Guest>::event($crate::micro::message(length)).map(|()| None))
        }
    };
}
