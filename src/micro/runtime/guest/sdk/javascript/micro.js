// The front door of the Micro network as a guest in JavaScript has it. A guest's main file makes its service the default export:
//
//   import { Service } from "./micro.js";
//   const greeter = new Service("greeter");
//   greeter.endpoint("Say.Hello", ({ name = "world" }) => ({ text: `Hello ${name}` }));
//   export default greeter;
//
// Handlers are plain functions: what they ask of their host suspends the whole guest, and returns when it is done.
import * as host from "micro:service/host@0.1.0";

const JSON_TYPE = "application/json";
const PLAIN = /^[\x00-\x7f]*$/;
const PIECE = 8192;

export function encode(text) {
  if (PLAIN.test(text)) {
    const found = new Uint8Array(text.length);
    for (let at = 0; at < found.length; at++) found[at] = text.charCodeAt(at);
    return found;
  }
  const bytes = [];
  for (const letter of text) {
    const code = letter.codePointAt(0);
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return new Uint8Array(bytes);
}

export function decode(bytes) {
  const pieces = [];
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const piece = String.fromCharCode.apply(null, bytes.subarray(at, at + PIECE));
    if (!PLAIN.test(piece)) break;
    pieces.push(piece);
    at += PIECE;
  }
  while (at < bytes.length) {
    const first = bytes[at++];
    if (first < 0x80) text += String.fromCharCode(first);
    else if (first < 0xe0) text += String.fromCharCode(((first & 31) << 6) | (bytes[at++] & 63));
    else if (first < 0xf0)
      text += String.fromCharCode(((first & 15) << 12) | ((bytes[at++] & 63) << 6) | (bytes[at++] & 63));
    else
      text += String.fromCodePoint(
        ((first & 7) << 18) | ((bytes[at++] & 63) << 12) | ((bytes[at++] & 63) << 6) | (bytes[at++] & 63),
      );
    if (text.length > 8192) pieces.push(text), (text = "");
  }
  return pieces.join("") + text;
}

/** An error that travels. */
export class Fault extends Error {
  constructor(detail, { code = 500, id = "", status = "" } = {}) {
    super(detail);
    Object.assign(this, { detail, code, id, status });
  }
}

function asked(work, ...given) {
  try {
    return work(...given);
  } catch (error) {
    const found = error.payload ?? error.value ?? error;
    throw found && found.detail !== undefined ? new Fault(found.detail, found) : error;
  }
}

function bodyOf(value) {
  if (value instanceof Uint8Array) return [value, "application/octet-stream"];
  return [encode(JSON.stringify(value ?? {})), JSON_TYPE];
}

function valueOf(body) {
  return body.length ? JSON.parse(decode(body)) : null;
}

export const client = {
  call(service, endpoint, request, headers = {}) {
    const [body, type] = bodyOf(request);
    const said = [["Micro-Service", service], ["Micro-Endpoint", endpoint], ["Content-Type", type]];
    const answer = asked(host.call, { header: [...said, ...Object.entries(headers)], body });
    return request instanceof Uint8Array ? answer : valueOf(answer);
  },
  publish(topic, event, headers = {}) {
    const [body, type] = bodyOf(event);
    const said = [["Micro-Topic", topic], ["Content-Type", type]];
    return asked(host.publish, { header: [...said, ...Object.entries(headers)], body });
  },
  stream(service, endpoint, request, headers = {}) {
    const [body, type] = bodyOf(request);
    const said = [["Micro-Service", service], ["Micro-Endpoint", endpoint], ["Content-Type", type]];
    return new Stream(asked(host.streamOpen, { header: [...said, ...Object.entries(headers)], body }));
  },
};

/** Values that come in and go out; 0 is the stream that is served. */
export class Stream {
  constructor(number) {
    this.number = number;
  }
  send(item) {
    asked(host.streamSend, this.number, bodyOf(item)[0]);
  }
  /** The next value, undefined after the last. */
  receive() {
    const body = asked(host.streamReceive, this.number);
    return body === undefined || body === null ? undefined : valueOf(body);
  }
  *[Symbol.iterator]() {
    for (let item; (item = this.receive()) !== undefined; ) yield item;
  }
  end() {
    asked(host.streamEnd, this.number);
  }
  close() {
    asked(host.streamClose, this.number);
  }
}

export const store = {
  read: (key) => asked(host.storeRead, key) ?? null,
  write: (key, value, expirySeconds = 0) => asked(host.storeWrite, key, value, expirySeconds),
  delete: (key) => asked(host.storeDelete, key),
  list: (prefix = "", limit = 100) => asked(host.storeList, prefix, limit),
};

export const config = {
  get(path, fallback = null) {
    const found = asked(host.config, path);
    return found === undefined || found === null ? fallback : JSON.parse(found);
  },
};

export const log = {
  debug: (line) => host.log(0, String(line)),
  info: (line) => host.log(1, String(line)),
  warning: (line) => host.log(2, String(line)),
  error: (line) => host.log(3, String(line)),
};

/** A named set of endpoints and subscribers. */
export class Service {
  constructor(name, { version = "0.1.0", description = "", metadata = {}, instances = "stateless", store = "caller" } = {}) {
    this.said = { name, version, description, metadata, instances, store, endpoints: [], subscriptions: [] };
    this.handlers = new Map();
    this.subscribers = new Map();
  }
  /** Declares a function of the request's fields, and of the headers, as an endpoint. */
  endpoint(name, handler, described = {}) {
    this.said.endpoints.push({ name, ...described });
    this.handlers.set(name, handler);
    return this;
  }
  /** Declares a function of a stream, of the request's fields and of the headers. */
  stream(name, handler, described = {}) {
    return this.endpoint(name, handler, { kind: "stream", ...described });
  }
  /** Declares a function of an event's value, and of its headers. */
  subscribe(topic, handler, queue = "") {
    this.said.subscriptions.push({ topic, queue });
    this.subscribers.set(topic, handler);
    return this;
  }
  find(headers) {
    const found = this.handlers.get(headers["Micro-Endpoint"]);
    if (!found) throw new Fault(`${this.said.name} has no endpoint ${headers["Micro-Endpoint"]}`, { code: 404 });
    return found;
  }
}

export { bodyOf, valueOf };
