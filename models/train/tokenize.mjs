// Token ids of the JavaScript library, for verify.py, and its speed.
//   node tokenize.mjs LIBRARY_FOLDER tokenizer.json TEXTS.json > ids.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [folder, definition, texts] = process.argv.slice(2);
const { Tokenizer } = createRequire(resolve(folder, "x.js"))("@huggingface/tokenizers");
const tokenizer = new Tokenizer(JSON.parse(readFileSync(definition, "utf8")), {});
const list = JSON.parse(readFileSync(texts, "utf8"));
const encode = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
for (const text of list.slice(0, 500)) encode(text);
const start = process.hrtime.bigint();
const ids = list.map(encode);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const bytes = list.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
console.error(`javascript: ${(bytes / 1e6 / seconds).toFixed(2)} MB/s over ${(bytes / 1e6).toFixed(1)} MB`);
console.log(JSON.stringify(ids));
