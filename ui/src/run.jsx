// One endpoint in use: its form, what it answers or streams, and the same call as code.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { snippets } from "./code.js";
import { Request, useFirstWrong } from "./form.jsx";
import { Icon } from "./icons.jsx";
import { call, control, stream } from "./node.js";
import { announce, notice } from "./notice.jsx";
import { copy, CopyButton, Nid, Prose } from "./parts.jsx";
import { replace, to } from "./route.js";
import { blank, check, kindOf, placed, resolve, sent, withoutSecrets } from "./schema.js";
import { owner } from "./session.js";
import { Answer, unwrapped } from "./value.jsx";
import { duration, number, t } from "./words.js";

const ITEMS_MAX = 500; // of a stream so many are kept on the page
const SHARED_CHARACTERS_MAX = 4000;

/** What an endpoint is opened with: a stream that takes messages has its parameters apart. */
function shapes(endpoint) {
  const request = endpoint.request ?? {};
  const takesStream = request["x-micro-stream"] === true;
  return { takesStream, schema: takesStream ? request["x-micro-open"] ?? { type: "object", properties: {} } : request, item: request };
}

/** @param {{service: object, endpoint: object, given?: any, onDone?: Function}} props */
export function Run({ service, endpoint, given }) {
  const { takesStream, schema, item } = shapes(endpoint);
  const [value, setValue] = useState(() => given ?? blank(schema));
  const [messages, setMessages] = useState("");
  const [wrong, setWrong] = useState({});
  const [tries, setTries] = useState(0);
  const [state, setState] = useState({ phase: "idle" });
  const [meeting, setMeeting] = useState(null);
  const form = useRef(), stopper = useRef(null);
  useFirstWrong(form, wrong, tries);
  useEffect(() => () => stopper.current?.abort(), []);

  const change = (next) => {
    setValue(next);
    if (Object.keys(wrong).length) setWrong(check(next, schema)); // what was mended is no longer complained of
  };
  const submit = async (event) => {
    event?.preventDefault();
    const found = check(value, schema);
    setWrong(found);
    setTries(tries + 1);
    if (Object.keys(found).length) {
      setState((before) => ({ ...before, isOld: true })); // what stands below answers another request
      return announce(Object.values(found)[0]);
    }
    if (service.where === "network" && owner.get()) {
      const met = await control("network", "Network.Meet", { name: service.name }).catch(() => null);
      if (met?.unverified) return setMeeting(met.nodes);
    }
    start();
  };
  const start = async () => {
    const controller = (stopper.current = new AbortController());
    const { signal } = controller;
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    setState({ phase: "busy" });
    try {
      if (endpoint.kind === "stream") {
        await follow(signal, seconds);
      } else {
        const answer = await call(service.name, endpoint.name, value instanceof Blob ? value : sent(value), { signal });
        setState({ phase: "done", answer, seconds: answer.seconds });
        announce(t("Answered in {time}", { time: duration(answer.seconds) }));
      }
    } catch (fault) {
      if (fault.name === "AbortError") return setState((before) => ({ ...before, phase: before.items ? "stopped" : "idle" }));
      const place = fault.code === 400 ? placed(fault.detail, schema) : null;
      if (place) {
        setWrong({ [place[0]]: place[1] });
        setTries((count) => count + 1);
      }
      setState((before) => ({ ...before, phase: "failed", fault, seconds: seconds() }));
      announce(fault.detail);
    }
  };
  const follow = async (signal, seconds) => {
    let items = [], count = 0, frame = 0;
    const draw = () => {
      frame = 0;
      setState((before) => (before.phase === "busy" ? { phase: "busy", items: [...items], count, seconds: seconds() } : before));
    };
    const take = (one) => {
      count++;
      items.push(one);
      if (items.length > ITEMS_MAX) items = items.slice(-ITEMS_MAX);
      frame ||= requestAnimationFrame(draw); // a fast stream is drawn once a frame
    };
    const said = takesStream ? { messages: messages.split("\n").filter((line) => line.trim()).map((line) => messageOf(line, item)), parameters: sent(value) } : {};
    try {
      await stream(service.name, endpoint.name, value instanceof Blob ? value : sent(value), take, { signal, ...said });
      setState({ phase: "done", items, count, seconds: seconds() });
      announce(t("The stream ended after {count} items", { count }));
    } finally {
      cancelAnimationFrame(frame);
      setState((before) => (before.phase === "busy" ? { ...before, items, count } : before));
    }
  };
  const busy = state.phase === "busy";
  const share = () => {
    const text = JSON.stringify(sent(withoutSecrets(value, schema)));
    const fits = !(value instanceof Blob) && text.length <= SHARED_CHARACTERS_MAX;
    const where = ["services", [service.name, endpoint.name], fits ? { fill: text } : {}];
    replace(...where);
    copy(location.origin + "/" + to(...where));
    if (!fits) notice(t("The link was copied without what the form holds: that is too long."));
  };
  return (
    <div class="stack">
      <form class="stack" ref={form} noValidate onSubmit={submit}>
        <Request schema={schema} value={value} change={change} wrong={wrong} />
        {takesStream && <Messages text={messages} set={setMessages} />}
        {meeting ? <Meeting name={service.name} nodes={meeting} no={() => setMeeting(null)} yes={() => { setMeeting(null); start(); }} />
          : (
            <div class="row">
              <button disabled={busy}>{busy ? t("Under way…") : endpoint.kind === "stream" ? t("Start") : t("Call")}</button>
              {busy && <button type="button" class="quiet" onClick={() => stopper.current.abort()}><Icon name="stop" />{t("Stop")}</button>}
              <button type="button" class="quiet end" onClick={share}><Icon name="link" />{t("Share")}</button>
            </div>
          )}
      </form>
      <Outcome state={state} schema={endpoint.response ?? {}} service={service} again={submit} isPlaced={Object.keys(wrong).length > 0} />
      <Code service={service.name} endpoint={endpoint} request={value instanceof Blob ? {} : sent(value) ?? {}} />
    </div>
  );
}

