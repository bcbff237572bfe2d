// All services in reach: found as one types, ten thousand of them without a pause.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { catalog, load, search } from "../catalog.js";
import { Icon } from "../icons.jsx";
import { control } from "../node.js";
import { announce } from "../notice.jsx";
import { Heading, Offline, Skeleton, State, Trouble, useAsked } from "../parts.jsx";
import { latencies } from "../record.js";
import { replace, route, to } from "../route.js";
import { owner } from "../session.js";
import { useStore } from "../store.js";
import { duration, number, t } from "../words.js";
import { Window } from "../window.jsx";

const AGAIN_SECONDS = 15;
const FEW = 20; // more that have the words themselves leave nothing to wish for
const WISH_CHARACTERS_MIN = 3, WISH_CHARACTERS_MAX = 2000, NEAR_MAX = 8;
const SAID_AFTER = 600; // milliseconds without a key, so that a screen reader is not told about each

export default function Services() {
  const { services, fault } = useStore(catalog);
  const [query, setQuery] = useState(route.get().query.get("search") ?? "");
  const [where, setWhere] = useState("all");
  const list = useRef();
  useEffect(() => {
    load();
    const timer = setInterval(() => document.hidden || load(), AGAIN_SECONDS * 1000);
    return () => clearInterval(timer);
  }, []);
  const found = useMemo(() => (services ? search(services, query, where) : []), [services, query, where]);
  useEffect(() => {
    if (/^#\/services(\?|$)/.test(location.hash)) replace("services", [], { search: query }); // unless somebody has gone on
    const timer = setTimeout(() => services && announce(t(found.length === 1 ? "{count} service" : "{count} services", { count: number(found.length) })), SAID_AFTER);
    return () => clearTimeout(timer);
  }, [query, where]);
  const open = (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      list.current?.querySelector("a")?.focus();
    }
  };
  return (
    <div class="column">
      <Heading aside={found.length > 0 && <span class="soft mid">{t(found.length === 1 ? "{count} service" : "{count} services", { count: number(found.length) })}</span>}>{t("Services")}</Heading>
      <Offline />
      <Starting />
      <div class="tight">
        <label class="search">
          <Icon name="search" />
          <span class="unseen">{t("Search services")}</span>
          <input type="search" value={query} placeholder={t("What do you need?")} onInput={(event) => setQuery(event.currentTarget.value)} onKeyDown={open} />
        </label>
        <div class="row" role="group" aria-label={t("Which services")}>
          {[["all", t("All")], ["local", t("On this node")], ["network", t("Elsewhere")]].map(([key, name]) => (
            <button type="button" class="chip" key={key} aria-pressed={where === key} onClick={() => setWhere(key)}>{name}</button>
          ))}
        </div>
      </div>
      {fault && !services ? <Trouble fault={fault} again={load} />
        : !services ? <Skeleton lines={6} />
        : found.length ? <div ref={list}><Window items={found} draw={Card} /></div>
        : !services.length && <NoneYet />}
      {services?.length > 0 && found.length < FEW && (
        <ByMeaning query={query} where={where} services={services} known={found}
          otherwise={!found.length && <NothingFits clear={() => { setQuery(""); setWhere("all"); }} />} />
      )}
    </div>
  );
}

/** Says that some of this node's services are not there yet; whoever is not its owner is not told. */
function Starting() {
  const isOwner = useStore(owner);
  const { value: count } = useAsked(async () => (isOwner ? (await control("runtime", "Runtime.Status")).services.filter((one) => one.state === "starting").length : 0), AGAIN_SECONDS, [isOwner]);
  return count > 0 && <p class="mid soft row" role="status"><span class="dot warn" />{t("Still starting on this node: {count}.", { count: number(count) })}</p>;
}

/** Services whose endpoints mean something like it, asked for once somebody stops typing; without the assistant nothing. */
function ByMeaning({ query, where, services, known, otherwise }) {
  const [near, setNear] = useState({ query: "", found: [] });
  const wish = query.trim();
  useEffect(() => {
    if (wish.length < WISH_CHARACTERS_MIN || wish.length > WISH_CHARACTERS_MAX) return;
    const asking = new AbortController();
    const timer = setTimeout(() => {
      control("assistant", "Assistant.Search", { query: wish, limit: NEAR_MAX }, { signal: asking.signal }).then((told) => setNear({ query: wish, found: told.services }), () => {});
    }, SAID_AFTER);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [wish]);
  const names = new Set(known.map((service) => service.name));
  const here = new Map(services.filter((service) => where === "all" || service.where === where || service.where === "both").map((service) => [service.name, service]));
  const found = near.query === wish ? near.found.filter((one) => here.has(one.name) && !names.has(one.name)) : [];
  useEffect(() => {
    if (found.length) announce(t("{count} by meaning", { count: number(found.length) }));
  }, [near]);
  if (!found.length) return otherwise || null;
  return (
    <section class="tight" aria-label={t("By meaning")}>
      <h2>{t("By meaning")}</h2>
      {!known.length && <p class="mid soft">{t("No service in reach has all these words. These are the nearest in meaning, which may still be far.")}</p>}
      {found.map((one) => (
        <a class="card near" key={one.name} href={to("services", [one.name, one.endpoint])}>
          <b>{one.name}</b> <span class="mono mid">{one.endpoint}</span>
          <div class="mid soft about">{one.description}</div>
        </a>
      ))}
    </section>
  );
}

function Card(service) {
  const seconds = latencies.get()[service.name];
  const facts = [
    service.version && `v${service.version}`,
    t(service.endpoints === 1 ? "{count} endpoint" : "{count} endpoints", { count: service.endpoints }),
    service.where === "local" ? t("on this node") : t(service.nodes === 1 ? "{count} node" : "{count} nodes", { count: service.nodes }),
    seconds && duration(seconds),
  ].filter(Boolean);
  return {
    key: service.name,
    address: to("services", [service.name]),
    body: (
      <>
        <b class="line">{service.name}</b>
        <span class="lines-two mid">{service.description}</span>
        <span class="line small soft">{facts.join(" · ")}</span>
      </>
    ),
  };
}

const NothingFits = ({ clear }) => (
  <State title={t("Nothing fits")}>
    <p class="mid">{t("No service in reach has all these words.")}</p>
    <div class="row"><button class="quiet" onClick={clear}>{t("Show all services")}</button><a class="button quiet" href={to("publish")}>{t("Publish a service")}</a></div>
  </State>
);

const NoneYet = () => (
  <State title={t("No service runs yet")}>
    <p class="mid">{t("Publish one from a git address or a folder, or join a network that has some.")}</p>
    <div class="row"><a class="button" href={to("publish")}>{t("Publish a service")}</a><a class="button quiet" href={to("network")}>{t("Join a network")}</a></div>
  </State>
);
