// The conversation with the node's assistant: what was said, and what came of it.
//
// One turn is under way at a time. What is said meanwhile waits for its turn, and is seen to; only a stream, which might
// go on for ever, is ended by it. It was said before whatever the turn before it asks, so it is never taken for the answer.
import { control, events, pageKey } from "./node.js";
import { announce } from "./notice.jsx";
import { withoutSecrets } from "./schema.js";
import { owner } from "./session.js";
import { store } from "./store.js";
import { spoken, t } from "./words.js";

const TURNS_MAX = 50, ITEMS_MAX = 500, WAITING_MAX = 5, KEPT = "micro.talk", KEPT_TURNS_MAX = 20, KEPT_CHARACTERS_MAX = 500_000, NODE_BYTES_MAX = 400_000;
export const TEXT_CHARACTERS_MAX = 2000;

const kept = restored();

/** The turns so far, oldest first; they outlive a visit to another page, and a reload of this one. */
export const turns = store(kept.turns);
/** The name of the conversation, "" before anything was said. */
export const named = store(kept.conversation);
/** Raised when what the node keeps of conversations has changed. */
export const changed = store(0);
let title = kept.title ?? ""; // what it is listed as: what was said first
let understood = kept.turns.at(-1)?.before ?? null; // the last `route`: a turn that only says yes has none of its own
let running = null; // what ends the turn under way, and whether it is a stream
let waiting = []; // {id, request, resolve} of the turns that wait
let askedFor = kept.askedFor; // what the last turn ended with waiting for
let counted = Math.max(0, ...kept.turns.map((turn) => turn.id));

/** Reads what this tab kept before it was loaded again. */
function restored() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT));
    if (Array.isArray(found?.turns)) return found;
  } catch {
    // storage is refused, or somebody else wrote there
  }
  return { turns: [], conversation: "", title: "", askedFor: "" };
}

/** Returns what may be kept of the turns: without files and secrets; one that was under way is not known to be over. */
const keepable = () => turns.get().filter((turn) => !turn.waits).map((turn) => {
  const request = (turn.heard.findLast((event) => event.kind === "route") ?? turn.before)?.request;
  return { ...turn, busy: false, heard: turn.heard.map((event) => lighter(event, request)) };
});

/** Keeps the last turns for as long as this tab is open. */
function keep() {
  const text = JSON.stringify({ turns: keepable().slice(-KEPT_TURNS_MAX), conversation: named.get(), title, askedFor });
  try {
    if (text.length <= KEPT_CHARACTERS_MAX) sessionStorage.setItem(KEPT, text);
    else sessionStorage.removeItem(KEPT);
  } catch {
    // it lasts as long as the page, then
  }
}

/** Keeps them on the node too, for its owner alone, as many of the last as it takes. */
function keepOnNode() {
  if (!owner.get() || !named.get()) return;
  const last = keepable();
  while (last.length && new Blob([JSON.stringify(last)]).size > NODE_BYTES_MAX) last.shift();
  const request = { conversation: named.get(), title, turns: last, waits_for: askedFor };
  control("assistant", "Assistant.Keep", request).then(() => changed.set(changed.get() + 1), () => {}); // this tab has it
}

function lighter({ bytes, ...event }, request) {
  const plain = event.fields ? { ...event, fields: withoutSecrets(event.fields, request) } : event;
  return bytes ? { ...plain, text: t("A file; it is not kept when the page is loaded again.") } : plain;
}

/** Goes on with a conversation that the node kept. */
export async function reopen(name) {
  const found = await control("assistant", "Assistant.Open", { conversation: name });
  forget();
  turns.set(found.turns);
  counted = Math.max(counted, ...found.turns.map((turn) => turn.id));
  [askedFor, understood] = [found.waits_for, found.turns.at(-1)?.before ?? null];
  title = found.turns.find((turn) => turn.bubble)?.bubble ?? "";
  named.set(name);
  keep();
}

/** Has the node delete a conversation, which ends it where it is this one. */
export async function discard(name) {
  await control("assistant", "Assistant.Discard", { conversation: name });
  if (name === named.get()) forget();
  changed.set(changed.get() + 1);
}