function messageOf(line, schema) {
  try {
    return JSON.parse(line);
  } catch {
    return kindOf(resolve(schema)) === "object" ? { [Object.keys(schema.properties)[0]]: line } : line;
  }
}

const Messages = ({ text, set }) => (
  <div class="field">
    <label for="stream-messages">{t("Messages")}</label>
    <textarea id="stream-messages" value={text} onInput={(event) => set(event.currentTarget.value)} aria-describedby="stream-messages-about" />
    <small id="stream-messages-about">{t("One a line, as text or JSON. They are sent in this order when you start.")}</small>
  </div>
);

/** Nobody vouches for a name that nobody owns: a person does, once, before its first use. */
function Meeting({ name, nodes, yes, no }) {
  const first = useRef();
  useEffect(() => first.current.focus(), []);
  const accept = async () => {
    await control("network", "Network.Pin", { name }).catch((fault) => notice(fault.detail));
    yes();
  };
  return (
    <div class="state" role="alertdialog" aria-label={t("A name that nobody vouches for")}>
      <p class="mid">{t("You have not used {name} before, and nobody vouches for that name.", { name })} {t("It is offered by:")} {nodes.map((nid, index) => <span key={nid}>{index > 0 && ", "}<Nid nid={nid} /></span>)}</p>
      <p class="hint">{t("If you go on, the name stays bound to these nodes on this machine.")}</p>
      <div class="row"><button type="button" ref={first} onClick={accept}>{t("Use it")}</button><button type="button" class="quiet" onClick={no}>{t("Cancel")}</button></div>
    </div>
  );
}

const SETTLES_MILLISECONDS = 600; // so long a picture, or what comes first of a stream, may still make an answer longer

