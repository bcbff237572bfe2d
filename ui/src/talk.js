// The conversation with the node's assistant: what was said, and what came of it.
import { control, events } from "./node.js";
import { announce } from "./notice.jsx";
import { store } from "./store.js";
import { spoken } from "./words.js";

const TURNS_MAX = 50, ITEMS_MAX = 500;
export const TEXT_CHARACTERS_MAX = 2000;

/** The turns so far, oldest first; they outlive a visit to another page. */
export const turns = store([]);
let conversation = "";
let understood = null; // the last `route`: a turn that only says yes has none of its own
let stopper = null;
let counted = 0;

/** Whether the node is loading what understands a wish, which it does once, and takes seconds. */
export const loading = store(false);

/** Has it load that, before anything is said. */
export async function prepare() {
  if (loading.get()) return;
  loading.set(true);
  await control("assistant", "Assistant.Prepare").catch(() => {}); // whoever may not ask hears it when he says something
  loading.set(false);
}

/** Ends the turn under way, and what it called. */
export const stop = () => stopper?.abort();

/**
 * Says something, presses a chip, fills a form or answers a question; `bubble` is what the person is shown to have said.
 * @returns {Promise<{heard: object[], waitsFor: string}>} what came of it, and what it waits for; "" for nothing.
 */
export async function say(request, bubble = "") {
  stop();
  const controller = (stopper = new AbortController());
  const turn = { id: ++counted, bubble, heard: [], busy: true, before: understood };
  turns.set([...turns.get(), turn].slice(-TURNS_MAX));
  const put = (change) => turns.set(turns.get().map((one) => (one.id === turn.id ? { ...one, ...change(one) } : one)));
  let waitsFor = "";
  const take = (event) => {
    if (event.kind === "heard") conversation = event.conversation;
    if (event.kind === "route") understood = event;
    if (event.kind === "turn") waitsFor = event.waits_for;
    if (event.kind === "heard") return;
    if (event.kind === "item") put((one) => ({ heard: withItem(one.heard, event) }));
    else if (event.kind !== "turn") {
      put((one) => ({ heard: [...one.heard, event] }));
      if (event.text) announce(event.text);
    }
  };
  const body = JSON.stringify({ ...(conversation ? { conversation } : {}), language: spoken.get(), ...request });
  try {
    await events("/assistant/say", { method: "POST", body, signal: controller.signal, headers: { "Content-Type": "application/json", Accept: "text/event-stream" } }, take);
  } catch (fault) {
    if (fault.name !== "AbortError") put((one) => ({ heard: [...one.heard, { kind: "failed", text: fault.detail, fault }] }));
  }
  put(() => ({ busy: false }));
  return { heard: turns.get().find((one) => one.id === turn.id)?.heard ?? [], waitsFor };
}

function withItem(heard, event) {
  const last = heard.at(-1);
  if (last?.kind !== "items") return [...heard, { kind: "items", items: [event], count: 1 }];
  return [...heard.slice(0, -1), { ...last, items: [...last.items, event].slice(-ITEMS_MAX), count: last.count + 1 }];
}
