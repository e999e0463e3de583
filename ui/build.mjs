// Builds src/ into the files that the server gives out, in the folder that is named (default: the package's).
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const target = process.argv[2] ?? "../src/assistd/ui";

// Parts of the official SDK that no page calls: a third of its size. Where one of them is called, take it
// out of this list; until then its classes are empty.
const UNCALLED =
  /openai\/resources\/(audio|batches|beta\/(agents|chatkit|realtime)|chat|completions|embeddings|evals|fine-tuning|graders|images|live|moderations|realtime|skills|uploads|videos|webhooks)(\/[\w/-]*)?\.mjs$/;
const leaveOut = {
  name: "leave out what is not called",
  setup: ({ onLoad }) =>
    onLoad({ filter: UNCALLED }, ({ path }) => {
      const names = [...readFileSync(path, "utf8").matchAll(/^export class (\w+)/gm)].map(([, name]) => name);
      if (names.length === 0) return undefined; // it only passes on what others export
      return { contents: names.map((name) => `export class ${name} {}`).join("\n") };
    }),
};
const result = await build({
  entryPoints: { playground: "src/main.tsx", operator: "src/operator/main.tsx" },
  bundle: true,
  format: "esm",
  splitting: true,
  minify: true,
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  loader: { ".csv": "text" },
  plugins: [leaveOut],
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  outdir: target,
  metafile: true,
  write: false,
});

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
const names = [];
for (const { path, contents } of result.outputFiles) {
  writeFileSync(path, contents);
  names.push(baseName(path));
}
writeFileSync(join(target, "playground.html"), page("playground", "assistd"));
writeFileSync(join(target, "operator.html"), page("operator", "assistd operator"));
writeFileSync(join(target, "LICENSES.txt"), licenses());

/** A page; its bar is painted while the scripts are still on their way. */
function page(name, title) {
  const [script] = names.filter((each) => each.startsWith(`${name}-`) && each.endsWith(".js"));
  const [style] = names.filter((each) => each.startsWith(`${name}-`) && each.endsWith(".css"));
  const preloads = findShared(script).map((each) => `<link rel="modulepreload" href="${each}">\n`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${style}">
${preloads.join("")}<script type="module" src="${script}"></script>
<div id="app"><header class="loading">${title}</header></div>
<noscript>This page needs JavaScript.</noscript>
</html>
`;
}

/** What a script imports at once, and what that imports: without a hint each would be found a round trip later. */
function findShared(script) {
  const outputs = new Map(Object.entries(result.metafile.outputs).map(([path, each]) => [baseName(path), each]));
  const found = new Set();
  const look = (name) => {
    for (const { path, kind } of outputs.get(name).imports) {
      if (kind !== "import-statement" || found.has(baseName(path))) continue;
      found.add(baseName(path));
      look(baseName(path));
    }
  };
  look(script);
  return [...found].sort();
}

function baseName(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The licence of each package that something was taken of. */
function licenses() {
  const packages = new Set();
  for (const path of Object.keys(result.metafile.inputs)) {
    const found = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (found) packages.add(found[1]);
  }
  return [...packages].sort().map(describe).join(`\n${"=".repeat(80)}\n\n`);
}

function describe(name) {
  const folder = join("node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  for (const file of ["LICENSE", "LICENSE.md", "LICENSE.txt"]) {
    try {
      return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }
  throw new Error(`${name} has no file of its licence`);
}

const digest = createHash("sha256");
for (const name of names.sort()) digest.update(readFileSync(join(target, name)));
console.log(`built ${names.length} files, sha256 ${digest.digest("hex").slice(0, 16)}`);
