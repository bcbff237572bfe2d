// A wish in words becomes a call: what was understood, what is missing, what needs a yes, and the answer.
import { useEffect, useRef, useState } from "preact/hooks";
import { catalog } from "../catalog.js";
import { Request, useFirstWrong } from "../form.jsx";
import { hand } from "../handed.js";
import { Icon } from "../icons.jsx";
import { bytesOf, control } from "../node.js";
import { lazy } from "../lazy.jsx";
import { Heading, Offline } from "../parts.jsx";
import { to } from "../route.js";
import { blank, check, label, resolve, sent, withoutSecrets } from "../schema.js";
import { useStore } from "../store.js";
import { notice } from "../notice.jsx";
import { forget, isFull, loading, prepare, say, stop, TEXT_CHARACTERS_MAX, turns, withdraw } from "../talk.js";
import { Answer, bare } from "../value.jsx";
import { duration, number, spoken, t } from "../words.js";

const Earlier = lazy(() => import("../earlier.jsx"), () => null);

export default function Conversation() {
  const said = useStore(turns);
  const end = useRef();
  useEffect(() => void prepare(), []);
  const last = said.at(-1);
  useEffect(() => {
    if (said.length) end.current?.scrollIntoView({ block: "end" });
  }, [said.length, last?.heard.length, last?.busy]);
  return (
    <div class="column talk">
      <Heading>{t("What do you need?")}</Heading>
      <Offline />
      {said.length > 0 && <button type="button" class="plain anew" onClick={anew}>{t("Begin a new conversation")}</button>}
      {!said.length && <Beginning />}
      <Earlier unfolded={!said.length} key={said.length ? "during" : "before"} />
      {said.map((turn, index) => <Turn key={turn.id} turn={turn} isLast={index === said.length - 1} />)}
      <div ref={end} class="talk-end" />
      <Composer busy={said.some((turn) => turn.busy)} />
    </div>
  );
}

/** Whoever began anew goes on to say something. */
function anew() {
  forget();
  requestAnimationFrame(() => document.getElementById("say")?.focus());
}

const SHOWN = 6, CLAUSE_CHARACTERS_MAX = 80, GIVEN_MAX = 8, VALUE_CHARACTERS_MAX = 120;

function Beginning() {
  const { services } = useStore(catalog);
  const [wishes, setWishes] = useState([]);
  const language = useStore(spoken);
  const reached = services?.length ?? 0;
  useEffect(() => {
    if (!reached) return;
    control("assistant", "Assistant.Suggest", { limit: SHOWN, language }).then((found) => setWishes(found.suggestions.map((one) => one.text)), () => {}); // the list of services is left
  }, [reached, language]);
  return (
    <div class="tight">
      <p class="soft">{t("Say it in your own words. This node finds the service, asks for what is missing, and asks before it changes anything.")}</p>
      {wishes.length > 0 && <Wishes texts={wishes} />}
      {reached > 0 && <a class="mid soft" href={to("services")}>{t("All {count} services", { count: number(reached) })}</a>}
    </div>
  );
}

/** Wishes to try, as services show them of themselves. */
const Wishes = ({ texts }) => (
  <div class="row" role="group" aria-label={t("For instance")}>
    {texts.map((text) => <button type="button" class="chip" key={text} onClick={() => say({ text }, text)}>{text}</button>)}
  </div>
);

function Composer({ busy }) {
  const [text, setText] = useState("");
  const [voice, setVoice] = useState(null);
  const field = useRef();
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) field.current.focus();
    import("../voice.jsx").then(setVoice, () => {}); // without it one types
  }, []);
  const recall = (event) => {
    const last = turns.get().findLast((turn) => turn.typed)?.bubble;
    if (event.key !== "ArrowUp" || text || !last) return;
    event.preventDefault();
    setText(last);
  };
  const send = (event) => {
    event.preventDefault();
    if (!text.trim()) return field.current.focus();
    if (isFull()) return notice(t("So much waits for its turn already; wait for an answer, or press Stop."));
    voice?.hush();
    say({ text: text.trim() }, text.trim());
    setText("");
  };
  return (
    <form class="say" onSubmit={send}>
      <label class="unseen" for="say">{t("Say what you need")}</label>
      <input id="say" ref={field} value={text} maxLength={TEXT_CHARACTERS_MAX} placeholder={t("Say what you need")} autocomplete="off" onInput={(event) => setText(event.currentTarget.value)} onKeyDown={recall} />
      {voice && <voice.Microphone />}
      {busy && <button type="button" class="quiet" onClick={() => stop()}><Icon name="stop" /><span>{t("Stop")}</span></button>}
      <button>{t("Send")}</button>
    </form>
  );
}

