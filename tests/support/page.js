// Runs what a page runs, in Node: a JSON object a line on stdin, its answer a line on stdout.
// { open, weights }: a packed graph; { run }: its inputs as [kind, shape, numbers]; { page }: the text of a page;
// { call, given }: a method of its model; { rule, texts }: texts split; { joined }: what each of some ids adds to a text.

const fs = require("fs"), path = require("path"), vm = require("vm");
const web = path.join(__dirname, "../../seqcli/export/web");
const named = "globalThis.page = { opened, run, array, KINDS, model, tokenizer, Rule, OPERATORS, joined };";
const library = ["arrays", "graph", "words", "tokenizers", "models"].map((name) => fs.readFileSync(path.join(web, `${name}.js`), "utf8"));
vm.runInThisContext([...library, named].join("\n"));
const { opened, run, array, KINDS, model, tokenizer: read, Rule, OPERATORS, joined } = globalThis.page;
const bytes = (text) => { const own = Buffer.from(text, "base64"); return own.buffer.slice(own.byteOffset, own.byteOffset + own.length); };
const numbers = (x) => [x.kind, x.shape, Array.from(x.data, (v) => (Number.isFinite(v) ? v : String(v)))];
const part = (page, id) => page.split(`id="${id}">`)[1].split("</script>")[0];
let graph, own, divides;

const WORK = {
  open: ({ open, weights }) => { graph = opened(open, bytes(weights)); return null; },
  run: ({ run: given }) => {
    const inputs = Object.entries(given).map(([name, [kind, shape, own]]) => [name, array(kind, shape, KINDS[kind].from(own))]);
    return Object.fromEntries(Object.entries(run(graph, Object.fromEntries(inputs))).map(([name, x]) => [name, numbers(x)]));
  },
  page: ({ page }) => { own = model(JSON.parse(part(page, "data")), bytes(part(page, "weights"))); return null; },
  call: ({ call, given }) => { const found = own[call](...given); return found?.next ? [...found] : found; },
  generate: ({ generate: [text, count] }) => {
    const ids = [], before = own.tokenizer.encode(text).map((part) => part.id), first = before.length ? before : [own.first];
    for (let known = own.read(text); ids.length < count; known = own.step(ids.at(-1), known.state)) ids.push(own.drawn(known.logits, { temperature: 0 }));
    return ids.map((id, i) => joined(own.tokenizer, [...first, ...ids.slice(0, i)], id)).join("");
  },
  rule: ({ rule, texts }) => { const own = new Rule(rule); return texts.map((text) => own.split(text)); },
  tokenizer: ({ tokenizer }) => { divides = read(tokenizer); return null; },
  encode: ({ encode }) => divides.encode(encode),
  decode: ({ decode }) => divides.decode(decode),
  joined: ({ joined: ids }) => ids.map((id, i) => joined(divides, ids.slice(0, i), id)),
  operators: () => Object.keys(OPERATORS),
};

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const asked = JSON.parse(line);
  try {
    console.log(JSON.stringify({ found: WORK[Object.keys(asked)[0]](asked) }));
  } catch (error) {
    console.log(JSON.stringify({ wrong: error.stack }));
  }
});
