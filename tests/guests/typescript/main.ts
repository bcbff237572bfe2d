// The conformance guest in TypeScript.
import { client, config, decode, encode, Fault, log, Service, store } from "./micro.js";

interface Text {
  text: string;
}

interface Numbered {
  n: number;
}

const conformance = new Service("conformance", { instances: "pooled" });

function echo({ text }: Text): Text {
  log.info("asked to echo");
  return { text };
}

function keep({ text }: Text): Text {
  store.write("kept", encode(text));
  const found: Uint8Array | null = store.read("kept");
  return { text: found === null ? "" : decode(found) };
}

conformance
  .endpoint("Test.Echo", echo)
  .endpoint("Test.Relay", ({ text }: Text) => client.call("other", "Test.Echo", { text }))
  .endpoint("Test.Keep", keep)
  .endpoint("Test.Setting", (): string => {
    const found: string | null = config.get("greeting");
    if (found === null) throw new Fault("nothing is there", { code: 404 });
    return found;
  })
  .endpoint("Test.Fail", (): never => {
    throw new Fault("as was asked", { code: 422 });
  })
  .stream("Test.Count", (stream: { send(item: Numbered): void } & Iterable<Numbered>) => {
    for (const item of stream) stream.send(item);
  })
  .subscribe("test.asked", (event: Numbered) => client.publish("test.handled", event), "conformance");

export default conformance;