/** One turn: what was said, then what came of it in one card. */
function Turn({ turn, isLast }) {
  const { heard } = turn;
  const find = (kind) => heard.findLast((event) => event.kind === kind);
  if (turn.waits) return <Held turn={turn} />;
  const acts = ["ask", "confirm", "calling", "result", "failed"].some(find);
  const broken = find("broken");
  const route = find("route") ?? (acts ? turn.before : null);
  const told = heard.filter((event) => event.kind === "told");
  return (
    <>
      {turn.bubble && <p class="said"><span class="unseen">{t("You:")} </span>{turn.bubble}</p>}
      {told.map((event, index) => <p class="text" key={index}>{event.text}</p>)}
      {isLast && told.filter((event) => event.examples).map((event, index) => <Wishes texts={event.examples} key={index} />)}
      {route && <Card turn={turn} route={route} find={find} isLast={isLast} />}
      {broken && (
        <div class="tight">
          <p class="bad" role="alert">{broken.text}</p>
          {isLast && <div class="row"><button type="button" class="quiet" onClick={() => say(broken.request, turn.bubble)}>{t("Try again")}</button></div>}
        </div>
      )}
      {find("stopped") && !route && <p class="mid soft">{find("stopped").text}</p>}
      {find("choices") && <Choices {...find("choices")} isLast={isLast} />}
      {turn.busy && !heard.length && <Waiting />}
    </>
  );
}

/** What was said while another turn was under way. */
const Held = ({ turn }) => (
  <div class="held">
    <p class="said"><span class="unseen">{t("You:")} </span>{turn.bubble}</p>
    <p class="mid soft">{t("Waits until the answer before it is there.")} <button type="button" class="plain" onClick={() => withdraw(turn.id)}>{t("Take it back")}</button></p>
  </div>
);

function Waiting() {
  const isLoading = useStore(loading);
  return (
    <div class="tight">
      <p class="mid soft" role="status">{isLoading && t("This node is loading what understands you. It does that once, and it takes a few seconds.")}</p>
      <div class="skeleton" style={{ height: "48px" }} aria-hidden="true" />
    </div>
  );
}

/** What an endpoint does, in its own words without what it says besides. */
const does = ({ description, title }) => {
  const clause = String(description ?? "").split(/[.;:](?:\s|$)/)[0].trim();
  return !clause ? title : clause.length <= CLAUSE_CHARACTERS_MAX ? clause : `${clause.slice(0, CLAUSE_CHARACTERS_MAX - 1)}…`;
};

const Choices = ({ text, choices, isLast }) => (
  <div class="tight">
    <p class="mid soft">{text}</p>
    <div class="row">
      {choices.map((choice) => (
        <button type="button" class="chip" key={choice.choose} disabled={!isLast} title={choice.description} onClick={() => say({ choose: choice.choose }, does(choice))}>
          {does(choice)} <span class="soft">{choice.service}</span>
        </button>
      ))}
      <a class="mid soft" href={to("services")}>{t("Something else…")}</a>
    </div>
  </div>
);

function Card({ turn, route, find, isLast }) {
  const [changing, setChanging] = useState(false);
  const [typing, setTyping] = useState(false);
  const ask = find("ask"), confirm = find("confirm"), result = find("result"), failed = find("failed"), items = find("items");
  const fields = find("calling")?.fields ?? route.fields ?? {};
  const about = [route.price ? String(route.price) : "", result?.seconds !== undefined && duration(result.seconds)].filter(Boolean).join(" · ");
  const isAsking = isLast && ask && !turn.busy;
  const needsForm = changing || (isAsking && (typing || !ask.choices));
  const again = () => say({ choose: `${route.service} ${route.endpoint}`, fields }, t("Again"));
  return (
    <article class="card" aria-label={`${route.service} ${route.endpoint}`}>
      <div class="head"><b>{route.service}</b><span class="mono">{route.endpoint}</span><span class="soft end">{about}</span></div>
      {!needsForm && !(confirm && !result) && <Given fields={fields} request={route.request} />}
      <div class="body">
        {ask && <p>{ask.text}</p>}
        {confirm && <p>{confirm.text}</p>}
        {items && <Items {...items} />}
        {result && (result.value !== undefined || result.bytes) && <Shown {...result} />}
        {result && result.value === undefined && !result.bytes && !items && <p>{result.text || t("Done; there is nothing to show.")}</p>}
        {failed && <p class="bad" role="alert">{failed.text}</p>}
        {find("stopped") && <p class="mid soft">{find("stopped").text}</p>}
        {turn.busy && <div class="skeleton" style={{ height: "40px" }} aria-hidden="true" />}
        {isAsking && ask.choices && !needsForm && (
          <div class="row">
            {ask.choices.map(({ value, label: name }) => <button type="button" class="chip" key={value} onClick={() => say({ fields: { [ask.field]: value } }, name)}>{name}</button>)}
            <button type="button" class="plain" onClick={() => setTyping(true)}>{t("Something else…")}</button>
          </div>
        )}
        {needsForm && <Filling route={route} fields={fields} only={changing ? null : ask?.missing} close={() => setChanging(false)} />}
        {confirm && isLast && !turn.busy && !result && (
          <div class="row">
            <button type="button" onClick={() => say({ confirm: true }, t("Yes"))}>{t("Yes, do it")}</button>
            <button type="button" class="quiet" onClick={() => say({ confirm: false }, t("No"))}>{t("Cancel")}</button>
          </div>
        )}
      </div>
      <div class="foot">
        {!needsForm && <button type="button" class="plain" onClick={() => setChanging(true)}>{t("Change")}</button>}
        {(result || failed) && <button type="button" class="plain" onClick={again}>{t("Again")}</button>}
        <a href={to("services", [route.service, route.endpoint])} onClick={() => hand(route.service, route.endpoint, withoutSecrets(fields, route.request))}>{t("Open the service")}</a>
        <button type="button" class="plain end" onClick={() => say({ text: "why that one?" }, t("Why that one?"))}>{t("Why that one?")}</button>
      </div>
    </article>
  );
}

