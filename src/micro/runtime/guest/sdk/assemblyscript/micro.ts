// micro-core-1 for AssemblyScript: docs/reference/guest-abi.md explains every word. The build puts this file beside index.ts,
// which exports micro_describe, micro_call and perhaps micro_serve, micro_event.

@external("micro", "take") declare function rawTake(place: usize): void;
@external("micro", "waiting") declare function rawWaiting(): i32;
@external("micro", "answer") declare function rawAnswer(body: usize, length: i32): void;
@external("micro", "fail") declare function rawFail(code: i32, detail: usize, length: i32): void;
@external("micro", "log") declare function rawLog(level: i32, line: usize, length: i32): void;
@external("micro", "call") declare function rawCall(message: usize, length: i32): i32;
@external("micro", "publish") declare function rawPublish(message: usize, length: i32): i32;
@external("micro", "config") declare function rawConfig(path: usize, length: i32): i32;
@external("micro", "store_read") declare function rawStoreRead(key: usize, length: i32): i32;
@external("micro", "store_write")
declare function rawStoreWrite(key: usize, keyLength: i32, value: usize, length: i32, expirySeconds: i32): i32;
@external("micro", "stream_send") declare function rawStreamSend(number: i32, body: usize, length: i32): i32;
@external("micro", "stream_receive") declare function rawStreamReceive(number: i32): i32;

/** What a host's function came to: bytes, or a code: -1 for nothing, else a fault's, whose JSON the bytes are. */
export class Outcome {
  constructor(public body: ArrayBuffer, public code: i32) {}
}

/** A request or an event. */
export class Message {
  header: Map<string, string> = new Map<string, string>();
  body: ArrayBuffer = new ArrayBuffer(0);

  is(endpoint: string): bool {
    return this.header.has("Micro-Endpoint") && this.header.get("Micro-Endpoint") == endpoint;
  }
}

function taken(outcome: i32): Outcome {
  if (outcome == -1) return new Outcome(new ArrayBuffer(0), -1);
  const length = rawWaiting();
  const data = new ArrayBuffer(max(length, 0));
  if (length >= 0) rawTake(changetype<usize>(data));
  return new Outcome(data, outcome < 0 ? -outcome : 0);
}

let at: i32 = 0;

function varint(data: Uint8Array): i32 {
  let number = 0;
  for (let shift = 0; at < data.length && shift < 35; shift += 7) {
    const byte = <i32>data[at++];
    number |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  return number;
}

/** Reads the message that waits, whose length a function of the guest was given. */
export function message(length: i32): Message {
  const found = new Message();
  const blob = taken(length).body;
  const data = Uint8Array.wrap(blob);
  at = 0;
  while (at < data.length) {
    const tag = data[at++];
    const size = varint(data);
    const end = at + size;
    if (tag == 0x12) {
      found.body = blob.slice(at, end);
    } else {
      at++;
      const nameLength = varint(data);
      const name = String.UTF8.decode(blob.slice(at, at + nameLength));
      at += nameLength + 1;
      const valueLength = varint(data);
      found.header.set(name, String.UTF8.decode(blob.slice(at, at + valueLength)));
    }
    at = end;
  }
  return found;
}

function field(to: Array<u8>, tag: u8, content: Uint8Array): void {
  to.push(tag);
  let size = content.length;
  for (; size > 127; size >>= 7) to.push(<u8>(size | 128));
  to.push(<u8>size);
  for (let index = 0; index < content.length; index++) to.push(content[index]);
}

function bytes(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text));
}

function encode(headers: string[], body: ArrayBuffer): Uint8Array {
  const to = new Array<u8>();
  for (let index = 0; index < headers.length; index += 2) {
    const entry = new Array<u8>();
    field(entry, 0x0a, bytes(headers[index]));
    field(entry, 0x12, bytes(headers[index + 1]));
    const packed = new Uint8Array(entry.length);
    packed.set(entry);
    field(to, 0x0a, packed);
  }
  field(to, 0x12, Uint8Array.wrap(body));
  const packed = new Uint8Array(to.length);
  packed.set(to);
  return packed;
}

/** Calls an endpoint of a service. */
export function call(service: string, endpoint: string, body: ArrayBuffer): Outcome {
  const said = encode(["Micro-Service", service, "Micro-Endpoint", endpoint], body);
  return taken(rawCall(said.dataStart, said.length));
}

/** Publishes on a topic. */
export function publish(topic: string, body: ArrayBuffer): Outcome {
  const said = encode(["Micro-Topic", topic], body);
  return taken(rawPublish(said.dataStart, said.length));
}

/** Writes a line to the service's log: 0 debug, 1 information, 2 warning, 3 error. */
export function log(level: i32, line: string): void {
  const text = String.UTF8.encode(line);
  rawLog(level, changetype<usize>(text), text.byteLength);
}

/** A setting of the service as JSON. */
export function config(path: string): Outcome {
  const text = String.UTF8.encode(path);
  return taken(rawConfig(changetype<usize>(text), text.byteLength));
}

/** What is kept under a key. */
export function read(key: string): Outcome {
  const text = String.UTF8.encode(key);
  return taken(rawStoreRead(changetype<usize>(text), text.byteLength));
}

/** Keeps a value, for ever where expirySeconds is 0. */
export function write(key: string, value: ArrayBuffer, expirySeconds: i32): Outcome {
  const text = String.UTF8.encode(key);
  const outcome = rawStoreWrite(changetype<usize>(text), text.byteLength, changetype<usize>(value), value.byteLength, expirySeconds);
  return outcome < 0 ? taken(outcome) : new Outcome(new ArrayBuffer(0), 0);
}

/** Sends a message on a stream; 0 is the one that is served. */
export function send(number: i32, body: ArrayBuffer): bool {
  return rawStreamSend(number, changetype<usize>(body), body.byteLength) >= 0;
}

/** The next message of a stream. */
export function receive(number: i32): Outcome {
  return taken(rawStreamReceive(number));
}

export function answer(body: ArrayBuffer): void {
  rawAnswer(changetype<usize>(body), body.byteLength);
}

export function fail(code: i32, detail: string): void {
  const text = String.UTF8.encode(detail);
  rawFail(code, changetype<usize>(text), text.byteLength);
}
