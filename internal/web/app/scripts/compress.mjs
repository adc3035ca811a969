// Leaves each built file in gzip and brotli beside itself, and prints what the
// first page needs. It fails when that is over the bound.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = new URL("../../dist/page/", import.meta.url).pathname;
const bound = 350_000; // bytes of gzip
const smallest = 1_000; // what is shorter is not worth another file

const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
rmSync(join(folder, "manifest.json"));

// What the document loads at once: its entry and all that the entry imports.
const first = new Set();
function need(name) {
  const chunk = manifest[name];
  if (first.has(chunk.file)) return;
  for (const file of [chunk.file, ...(chunk.css ?? [])]) first.add(file);
  for (const imported of chunk.imports ?? []) need(imported);
}
for (const [name, chunk] of Object.entries(manifest)) if (chunk.isEntry) need(name);

let total = 0;
let needed = 0;
const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
for (const entry of files) {
  const path = join(entry.parentPath, entry.name);
  const content = readFileSync(path);
  if (content.length < smallest || !/\.(js|css|html|svg|json|webmanifest)$/.test(entry.name)) continue;
  const gzip = gzipSync(content, { level: 9 });
  writeFileSync(`${path}.gz`, gzip);
  writeFileSync(
    `${path}.br`,
    brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }),
  );
  total += gzip.length;
  if (first.has(path.slice(folder.length))) needed += gzip.length;
}
const kB = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;
console.log(`The first page needs ${kB(needed)} of gzip (at most ${kB(bound)}); all of it is ${kB(total)}.`);
if (needed > bound) {
  console.error("That is too much: load later what the first page does not show.");
  process.exit(1);
}
