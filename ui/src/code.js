// The same call in the languages of those who program: what stands in the form, ready to be copied.
const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);

function python(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${python(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}

const dashed = (name) => name.replace(/([a-z0-9])([A-Z])/g, "$1-$2").replaceAll("_", "-").toLowerCase();

/** `micro SERVICE METHOD --field value`, as the command line takes it; JSON where a field has no flat form. */
function commandLine(service, endpoint, request) {
  const verb = endpoint.kind === "stream" ? "stream" : "call";
  const flat = Object.entries(request).every(([, value]) => typeof value !== "object" && typeof value !== "boolean");
  if (!flat || endpoint.kind === "stream") return `micro ${verb} ${service} ${endpoint.name} ${shell(JSON.stringify(request))}`;
  const words = endpoint.name.split(".").map(dashed);
  const fields = Object.entries(request).map(([name, value]) => `--${dashed(name)} ${shell(String(value))}`);
  return ["micro", service, ...words, ...fields].join(" ");
}

/** Returns `[name, text]` for each language. */
export function snippets(service, endpoint, request, origin = location.origin) {
  const url = `${origin}/api/${service}/${endpoint.name}`;
  const isStream = endpoint.kind === "stream";
  const isBytes = endpoint.request?.format === "binary";
  if (isBytes) {
    return [
      ["curl", `curl --data-binary @FILE ${shell(url)}`],
      ["Python", `import asyncio, pathlib\nimport micro\n\nasync def main():\n    async with micro.Client() as client:\n        data = pathlib.Path("FILE").read_bytes()\n        print(await client.call(${python(service)}, ${python(endpoint.name)}, data))\n\nasyncio.run(main())`],
      ["CLI", `micro call ${service} ${endpoint.name} @FILE`],
    ];
  }
  const json = JSON.stringify(request);
  const use = isStream
    ? `        async with client.stream(${python(service)}, ${python(endpoint.name)}, ${python(request)}) as stream:\n            async for item in stream:\n                print(item)`
    : `        print(await client.call(${python(service)}, ${python(endpoint.name)}, ${python(request)}))`;
  const javascript = `const answer = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  headers: { "Content-Type": "application/json" },\n  body: JSON.stringify(${JSON.stringify(request, null, 2).replaceAll("\n", "\n  ")}),\n});\nconsole.log(await answer.${isStream ? "text" : "json"}());`;
  return [
    ["curl", `curl${isStream ? " -N" : ""} ${shell(url)} -H 'Content-Type: application/json' -d ${shell(json)}`],
    ["Python", `import asyncio\nimport micro\n\nasync def main():\n    async with micro.Client() as client:\n${use}\n\nasyncio.run(main())`],
    ["JavaScript", javascript],
    ["CLI", commandLine(service, endpoint, request)],
    ["MCP", JSON.stringify({ name: "call_service", arguments: { service, endpoint: endpoint.name, request } }, null, 2)],
  ];
}
