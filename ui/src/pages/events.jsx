// What is said on topics: which there are, saying something, listening, and what was kept.
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../icons.jsx";
import { control, publish, stream, subscribe } from "../node.js";
import { announce, notice } from "../notice.jsx";
import { Heading, Nid, Offline, OwnersOnly, Skeleton, Trouble, useAsked, When } from "../parts.jsx";
import { replace, route, to } from "../route.js";
import { useStore } from "../store.js";
import { Value } from "../value.jsx";
import { bytes, number, t } from "../words.js";

const LOOK_SECONDS = 5, EVENTS_MAX = 200, KEPT = 50, TYPED_MILLISECONDS = 300;

export default function Events() {
  const { parts } = useStore(route);
  const [topic, setTopic] = useState(parts[0] ?? "");
  const [said, setSaid] = useState(0);
  useEffect(() => setTopic(parts[0] ?? ""), [parts[0]]);
  return (
    <div class="column">
      <Heading>{t("Events")}</Heading>
      <Offline />
      <OwnersOnly>
        <Topics topic={topic} />
        <Say topic={topic} setTopic={setTopic} done={() => setSaid(said + 1)} />
        <Listen key={`listen ${topic}`} topic={topic} />
        {topic && <Kept key={`kept ${topic}`} topic={topic} said={said} />}
      </OwnersOnly>
    </div>
  );
}

