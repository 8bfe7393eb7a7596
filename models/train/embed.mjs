// Token ids and embeddings of dowser itself, for transformer_export.py, and their speed.
//   node embed.mjs MODEL_FOLDER TEXTS.json > {query, passage: {ids, embeddings}}
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { openModelFolder } from "../../src/embed/catalog.ts";
import { openEmbedder } from "../../src/embed/embedder.ts";
import { openTokenizer } from "../../src/embed/tokenizer.ts";

const [folder, file] = process.argv.slice(2);
const texts = JSON.parse(readFileSync(file, "utf8"));
const { manifest, tokenizer } = await openModelFolder(resolve(folder));
const tokenize = openTokenizer(tokenizer, manifest.maxTokens);
const embedder = await openEmbedder({ model: resolve(folder) });
const out = {};
for (const side of ["query", "passage"]) {
  const ids = texts.map((text) => tokenize(manifest.prefixes.nl2code[side] + text));
  const began = performance.now();
  const embeddings = (await embedder.embed(texts, "nl2code", side)).map((row) => Array.from(row));
  const seconds = (performance.now() - began) / 1000;
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  console.error(`dowser, ${side}: ${Math.round(ids.flat().length / seconds)} tokens/s, ${(bytes / 1e6 / seconds).toFixed(3)} MB/s, one thread`);
  out[side] = { ids, embeddings };
}
await embedder.close();
console.log(JSON.stringify(out));
