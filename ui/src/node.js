// The node, asked over its HTTP door: calls, streams, events. All that the app knows comes from here.
import { lasting, store } from "./store.js";

/** The half of a session that only this page can read; the other half is a cookie that no page can. */
export const pageKey = lasting("session", null);
/** Whether the node was reached when it was asked last. */
export const online = store(true);

export class Fault extends Error {
  constructor(code, detail, id = "") {
    super(detail);
    this.code = code;
    this.detail = detail;
    this.id = id;
  }
}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  const key = pageKey.get();
  if (key) headers["Micro-Session"] = key;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (online.get()) online.set(false);
    throw new Fault(0, "The node does not answer.");
  }
  const cached = answer.headers.get("micro-offline") !== null;
  if (online.get() === cached) online.set(!cached);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 401 && key && key === pageKey.get()) pageKey.set(null); // the session has ended, not one that began meanwhile
  throw new Fault(told.code ?? answer.status, told.detail ?? answer.statusText, told.id);
}

const path = (service, endpoint) => `/api/${encodeURIComponent(service)}/${encodeURIComponent(endpoint)}`;

/** Sends JSON, bytes (a Blob) or lines for a stream; returns path and options. */
function asked(service, endpoint, request, { messages, parameters } = {}) {
  const where = path(service, endpoint);
  if (request instanceof Blob) {
    return [where, { method: "POST", body: request, headers: { "Content-Type": "application/octet-stream" } }];
  }
  if (messages) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters ?? {})) {
      for (const one of [value].flat()) query.append(name, typeof one === "object" ? JSON.stringify(one) : one);
    }
    const body = messages.map((message) => JSON.stringify(message)).join("\n") || "\n";
    const headers = { "Content-Type": "application/x-ndjson" };
    return [query.size ? `${where}?${query}` : where, { method: "POST", body, headers }];
  }
  const body = JSON.stringify(request ?? {});
  return [where, { method: "POST", body, headers: { "Content-Type": "application/json" } }];
}

/**
 * Calls an endpoint.
 * @returns {Promise<{value?: any, blob?: Blob, seconds: number}>} a value, or bytes as they came.
 */
export async function call(service, endpoint, request, { signal } = {}) {
  const began = performance.now();
  const [where, options] = asked(service, endpoint, request);
  const answer = await ask(where, { ...options, signal });
  const type = answer.headers.get("content-type") ?? "";
  if (!type.startsWith("application/json")) return { blob: await answer.blob(), seconds: since(began) };
  const text = await answer.text();
  return { value: text ? JSON.parse(text) : null, text, seconds: since(began) };
}

const since = (began) => (performance.now() - began) / 1000;

/** Asks an endpoint of the node itself and returns its answer. */
export const control = async (service, endpoint, request, options) =>
  (await call(service, endpoint, request, options)).value;

/** Reads a path of the door as JSON. */
export const read = async (where, options) => (await ask(where, options)).json();

/** Posts JSON to a path of the door. */
export const post = async (where, value) =>
  (await ask(where, { method: "POST", body: JSON.stringify(value), headers: { "Content-Type": "application/json" } })).json();

export async function publish(topic, body, type) {
  const where = `/api/publish/${encodeURIComponent(topic)}`;
  return (await ask(where, { method: "POST", body, headers: { "Content-Type": type } })).json();
}

/** Opens a stream and hands over each item as it comes; returns at its end, throws its fault. */
export async function stream(service, endpoint, request, onItem, { signal, messages, parameters } = {}) {
  const [where, options] = asked(service, endpoint, request, { messages, parameters });
  options.headers.Accept = "text/event-stream";
  await events(where, { ...options, signal }, onItem);
}

export const subscribe = (topic, onEvent, { signal } = {}) =>
  events(`/api/subscribe/${encodeURIComponent(topic)}`, { signal, headers: { Accept: "text/event-stream" } }, onEvent);

/** Follows server-sent events; `EventSource` cannot say who asks. */
export async function events(where, options, onItem) {
  const answer = await ask(where, options);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    waiting += value;
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const event = parsed(block);
      if (event.kind === "fault") {
        const fault = JSON.parse(event.data);
        throw new Fault(fault.code, fault.detail, fault.id);
      }
      if (event.kind === "end") return;
      if (event.kind === "bytes") onItem(bytesOf(event.data), event);
      else if (event.data) onItem(JSON.parse(event.data), event);
    }
  }
}

function parsed(block) {
  const event = { kind: "message", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("data:")) event.data += (event.data ? "\n" : "") + line.slice(5).trimStart();
    else if (line.startsWith("event:")) event.kind = line.slice(6).trim();
  }
  return event;
}

/** Reads base64 into a Blob. */
export function bytesOf(base64) {
  const text = atob(base64);
  const found = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) found[index] = text.charCodeAt(index);
  return new Blob([found]);
}
