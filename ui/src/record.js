// The node's own record of calls, as far as this page knows it.
import { control } from "./node.js";
import { owner } from "./session.js";
import { store } from "./store.js";

/** Service -> the median of how long its last calls took, in seconds; empty where nobody may know. */
export const latencies = store({});

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

export function learn(calls) {
  const seconds = {};
  for (const call of calls) if (call.code === 0) (seconds[call.service] ??= []).push(call.seconds);
  latencies.set(Object.fromEntries(Object.entries(seconds).map(([name, values]) => [name, median(values)])));
}

const TOOK_TOO_LONG = 408, HUNG_UP = 499;

/**
 * How a call ended, by the code of its fault: good, failed, rejected where the fault is its caller's, or stopped where
 * whoever asked hung up, as somebody does who has seen enough of a stream.
 */
export const outcomeOf = (code) => !code ? "good" : code === HUNG_UP ? "stopped" : code >= 400 && code < 500 && code !== TOOK_TOO_LONG ? "rejected" : "failed";

/** Asks for the last calls; only the owner is told. */
export async function calls() {
  const found = (await control("node", "Node.Calls")).calls;
  learn(found);
  return found;
}

owner.listen(() => owner.get() && calls().catch(() => {}));
