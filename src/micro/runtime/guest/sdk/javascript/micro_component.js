// What componentize-qjs makes a component of: the world's functions on one side, a service's handlers on the other.
import service from "micro-main";
import { bodyOf, Fault, log, Stream, valueOf } from "./micro.js";

function well(work) {
  try {
    return work();
  } catch (error) {
    const known = error instanceof Fault || (error && error.detail !== undefined);
    if (!known) log.error(`${error}\n${error && error.stack}`);
    const name = service.said.name;
    const { id = "", code = 500, detail, status = "" } = known ? error : {};
    throw Object.assign(new Error(detail), { payload: { id, code, detail: detail ?? `${error} in ${name}`, status } });
  }
}

const bodied = (result) => {
  const plain = result === undefined ? {} : result;
  const wrapped = plain instanceof Uint8Array || (typeof plain === "object" && plain && !Array.isArray(plain));
  return bodyOf(wrapped ? plain : { result: plain })[0];
};

export const handler = {
  describe: () => JSON.stringify(service.said),
  call: ({ header, body }) =>
    well(() => {
      const headers = Object.fromEntries(header);
      return bodied(service.find(headers)(valueOf(body) ?? {}, headers));
    }),
  serve: ({ header, body }) =>
    well(() => {
      const headers = Object.fromEntries(header);
      service.find(headers)(new Stream(0), valueOf(body) ?? {}, headers);
    }),
  event: ({ header, body }) =>
    well(() => {
      const headers = Object.fromEntries(header);
      service.subscribers.get(headers["Micro-Topic"])?.(valueOf(body), headers);
    }),
};
