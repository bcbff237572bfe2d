// One service that this node runs: its generations and instances, what it did, what it wrote, and what may be done with it.
import { useEffect, useRef, useState } from "preact/hooks";
import { describe } from "../catalog.js";
import { control, stream } from "../node.js";
import { notice } from "../notice.jsx";
import { Heading, Offline, OwnersOnly, Skeleton, Sure, Trouble, useAsked, When } from "../parts.jsx";
import { go, route, to } from "../route.js";
import { Steps, useSteps } from "../steps.jsx";
import { useStore } from "../store.js";
import { bytes, duration, number, plainLine, t } from "../words.js";
import { Remarks, StateOf } from "./mine.jsx";

const LOOK_SECONDS = 3, LINES_MAX = 400, ERRORS_MAX = 10;

export default function MineOne() {
  const { parts } = useStore(route);
  return (
    <div class="column">
      <Heading aside={<a class="button quiet" href={to("services", [parts[0]])}>{t("Use it")}</a>}>{parts[0]}</Heading>
      <Offline />
      <OwnersOnly><Shown key={parts[0]} name={parts[0]} /></OwnersOnly>
    </div>
  );
}

const orNull = (promise) => promise.catch((fault) => (fault.code === 0 ? Promise.reject(fault) : null));

async function look(name) {
  const [status, evolution, stats, traces, description] = await Promise.all([
    control("runtime", "Runtime.Status"),
    orNull(control("runtime", "Runtime.Evolution", { name })),
    orNull(control(name, "Debug.Stats")),
    orNull(control(name, "Debug.Trace", { count: 200 })),
    orNull(describe(name)),
  ]);
  const own = status.services.find((one) => one.name === name);
  const endpoints = Object.entries(stats?.endpoints ?? {}).filter(([endpoint]) => !endpoint.startsWith("Debug."));
  const total = (what) => endpoints.reduce((sum, [, one]) => sum + (one[what] ?? 0), 0);
  return { own, evolution, stats: stats && { ...stats, endpoints, requests: total("requests"), errors: total("errors"), rejected: total("rejected") }, traces: traces?.traces ?? [], instances: description?.nodes ?? [] };
}

function Shown({ name }) {
  const { value, fault, again } = useAsked(() => look(name), LOOK_SECONDS, [name]);
  const steps = useSteps();
  if (fault && !value) return <Trouble fault={fault} again={again} />;
  if (!value) return <Skeleton lines={8} />;
  const { own, evolution, stats, traces, instances } = value;
  if (!own) return <><Trouble fault={{ code: 404, detail: t("This node does not run it.") }} again={again} /><Log name={name} /></>; // what it wrote when it ran last
  const act = async (endpoint, request) => {
    await steps.start("runtime", endpoint, request);
    again();
  };
  const kill = async () => {
    try {
      await control("runtime", "Runtime.Kill", { name });
      notice(t("Stopped"));
      go("mine");
    } catch (found) {
      notice(found.detail);
    }
  };
  return (
    <>
      <dl class="facts">
        <dt>{t("State")}</dt><dd><StateOf state={own.state} /><Remarks service={own} /></dd>
        <dt>{t("Source")}</dt><dd><code>{own.source}{own.ref && `@${own.ref}`}</code></dd>
        <dt>{t("Revision")}</dt><dd><code title={own.revision}>{own.revision.replace(/^content-/, "").slice(0, 12)}</code>{own.evolves && <span class="soft"> · {t("follows its source")}</span>}</dd>
        <dt>{t("Since")}</dt><dd><When seconds={own.started} /></dd>
        {stats && <><dt>{t("Calls")}</dt><dd>{number(stats.requests)} · <span class={stats.errors ? "bad" : ""}>{t("{count} failed", { count: number(stats.errors) })}</span>{stats.rejected > 0 && <span class="soft"> · {t("{count} turned down", { count: number(stats.rejected) })}</span>}</dd>
          <dt>{t("Uses")}</dt><dd>{bytes(stats.memory_bytes)} · {t("{time} of a processor", { time: duration(stats.cpu_seconds) })}</dd></>}
      </dl>
      <div class="row">
        <button type="button" class="quiet" disabled={steps.phase === "busy"} onClick={() => act("Runtime.Update", { name })}>{t("Update from its source")}</button>
        <button type="button" class="quiet" disabled={steps.phase === "busy"} onClick={() => act("Runtime.Verify", { name })}>{t("Check what it was built from")}</button>
        <span class="end"><Sure label={t("Stop it")} question={t("Stop {name} and forget it?", { name })} act={kill} /></span>
      </div>
      <Steps {...steps} />
      {evolution && <Generations name={name} evolution={evolution} again={again} />}
      {instances.length > 0 && <Instances instances={instances} />}
      {stats && <Endpoints endpoints={stats.endpoints} />}
      <Errors traces={traces} />
      <Log name={name} />
    </>
  );
}

const STANDINGS = { canary: { word: "on trial" }, ramping: { word: "taking over" }, active: { word: "has the calls" }, zero: { word: "set aside" } };

