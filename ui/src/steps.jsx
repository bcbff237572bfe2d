// Work of the node that takes a while: each step as it comes, and how it ended.
import { useEffect, useRef, useState } from "preact/hooks";
import { stream } from "./node.js";
import { announce } from "./notice.jsx";
import { plainLine, t } from "./words.js";

const LINES_MAX = 500;

/**
 * Runs a stream of steps, as `Runtime.Run` gives them out.
 * @returns {{lines, phase, fault, start}} `phase` is idle, busy, done or failed; `start` resolves to the last step.
 */
export function useSteps() {
  const [state, setState] = useState({ phase: "idle", lines: [] });
  const stopper = useRef(null);
  useEffect(() => () => stopper.current?.abort(), []);
  const start = async (service, endpoint, request) => {
    stopper.current?.abort();
    const controller = (stopper.current = new AbortController());
    let last = null;
    setState({ phase: "busy", lines: [] });
    try {
      await stream(service, endpoint, request, (step) => {
        last = step;
        setState((before) => ({ ...before, lines: [...before.lines, step].slice(-LINES_MAX) }));
      }, { signal: controller.signal });
      const failed = last?.failed === true;
      setState((before) => ({ ...before, phase: failed ? "failed" : "done" }));
      announce(last?.detail ?? t("Done"));
      return failed ? null : last;
    } catch (fault) {
      if (fault.name === "AbortError") return null;
      setState((before) => ({ ...before, phase: "failed", fault }));
      announce(fault.detail);
      return null;
    }
  };
  return { ...state, start };
}

export function Steps({ lines, phase, fault }) {
  const end = useRef();
  useEffect(() => end.current?.scrollTo(0, end.current.scrollHeight), [lines]);
  if (phase === "idle") return null;
  return (
    <div class="tight">
      <pre class="log" ref={end} tabIndex={0} aria-label={t("Progress")}>
        {lines.map((line, index) => <div key={index} class={line.failed ? "bad" : ""}>{line.step}  {plainLine(line.detail)}{line.tail?.length > 0 && `\n${line.tail.map(plainLine).join("\n")}`}</div>)}
        {phase === "busy" && <div class="soft">{t("Under way…")}</div>}
      </pre>
      {fault && <p class="bad" role="alert">{fault.detail}</p>}
    </div>
  );
}