function Topics({ topic }) {
  const { value, fault, again } = useAsked(async () => (await control("node", "Node.Topics")).topics, LOOK_SECONDS);
  if (fault && !value) return <Trouble fault={fault} again={again} />;
  if (!value) return <Skeleton />;
  if (!value.length) return <p class="soft">{t("Nothing has been published yet. The first event on a topic makes it.")}</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("Topics")}>
      <table>
        <thead><tr><th scope="col">{t("Topic")}</th><th scope="col" class="number">{t("Kept")}</th><th scope="col" class="number">{t("Size")}</th><th scope="col" class="number">{t("Listeners")}</th><th scope="col">{t("Queues")}</th></tr></thead>
        <tbody>
          {value.map((one) => (
            <tr key={one.topic}>
              <th scope="row"><a href={to("events", [one.topic])} aria-current={one.topic === topic ? "true" : undefined}>{one.topic}</a></th>
              <td class="number">{number(one.messages)}</td>
              <td class="number">{bytes(one.bytes)}</td>
              <td class="number">{number(one.subscribers)}</td>
              <td>{one.queues.map((queue) => <div key={queue.queue}>{queue.queue} <span class="soft">· {t("{count} waiting", { count: number(queue.waiting) })}</span></div>)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Say({ topic, setTopic, done }) {
  const [text, setText] = useState("");
  const [asText, setAsText] = useState(false);
  const [wrong, setWrong] = useState({});
  const send = async (event) => {
    event.preventDefault();
    const found = { ...(topic.trim() ? {} : { topic: t("This is needed.") }), ...(text.trim() ? {} : { text: t("This is needed.") }) };
    setWrong(found);
    const body = asJson(text);
    if (!found.text && body === null && !asText && MEANT_AS_JSON.test(text)) {
      found.text = t("This is no JSON, though it begins like it. Mend it, or publish it as text.");
      setAsText(true); // whoever presses again means it
      setWrong(found);
    }
    if (found.topic || found.text) return document.getElementById(found.topic ? "event-topic" : "event-text").focus();
    try {
      const { id } = await publish(topic.trim(), body ?? text, body === null ? "text/plain" : "application/json");
      setText("");
      setAsText(false);
      done();
      replace("events", [topic.trim()]);
      notice(t("Published as {id}", { id: id.slice(0, 8) }));
    } catch (fault) {
      setWrong({ text: fault.detail });
    }
  };
  return (
    <form class="stack" noValidate onSubmit={send}>
      <h2>{t("Publish an event")}</h2>
      <div class="field">
        <label for="event-topic">{t("Topic")}</label>
        <input id="event-topic" value={topic} onInput={(event) => setTopic(event.currentTarget.value)} placeholder="orders" autocomplete="off" maxLength={256} aria-invalid={wrong.topic ? "true" : undefined} aria-describedby="event-topic-wrong" />
        <span class="wrong" id="event-topic-wrong">{wrong.topic}</span>
      </div>
      <div class="field">
        <label for="event-text">{t("What happened")}</label>
        <textarea id="event-text" class="mono" value={text} onInput={(event) => { setText(event.currentTarget.value); setAsText(false); }} placeholder={'{"kind": "greeted"}'} spellcheck={false} aria-invalid={wrong.text ? "true" : undefined} aria-describedby="event-text-wrong" />
        <span class="wrong" id="event-text-wrong">{wrong.text}</span>
      </div>
      <div><button>{asText ? t("Publish it as text") : t("Publish")}</button></div>
    </form>
  );
}

const MEANT_AS_JSON = /^\s*[{["]/;

/** Returns a text as it is sent where it is JSON, else null. */
function asJson(text) {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return null;
  }
}

function Listen({ topic }) {
  const [events, setEvents] = useState([]);
  const [fault, setFault] = useState(null);
  const [on, setOn] = useState(false);
  const stopper = useRef(null);
  useEffect(() => () => stopper.current?.abort(), []);
  const start = async () => {
    stopper.current = new AbortController();
    setOn(true);
    setFault(null);
    try {
      await subscribe(topic, (event) => {
        setEvents((before) => [event, ...before].slice(0, EVENTS_MAX));
        announce(t("An event came on {topic}", { topic }));
      }, { signal: stopper.current.signal });
    } catch (found) {
      if (found.name !== "AbortError") setFault(found);
    }
    setOn(false);
  };
  return (
    <section class="stack" aria-label={t("Inbox")}>
      <h2>{t("Listen")}</h2>
      <div class="row">
        {on ? <button type="button" class="quiet" onClick={() => stopper.current.abort()}><Icon name="stop" />{t("Stop")}</button>
          : <button type="button" class="quiet" disabled={!topic.trim()} onClick={start}>{t("Listen")}</button>}
        <span class="soft mid">{on ? <><span class="dot good" />{t("Listening to {topic}", { topic })}</> : topic ? topic : t("Choose a topic above.")}</span>
      </div>
      <Trouble fault={fault} again={start} />
      {events.map((event) => <Event key={event.id} {...event} />)}
      {on && !events.length && <p class="soft mid">{t("Nothing has come yet.")}</p>}
    </section>
  );
}

const Event = ({ id, time, publisher, value, body, content_type }) => (
  <article class="card">
    <div class="head"><span class="mono small">{id.slice(0, 8)}</span><span class="soft end"><When seconds={time} />{publisher && <> · {t("from")} <Nid nid={String(publisher)} /></>}</span></div>
    <div class="body">{value !== undefined ? <Value value={value} depth={1} /> : <Value value={readable(body ?? "", content_type)} depth={1} />}</div>
  </article>
);

/** Reads an event's base64 as the text it most likely is. */
function readable(base64, type = "") {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(base64), (one) => one.charCodeAt(0)));
    return type.includes("json") ? JSON.parse(text) : text;
  } catch {
    return t("{size} that are no text", { size: bytes(Math.floor((base64.length * 3) / 4)) });
  }
}

/** What the node keeps of a topic, newest first. */
function Kept({ topic, said }) {
  const [events, setEvents] = useState(null);
  const [fault, setFault] = useState(null);
  const look = async () => {
    const found = [];
    try {
      await stream("events", "Events.Read", { topic }, (event) => {
        found.push(event);
        if (found.length > KEPT) found.shift();
      });
      setEvents(found.reverse());
      setFault(null);
    } catch (caught) {
      if (caught.code === 404) setEvents([]); // a topic that nobody has published to yet
      else setFault(caught);
    }
  };
  useEffect(() => {
    const timer = setTimeout(look, said ? 0 : TYPED_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <section class="stack" aria-label={t("Kept events")}>
      <div class="row"><h2>{t("Kept events")}</h2><button type="button" class="quiet little end" onClick={look}>{t("Look again")}</button></div>
      <Trouble fault={fault} again={look} />
      {!events && !fault && <Skeleton />}
      {events?.length === 0 && <p class="soft mid">{t("None are kept of this topic.")}</p>}
      {events?.map((event) => <Event key={`${event.sequence}`} {...event} />)}
    </section>
  );
}