function Generations({ name, evolution, again }) {
  const back = async (generation) => {
    try {
      const { detail } = await control("runtime", "Runtime.Rollback", { name, generation });
      notice(detail);
    } catch (fault) {
      notice(fault.detail);
    }
    again();
  };
  return (
    <>
      <h2>{t("Generations")}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("Generations")}>
        <table>
          <thead><tr><th scope="col">{t("Generation")}</th><th scope="col">{t("State")}</th><th scope="col" class="number">{t("Part of the calls")}</th><th scope="col">{t("Since")}</th><th scope="col"><span class="unseen">{t("Actions")}</span></th></tr></thead>
          <tbody>
            {evolution.generations.map((one) => (
              <tr key={one.generation}>
                <th scope="row">{one.generation}</th>
                <td>{t(STANDINGS[one.state]?.word ?? one.state)}
                  {one.state === "canary" && <div>{t("It gets few of the calls until it is shown to be no worse, and then all of them.")}</div>}
                  {one.reasons.map((reason) => <div class="hint" key={reason}>{String(reason)}</div>)}</td>
                <td class="number">{one.weight / 100} %</td>
                <td><When seconds={one.since} /></td>
                <td>{one.generation !== evolution.active && one.state !== "gone" && <button type="button" class="quiet little" onClick={() => back(one.generation)}>{t("Give it all calls")}</button>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const Instances = ({ instances }) => (
  <>
    <h2>{t("Instances")}</h2>
    <div class="scroll" tabIndex={0} role="region" aria-label={t("Instances")}>
      <table>
        <thead><tr><th scope="col">{t("Instance")}</th><th scope="col">{t("Version")}</th><th scope="col">{t("State")}</th><th scope="col">{t("Seen")}</th></tr></thead>
        <tbody>{instances.map((one) => <tr key={one.instance}><th scope="row"><code>{one.instance}</code></th><td>{one.version}</td><td>{one.state}</td><td><When seconds={one.last_seen} /></td></tr>)}</tbody>
      </table>
    </div>
  </>
);

function Endpoints({ endpoints }) {
  if (!endpoints.length) return null;
  return (
    <>
      <h2>{t("Calls")}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("Calls")}>
        <table>
          <thead><tr><th scope="col">{t("Endpoint")}</th><th scope="col" class="number">{t("Calls")}</th><th scope="col" class="number">{t("Failed")}</th><th scope="col" class="number">{t("Turned down")}</th><th scope="col" class="number">{t("Mean")}</th></tr></thead>
          <tbody>{endpoints.map(([name, one]) => <tr key={name}><th scope="row"><code>{name}</code></th><td class="number">{number(one.requests)}</td><td class={`number ${one.errors ? "bad" : ""}`}>{number(one.errors)}</td><td class="number">{number(one.rejected ?? 0)}</td><td class="number">{one.mean_seconds === null ? "–" : duration(one.mean_seconds)}</td></tr>)}</tbody>
        </table>
      </div>
    </>
  );
}

function Errors({ traces }) {
  const failed = traces.filter((trace) => trace.error).slice(-ERRORS_MAX).reverse();
  if (!failed.length) return null;
  return (
    <>
      <h2>{t("What went wrong lately")}</h2>
      <ul class="tight mid" style={{ paddingLeft: "20px" }}>
        {failed.map((trace) => <li key={`${trace.time}${trace.endpoint}`}><code>{trace.endpoint}</code> <span class={trace.rejected ? "soft" : "bad"}>{trace.error}</span> <span class="soft">{trace.rejected && `· ${t("turned down")} `}· <When seconds={trace.time} /></span></li>)}
      </ul>
    </>
  );
}

/** What the service wrote, and goes on writing. */
function Log({ name }) {
  const [lines, setLines] = useState(null);
  const [fault, setFault] = useState(null);
  const box = useRef();
  useEffect(() => {
    const stopper = new AbortController();
    setLines([]);
    stream("runtime", "Runtime.Logs", { name, follow: true, lines: 200 }, (line) => setLines((before) => [...before, line].slice(-LINES_MAX)), { signal: stopper.signal })
      .catch((found) => found.name !== "AbortError" && setFault(found));
    return () => stopper.abort();
  }, [name]);
  useEffect(() => box.current?.scrollTo(0, box.current.scrollHeight), [lines]);
  return (
    <>
      <h2>{t("Log")}</h2>
      {fault && <p class="bad" role="alert">{fault.detail}</p>}
      {lines?.length ? (
        <pre class="log" ref={box} tabIndex={0} aria-label={t("Log")}>
          {lines.map((line, index) => <div key={index} class={line.stream === "stderr" ? "warn" : ""}><span class="soft">{new Date(line.time * 1000).toLocaleTimeString()}</span>  {plainLine(line.line)}</div>)}
        </pre>
      ) : <p class="soft mid">{t("It has written nothing.")}</p>}
    </>
  );
}