/** Begins a new conversation; of this one, this tab keeps nothing. */
export function forget() {
  stop();
  waiting = [];
  turns.set([]);
  [title, askedFor, understood] = ["", "", null];
  named.set("");
  sessionStorage.removeItem(KEPT);
}

pageKey.listen(() => !pageKey.get() && forget()); // who signs out leaves nothing that others could read

/** Whether the node is loading what understands a wish, which it does once, and takes seconds. */
export const loading = store(false);

/** Has it load that, before anything is said. */
export async function prepare() {
  if (loading.get()) return;
  loading.set(true);
  await control("assistant", "Assistant.Prepare").catch(() => {}); // whoever may not ask hears it when he says something
  loading.set(false);
}

/** Ends the turn under way, and what it called; or only where that is a stream, which nobody waits for. */
export const stop = (onlyStream = false) => {
  if (!onlyStream || running?.streams) running?.controller.abort();
};

/** Whether no more can be said before a turn is over. */
export const isFull = () => waiting.length >= WAITING_MAX;

const put = (id, change) => turns.set(turns.get().map((one) => (one.id === id ? { ...one, ...change(one) } : one)));

/**
 * Says something, presses a chip, fills a form or answers a question; `bubble` is what the person is shown to have said.
 * @returns {Promise<{heard: object[], waitsFor: string}>} what came of it, and what it waits for; "" for nothing.
 */
export function say(request, bubble = "") {
  const id = ++counted;
  title ||= bubble;
  turns.set([...turns.get(), { id, bubble, heard: [], typed: Boolean(request.text) && bubble === request.text, busy: true, waits: running !== null, before: null }].slice(-TURNS_MAX));
  stop(true);
  return new Promise((resolve) => {
    waiting.push({ id, request, resolve, early: running !== null });
    if (running === null) next();
  });
}

/** Takes back what waits for its turn. */
export function withdraw(id) {
  const found = waiting.find((one) => one.id === id);
  waiting = waiting.filter((one) => one.id !== id);
  turns.set(turns.get().filter((one) => one.id !== id));
  found?.resolve({ heard: [], waitsFor: "" });
}

async function next() {
  const turn = waiting.shift();
  if (!turn) return;
  const controller = new AbortController();
  running = { controller, streams: false };
  const anew = turn.early && askedFor !== "" && Boolean(turn.request.text);
  askedFor = "";
  put(turn.id, () => ({ waits: false, before: anew ? null : understood }));
  await hear(turn.id, { ...turn.request, ...(anew ? { anew } : {}) }, controller.signal);
  running = null;
  put(turn.id, () => ({ busy: false }));
  if (turns.get().some((one) => one.id === turn.id)) [keep, keepOnNode].forEach((each) => each());
  turn.resolve({ heard: turns.get().find((one) => one.id === turn.id)?.heard ?? [], waitsFor: askedFor });
  next();
}

/** Follows one turn to its end. */
async function hear(id, request, signal) {
  const take = (event) => {
    if (event.kind === "heard") named.set(event.conversation);
    else if (event.kind === "turn") askedFor = event.waits_for;
    else if (event.kind === "item") {
      put(id, (one) => ({ heard: withItem(one.heard, event) }));
      if (!running.streams) {
        running.streams = true;
        if (waiting.length) stop(true);
      }
    } else {
      if (event.kind === "route") understood = event;
      put(id, (one) => ({ heard: [...one.heard, event] }));
      if (event.text) announce(event.text);
    }
  };
  const body = JSON.stringify({ ...(named.get() ? { conversation: named.get() } : {}), language: spoken.get(), ...request });
  try {
    await events("/assistant/say", { method: "POST", body, signal, headers: { "Content-Type": "application/json", Accept: "text/event-stream" } }, take);
  } catch (fault) {
    put(id, (one) => ({ heard: [...one.heard, fault.name === "AbortError" ? { kind: "stopped", text: t("Stopped") } : { kind: "broken", text: fault.detail ?? String(fault), request }] }));
  }
}

function withItem(heard, event) {
  const last = heard.at(-1);
  if (last?.kind !== "items") return [...heard, { kind: "items", items: [event], count: 1 }];
  return [...heard.slice(0, -1), { ...last, items: [...last.items, event].slice(-ITEMS_MAX), count: last.count + 1 }];
}
