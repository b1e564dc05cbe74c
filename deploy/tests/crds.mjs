// Says what is wrong in custom resources: `node crds.mjs FOLDER` reads a JSON list of manifests from
// stdin and writes a list of complaints. FOLDER has the npm packages of their schemas.
//
// The schemas are compiled into functions that look at each property that they know, and say nothing
// of others. So a property that nobody has looked at is unknown.
import { readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const packages = { "keda.sh": "keda", "monitoring.coreos.com": "prometheus-operator" };
const complaints = [];

for (const manifest of JSON.parse(readFileSync(0, "utf8"))) {
  const where = `${manifest.kind} ${manifest.metadata.name}`;
  const [group, version] = manifest.apiVersion.split("/");
  const folder = `${process.argv[2]}/node_modules/@kubernetes-models/${packages[group]}/_schemas`;
  const file = readdirSync(folder).find((name) => name.toLowerCase().endsWith(`apis${group.split(".")[0]}${version}${manifest.kind}.js`.toLowerCase()));
  if (!file) {
    complaints.push(`${where}: there is no schema of ${manifest.apiVersion} ${manifest.kind}`);
    continue;
  }
  const { validate } = await import(pathToFileURL(`${folder}/${file}`));
  const seen = new Map();
  if (!validate(watched(manifest, seen))) {
    complaints.push(...validate.errors.map((e) => `${where}: ${e.instancePath} ${e.keyword} ${JSON.stringify(e.params)}`));
  }
  unseen(manifest, seen, where);
}
console.log(JSON.stringify(complaints));

function watched(value, seen) {
  if (value === null || typeof value !== "object") return value;
  if (!seen.has(value)) seen.set(value, new Set());
  return new Proxy(value, {
    get(target, name) {
      seen.get(value).add(name);
      return watched(target[name], seen);
    },
  });
}

function unseen(value, seen, path) {
  if (value === null || typeof value !== "object") return;
  for (const [name, child] of Object.entries(value)) {
    if (!Array.isArray(value) && !seen.get(value)?.has(name)) complaints.push(`${path}: nothing is known of ${name}`);
    else unseen(child, seen, `${path}.${name}`);
  }
}
