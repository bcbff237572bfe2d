// One service: what it says of itself, and each endpoint as a form.
import { useEffect, useState } from "preact/hooks";
import { catalog, describe } from "../catalog.js";
import { handedTo } from "../handed.js";
import { lazy } from "../lazy.jsx";
import { CopyButton, Heading, Nid, Offline, Said, Skeleton, Trouble, useAsked } from "../parts.jsx";
import { route, to } from "../route.js";
import { Run } from "../run.jsx";
import { owner } from "../session.js";
import { useStore } from "../store.js";
import { spoken, t } from "../words.js";

const Readme = lazy(() => import("../readme.jsx"));

export default function Service() {
  const { parts, query } = useStore(route);
  const [name, wanted] = parts;
  const { value: service, fault, again } = useAsked(() => describe(name), 0, [name]);
  if (fault && !service) return <div class="column"><Heading>{name}</Heading><Trouble fault={fault} again={again} /></div>;
  if (!service) return <div class="column"><Heading>{name}</Heading><Skeleton lines={8} /></div>;
  return <Described key={name} service={service} wanted={wanted} fill={query.get("fill")} />;
}

const readFill = (text) => {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined; // a link that was cut
  }
};

/** Where a service runs, as the list of services says; what is not in it is this node's own. */
const whereOf = (services, name) => services?.find((service) => service.name === name)?.where ?? "local";

function Described({ service: found, wanted, fill }) {
  const { name } = found;
  const nodes = found.nodes ?? [];
  const nids = [...new Set(nodes.map((node) => node.nid))]; // a service may have several instances on one node
  const { services } = useStore(catalog);
  const service = { ...found, nodes, where: whereOf(services, found.name) };
  const versions = [...new Set(nodes.map((node) => node.version).filter(Boolean))];
  const endpoints = service.endpoints ?? [];
  const isOwner = useStore(owner); // a source is its owner's, and only what runs here has one here
  const [open, setOpen] = useState(() => (wanted ?? endpoints[0]?.name ?? ""));
  useEffect(() => wanted && setOpen(wanted), [wanted]);
  const about = String(service.description ?? "");
  const tags = String(service.metadata?.tags ?? "").split(/\s*,\s*/).filter(Boolean).slice(0, 12);
  return (
    <div class="column">
      <Heading aside={<CopyButton text={`${location.origin}/${to("services", [service.name])}`} label={t("Copy the link to this service")} />}>{service.name}</Heading>
      <Offline />
      <Said>{about || t("It says nothing about itself.")}</Said>
      <dl class="facts">
        <dt>{t("Versions")}</dt><dd>{versions.length ? versions.join(", ") : service.version || "–"}</dd>
        <dt>{t("Runs on")}</dt>
        <dd>{nids.length ? nids.slice(0, 8).map((nid, index) => <span key={nid}>{index > 0 && ", "}<Nid nid={nid} self={service.where === "local"} /></span>) : t("this node")}{nids.length > 8 && " …"}</dd>
        {service.metadata?.isolation && <><dt>{t("Confined by")}</dt><dd>{String(service.metadata.isolation)}</dd></>}
        {tags.length > 0 && <><dt>{t("Tags")}</dt><dd class="row" style={{ gap: "8px" }}>{tags.map((tag) => <a key={tag} href={to("services", [], { search: tag })}>{tag}</a>)}</dd></>}
      </dl>
      <h2>{t("What it can do")}</h2>
      {!endpoints.length && <p class="soft">{t("It has no endpoints; it may only listen to events.")}</p>}
      {endpoints.map((endpoint) => (
        <Endpoint key={endpoint.name} service={service} endpoint={endpoint} isOpen={open === endpoint.name}
          toggle={() => setOpen(open === endpoint.name ? "" : endpoint.name)} given={wanted === endpoint.name ? (handedTo(name, endpoint.name) ?? readFill(fill)) : undefined} />
      ))}
      {service.topics?.length > 0 && <Topics topics={service.topics} />}
      {isOwner && service.where === "local" && <Readme name={name} />}
    </div>
  );
}

function Endpoint({ service, endpoint, isOpen, toggle, given }) {
  const id = `endpoint-${endpoint.name}`;
  const [first, more] = headAndRest(endpoint.description);
  return (
    <section class="card">
      <div class="head">
        <h3 style={{ font: "inherit" }}><button type="button" class="plain mono" aria-expanded={isOpen} aria-controls={id} onClick={toggle}>{endpoint.name}</button></h3>
        <span class="soft grow">{first}</span>
        <span class="soft small">{[endpoint.kind === "stream" && t("stream"), endpoint.price ? String(endpoint.price) : ""].filter(Boolean).join(" · ")}</span>
      </div>
      {isOpen && (
        <div class="body" id={id}>
          {more && <Said class="text mid soft">{more}</Said>}
          <Run service={service} endpoint={endpoint} given={given ?? undefined} />
        </div>
      )}
    </section>
  );
}

const HEAD_CHARACTERS_MAX = 300;

/** What stands beside an endpoint's name, and what is said below; a sentence that is too long for there is said below whole. */
const WISHES = /(?:^|\n)[ \t]*Wishes \(([a-z]{2,3})\):[^\n]*(?:\n[ \t]*\S[^\n]*)*/g; // up to an empty line

/** Returns the first line and what follows, without wishes in languages that are not the reader's. */
export function headAndRest(description) {
  const text = String(description ?? "").replace(WISHES, (all, language) => (language === spoken.get() ? all : "")).trim();
  const [first, ...rest] = text.split("\n");
  return first.length > HEAD_CHARACTERS_MAX ? [`${first.slice(0, HEAD_CHARACTERS_MAX)}…`, text] : [first, rest.join("\n").trim()];
}

const Topics = ({ topics }) => (
  <>
    <h2>{t("Topics")}</h2>
    <ul class="tight" style={{ paddingLeft: "20px" }}>
      {topics.slice(0, 50).map((topic) => <li key={`${topic.topic}${topic.queue}`}><a href={to("events", [topic.topic])}><code>{topic.topic}</code></a>{topic.queue && <span class="soft mid"> · {t("queue {name}", { name: topic.queue })}</span>}</li>)}
    </ul>
  </>
);
