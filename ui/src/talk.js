// The conversation with the node's assistant: what was said, and what came of it.
//
// One turn is under way at a time. What is said meanwhile waits for its turn, and is seen to; only a stream, which might
// go on for ever, is ended by it. It was said before whatever the turn before it asks, so it is never taken for the answer.
import { control, events, pageKey } from "./node.js";
import { announce } from "./notice.jsx";
import { store } from "./store.js";
import { spoken, t } from "./words.js";

const TURNS_MAX = 50, ITEMS_MAX = 500, WAITING_MAX = 5, KEPT = "micro.talk", KEPT_TURNS_MAX = 20, KEPT_CHARACTERS_MAX = 500_000;
export const TEXT_CHARACTERS_MAX = 2000;

const kept = restored();

/** The turns so far, oldest first; they outlive a visit to another page, and a reload of this one. */
export const turns = store(kept.turns);
let conversation = kept.conversation;
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
  return { turns: [], conversation: "", askedFor: "" };
}

/** Keeps the last turns for as long as this tab is open, without files; one that was under way is not known to be over. */
function keep() {
  const last = turns.get().filter((turn) => !turn.waits).slice(-KEPT_TURNS_MAX).map((turn) => ({ ...turn, busy: false, heard: turn.heard.map(lighter) }));
  const text = JSON.stringify({ turns: last, conversation, askedFor });
  try {
    if (text.length <= KEPT_CHARACTERS_MAX) sessionStorage.setItem(KEPT, text);
    else sessionStorage.removeItem(KEPT);
  } catch {
    // it lasts as long as the page, then
  }
}

const lighter = ({ bytes, ...event }) => (bytes ? { ...event, text: t("A file; it is not kept when the page is loaded again.") } : event);

/** Begins a new conversation, and keeps nothing of this one. */
export function forget() {
  stop();
  waiting = [];
  turns.set([]);
  [conversation, askedFor, understood] = ["", "", null];
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
  if (turns.get().some((one) => one.id === turn.id)) keep();
  turn.resolve({ heard: turns.get().find((one) => one.id === turn.id)?.heard ?? [], waitsFor: askedFor });
  next();
}

/** Follows one turn to its end. */
async function hear(id, request, signal) {
  const take = (event) => {
    if (event.kind === "heard") conversation = event.conversation;
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
  const body = JSON.stringify({ ...(conversation ? { conversation } : {}), language: spoken.get(), ...request });
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
