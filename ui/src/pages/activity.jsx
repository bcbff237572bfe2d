// What was called, when, by whom and how it went; looked into, and done again.
import { useMemo, useState } from "preact/hooks";
import { catalog } from "../catalog.js";
import { hand } from "../handed.js";
import { Icon } from "../icons.jsx";
import { call, control } from "../node.js";
import { Heading, Nid, Offline, OwnersOnly, Prose, Skeleton, State, Trouble, useAsked, When } from "../parts.jsx";
import { calls, outcomeOf } from "../record.js";
import { to } from "../route.js";
import { useStore } from "../store.js";
import { Answer, bare } from "../value.jsx";
import { bytes, duration, exactly, number, t } from "../words.js";

const LOOK_SECONDS = 4, SHOWN_MAX = 100, ASKED_MAX = 50, TRACES = 50;
const OUTCOMES = { good: { word: "worked", dot: "good" }, stopped: { word: "stopped", dot: "" }, rejected: { word: "turned down", dot: "" }, failed: { word: "failed", dot: "bad" } };
const outcome = (one) => one.outcome ?? outcomeOf(one.code);
const SPOKEN = "conversation"; // the door of calls that came of something that was said
const TURN = "Assistant.Say";
const isSaid = ({ door, endpoint }) => door === SPOKEN || endpoint === TURN;
/** Leaves out what was said where a call came of it, which says more. */
const withoutTurns = (known) => known.filter((one) => one.endpoint !== TURN || one.code !== 0
  || !known.some((each) => each.door === SPOKEN && each.time >= one.time - SAME_SECONDS && each.time <= one.time + one.seconds + SAME_SECONDS));
const SAME_SECONDS = 0.25; // a call in both records began in one and ended in the other about then

export default function Activity() {
  return (
    <div class="column">
      <Heading>{t("Activity")}</Heading>
      <Offline />
      <OwnersOnly><Shown /></OwnersOnly>
    </div>
  );
}

/** What services here remember of calls that came another way: those that were not answered, and a few of the others. */
async function traces(services, known) {
  const own = (services ?? []).filter((service) => service.where !== "network").slice(0, ASKED_MAX);
  const found = await Promise.all(own.map(async ({ name }) => {
    const answer = await control(name, "Debug.Trace", { count: TRACES }).catch(() => ({ traces: [] }));
    return answer.traces.map((trace) => ({
      number: `${name} ${trace.time} ${trace.endpoint}`, service: name, endpoint: trace.endpoint, caller: trace.caller, seconds: trace.seconds,
      time: trace.time - trace.seconds, code: trace.error ? -1 : 0, outcome: trace.error ? (trace.rejected ? "rejected" : "failed") : "good", detail: trace.error, door: "",
    }));
  }));
  const isKnown = (one) => known.some((each) => each.service === one.service && each.endpoint === one.endpoint && Math.abs(each.time - one.time) < SAME_SECONDS);
  return found.flat().filter((one) => !one.endpoint.startsWith("Debug.") && !isKnown(one));
}

function Shown() {
  const { services } = useStore(catalog);
  const [query, setQuery] = useState("");
  const [only, setOnly] = useState("all");
  const [others, setOthers] = useState(false);
  const look = async () => {
    const known = withoutTurns(await calls());
    return others ? [...known, ...(await traces(services, known))].sort((a, b) => b.time - a.time) : known;
  };
  const { value, fault, again } = useAsked(look, LOOK_SECONDS, [others]);
  const found = useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (one) => words.every((word) => `${one.service} ${one.endpoint} ${one.caller} ${one.detail}`.toLowerCase().includes(word));
    return (value ?? []).filter((one) => (only === "all" || outcome(one) === only) && fits(one));
  }, [value, query, only]);
  if (fault && !value) return <Trouble fault={fault} again={again} />;
  if (!value) return <Skeleton lines={8} />;
  return (
    <>
      <div class="tight">
        <label class="search"><Icon name="search" /><span class="unseen">{t("Search calls")}</span><input type="search" value={query} placeholder={t("Service, endpoint or caller")} onInput={(event) => setQuery(event.currentTarget.value)} /></label>
        <div class="row" role="group" aria-label={t("Which calls")}>
          <button type="button" class="chip" aria-pressed={only === "all"} onClick={() => setOnly("all")}>{t("All")}</button>
          <button type="button" class="chip" aria-pressed={only === "failed"} onClick={() => setOnly("failed")}>{t("Failed")}</button>
          <button type="button" class="chip" aria-pressed={only === "rejected"} onClick={() => setOnly("rejected")}>{t("Turned down")}</button>
          <button type="button" class="chip" aria-pressed={others} onClick={() => setOthers(!others)}>{t("Also what services noticed")}</button>
        </div>
        {only === "rejected" && <p class="hint">{t("What was asked was wrong, not there, not allowed, or came too often: that is no failure of the service.")}</p>}
        {others && <p class="hint">{t("Of calls that did not come over HTTP, services remember those that were not answered, and a few of the others.")}</p>}
      </div>
      {found.length > 0 && <p class="soft mid">{t("{count} calls", { count: number(found.length) })}</p>}
      {found.slice(0, SHOWN_MAX).map((one) => <Entry key={one.number} entry={one} />)}
      {!found.length && (value.length ? <State title={t("Nothing fits")}><button class="quiet" onClick={() => { setQuery(""); setOnly("all"); }}>{t("Show all calls")}</button></State>
        : <State title={t("Nothing was called yet")}><p class="mid">{t("What is called from this page or over HTTP is listed here, until the node stops.")}</p><a class="button" href={to("services")}>{t("To the services")}</a></State>)}
    </>
  );
}

