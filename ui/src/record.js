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

/** Asks for the last calls; only the owner is told. */
export async function calls() {
  const found = (await control("node", "Node.Calls")).calls;
  learn(found);
  return found;
}

owner.listen(() => owner.get() && calls().catch(() => {}));