/** Brings what came into view where it is below what is seen; no further once it had time to be drawn. */
function useInView(what, isWanted) {
  const card = useRef();
  useEffect(() => {
    if (!isWanted || !card.current) return;
    const grown = new ResizeObserver(() => card.current?.scrollIntoView({ block: "nearest" }));
    grown.observe(card.current);
    const stop = () => grown.disconnect();
    const timer = setTimeout(stop, SETTLES_MILLISECONDS);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [what]);
  return card;
}

function Outcome({ state, schema, service, again, isPlaced }) {
  const { phase, answer, items, count, seconds, fault, isOld } = state;
  const card = useInView(`${phase}${items !== undefined}${isOld}`, !isPlaced && !isOld && phase !== "idle");
  if (phase === "idle") return null;
  if (phase === "busy" && !items) return <div class="skeleton" ref={card} style={{ height: "56px" }} aria-hidden="true" />;
  const where = service.nodes?.length === 1 ? service.nodes[0].nid : "";
  return (
    <section class={isOld ? "card outcome old" : "card outcome"} ref={card} aria-label={t("Result")}>
      <div class="head">
        <b>{isOld ? <span class="soft">{t("Of the call before")}</span> : phase === "failed" ? <span class="bad">{t("Failed")}</span> : phase === "busy" ? t("Live") : phase === "stopped" ? t("Stopped") : t("Answer")}</b>
        <span class="soft end">{[count !== undefined && t("{count} items", { count: number(count) }), seconds !== undefined && fault?.code !== 0 && duration(seconds)].filter(Boolean).join(" · ")}{where && fault?.code !== 0 && <> · <Nid nid={where} self={service.where === "local"} /></>}</span>
      </div>
      <div class="body">
        {items && <Items items={items} schema={schema} />}
        {fault && <div class="tight"><p role="alert">{fault.code === 0 ? t("The node does not answer.") : fault.detail}</p>{!isPlaced && <p class="hint"><Prose>{hintFor(fault)}</Prose></p>}</div>}
        {answer && <Answer value={answer.value} blob={answer.blob} schema={schema} />}
      </div>
      {phase !== "busy" && <div class="foot"><button type="button" class="plain" onClick={() => again()}>{t("Again")}</button></div>}
    </section>
  );
}

function hintFor(fault) {
  if (fault.code === 0) return t("It may have stopped. Start it with `micro server`, then try again.");
  if (fault.code === 401 || fault.code === 403) return t("Sign in under Settings, or ask the owner of this node for a rule that lets you.");
  if (fault.code === 408) return t("The service took too long. Try again, or ask for less at once.");
  if (fault.code === 429) return t("It has too much to do at the moment. Try again shortly.");
  if (fault.code === 503) return t("The service is away. It may come back by itself.");
  return "";
}

/** What a stream brought so far: lines where each is one word, else a table or one after the other. */
function Items({ items, schema }) {
  const plain = useMemo(() => items.map((one) => (one instanceof Blob ? one : unwrapped(one, schema)[0])), [items]);
  if (!items.length) return <p class="soft">{t("Nothing has come yet.")}</p>;
  if (plain.every((one) => typeof one !== "object" || one === null)) {
    return <pre class="log" tabIndex={0} aria-label={t("Items")}>{plain.map(String).join("\n")}</pre>;
  }
  const last = plain.at(-1);
  if (last instanceof Blob) return <Answer blob={last} />;
  return <Answer value={plain} schema={{ type: "array", items: schema }} />;
}

function Code({ service, endpoint, request }) {
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("curl");
  const found = useMemo(() => (open ? snippets(service, endpoint, request) : []), [open, service, endpoint, request]);
  const text = found.find(([language]) => language === name)?.[1] ?? found[0]?.[1] ?? "";
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class="mid">{t("The same as code")}</summary>
      {open && (
        <div class="tight" style={{ marginTop: "8px" }}>
          <div class="tabs" role="group" aria-label={t("Language")}>
            {found.map(([language]) => <button type="button" key={language} aria-pressed={language === name} onClick={() => setName(language)}>{language}</button>)}
            <span class="end"><CopyButton text={text} /></span>
          </div>
          <pre tabIndex={0}>{text}</pre>
        </div>
      )}
    </details>
  );
}