function Entry({ entry }) {
  const [open, setOpen] = useState(false);
  const { word, dot } = OUTCOMES[outcome(entry)];
  const isQuiet = word === "worked" || word === "failed"; // the dot says it
  const id = `call-${String(entry.number).replace(/\W/g, "-")}`;
  return (
    <section class="card">
      <div class="head">
        <span class={`dot ${dot}`} />
        <button type="button" class="plain" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}><b>{entry.service}</b>&nbsp;<span class="mono">{entry.endpoint}</span></button>
        {entry.door === SPOKEN && <span class="soft">{t("in the conversation")}</span>}
        <span class={isQuiet ? "unseen" : "soft"}>{t(word)}</span>
        <span class="soft end">{entry.code > 0 && word !== "stopped" && `${entry.code} · `}{duration(entry.seconds)} · <When seconds={entry.time} /></span>
      </div>
      {open && <div id={id}><Inspected entry={entry} /></div>}
    </section>
  );
}

function Inspected({ entry }) {
  const [again, setAgain] = useState({ phase: "idle" });
  const [way, setWay] = useState(null);
  const replay = async () => {
    setAgain({ phase: "busy" });
    try {
      setAgain({ phase: "done", answer: await call(entry.service, entry.endpoint, entry.request) });
    } catch (fault) {
      setAgain({ phase: "failed", fault });
    }
  };
  const trace = async () => setWay(await control("network", "Network.Trace", { service: entry.service }).then((found) => found.hops, (fault) => fault));
  const isKnown = entry.request !== undefined;
  return (
    <>
      <div class="body stack" style={{ padding: "16px" }}>
        <dl class="facts">
          <dt>{t("When")}</dt><dd>{exactly(entry.time)}</dd>
          <dt>{t("Who asked")}</dt><dd>{entry.caller}{entry.door && ` · ${entry.door === SPOKEN ? t("in the conversation") : entry.door.toUpperCase()}`}</dd>
          <dt>{t("How long")}</dt><dd>{duration(entry.seconds)}</dd>
          {entry.door && entry.door !== SPOKEN && <><dt>{t("Sent, came back")}</dt><dd>{bytes(entry.request_bytes)}, {entry.answer_bytes ? bytes(entry.answer_bytes) : "–"}</dd></>}
          {entry.detail && <><dt>{t("What went wrong")}</dt><dd class={outcome(entry) === "failed" ? "bad" : ""}>{entry.detail}</dd></>}
        </dl>
        {isKnown ? <pre tabIndex={0} aria-label={t("Request")}>{JSON.stringify(entry.request, null, 2)}</pre>
          : <p class="hint">{isSaid(entry) ? t("What was said is not kept.") : entry.door ? t("Its request was no JSON, or too long to be kept.") : t("What it asked is not kept: it did not come over HTTP.")}</p>}
        {way && <Way way={way} />}
        {again.phase === "busy" && <div class="skeleton" style={{ height: "40px" }} />}
        {again.answer && <Answer value={bare(again.answer.value)} blob={again.answer.blob} />}
        {again.fault && <p class="bad" role="alert"><Prose>{again.fault.detail}</Prose></p>}
      </div>
      <div class="foot">
        {isKnown && <button type="button" class="plain" onClick={replay}>{t("Replay")}</button>}
        {isKnown && <a href={to("services", [entry.service, entry.endpoint])} onClick={() => hand(entry.service, entry.endpoint, entry.request)}>{t("Edit and replay")}</a>}
        <button type="button" class="plain" onClick={trace}>{t("Show its way")}</button>
        <a href={to("services", [entry.service])}>{t("Open the service")}</a>
      </div>
    </>
  );
}

const Way = ({ way }) => way instanceof Error ? <p class="bad" role="alert">{way.detail}</p> : (
  <div class="tight">
    <p class="hint">{t("The way such a call takes now, each hop timed:")}</p>
    <ol class="tight mid" style={{ paddingLeft: "24px" }}>
      {way.map((hop, index) => <li key={index}><Nid nid={hop.node} /> → {hop.to.length === 56 ? <Nid nid={hop.to} /> : <code>{hop.to}</code>} <span class="soft">· {hop.over} · {duration(hop.seconds)}</span></li>)}
    </ol>
  </div>
);
