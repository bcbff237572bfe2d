// The conformance guest in JavaScript.
import { client, config, decode, encode, Fault, log, Service, store } from "./micro.js";

const conformance = new Service("conformance", { instances: "pooled" });

conformance
  .endpoint("Test.Echo", ({ text }) => {
    log.info("asked to echo");
    return { text };
  })
  .endpoint("Test.Relay", ({ text }) => client.call("other", "Test.Echo", { text }))
  .endpoint("Test.Keep", ({ text }) => {
    store.write("kept", encode(text));
    return { text: decode(store.read("kept")) };
  })
  .endpoint("Test.Setting", () => {
    const found = config.get("greeting");
    if (found === null) throw new Fault("nothing is there", { code: 404 });
    return found;
  })
  .endpoint("Test.Fail", () => {
    throw new Fault("as was asked", { code: 422 });
  })
  .stream("Test.Count", (stream) => {
    for (const item of stream) stream.send(item);
  })
  .subscribe("test.asked", (event) => client.publish("test.handled", event), "conformance");

export default conformance;