/** What is filled in, so that everybody sees what was asked. */
function Given({ fields, request }) {
  const shown = Object.entries(withoutSecrets(fields, request)).filter(([, value]) => value !== null && value !== "" && value !== undefined);
  if (!shown.length) return null;
  return (
    <dl class="given" aria-label={t("What was filled in")}>
      {shown.slice(0, GIVEN_MAX).map(([name, value]) => {
        const schema = resolve(request?.properties?.[name], request);
        return <div key={name}><dt>{label(name, schema)}</dt><dd>{schema.contentEncoding ? t("a file") : brief(value)}</dd></div>;
      })}
    </dl>
  );
}

function brief(value) {
  const text = typeof value === "string" ? value : typeof value === "boolean" ? (value ? t("Yes") : t("No")) : JSON.stringify(value);
  return text.length <= VALUE_CHARACTERS_MAX ? text : `${text.slice(0, VALUE_CHARACTERS_MAX - 1)}…`;
}

const Items = ({ items, count }) => {
  const last = items.at(-1);
  if (last.bytes) return <Shown {...last} />;
  const plain = items.map((item) => bare(item.value));
  return plain.every((one) => typeof one !== "object") ? <pre class="log" tabIndex={0} aria-label={t("{count} items", { count })}>{plain.join("\n")}</pre> : <Answer value={plain} />;
};

const Shown = ({ value, bytes }) => (bytes ? <Answer blob={bytesOf(bytes)} /> : <Answer value={bare(value)} />);

/** A form for what is missing, or for all there is. */
function Filling({ route, fields, only, close }) {
  const whole = route.request ?? { type: "object", properties: {} };
  const [value, setValue] = useState(() => ({ ...blank(whole), ...fields }));
  const [wrong, setWrong] = useState({});
  const [tries, setTries] = useState(0);
  const form = useRef();
  useFirstWrong(form, wrong, tries);
  const schema = only?.length && whole.properties
    ? { ...whole, properties: Object.fromEntries(Object.entries(whole.properties).filter(([name]) => only.includes(name) || name in fields)), "x-micro-fields": undefined }
    : whole;
  const submit = (event) => {
    event.preventDefault();
    const found = check(value, whole);
    setWrong(found);
    setTries(tries + 1);
    if (Object.keys(found).length) return;
    close();
    const given = sent(value);
    say({ choose: `${route.service} ${route.endpoint}`, fields: given }, spokenOf(withoutSecrets(given, whole), blank(whole)));
  };
  return (
    <form class="stack" ref={form} noValidate onSubmit={submit}>
      <Request schema={schema} value={value} change={setValue} wrong={wrong} />
      <div class="row"><button>{t("Go on")}</button><button type="button" class="quiet" onClick={() => { close(); say({ text: "cancel" }, t("Cancel")); }}>{t("Cancel")}</button></div>
    </form>
  );
}

/** What a person filled in, as he would say it: without what stood there before. */
const spokenOf = (given, before) =>
  Object.entries(given).filter(([name, one]) => typeof one !== "object" && one !== before?.[name]).map(([, one]) => String(one)).join(", ").slice(0, 200);
