"use strict";
// The page: passes the typed text to the model and draws its answers. Orange means a large value, blue a negative one.

const $ = (id) => document.getElementById(id);
const stored = JSON.parse($("data").textContent);
const weights = Uint8Array.from(atob($("weights").textContent), (c) => c.charCodeAt(0)).buffer;
const SAYS = {
  "language-model": ["Each symbol is coloured by how much it surprises the model.", "Text"],
  tagging: ["Each word gets a label with its probability.", "Sentence"],
  classification: ["Choose a label to see which words speak for it (orange) and against it (blue).", "Text"],
  "sequence-to-sequence": ["The model's answer, and the parts of the text that it attends to.", "Text"],
};

/** Make an element with a class, a content (a text or elements) and further properties. */
function element(name, className = "", content = [], properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  if (className) made.className = className;
  made.append(...[content].flat());
  return made;
}

const shade = (weight) => `rgba(var(--${weight < 0 ? "cold" : "hot"}), ${Math.min(Math.abs(weight), 1) * 0.85})`;
const percent = (p) => `${(100 * p).toFixed(p > 0.9995 || p < 0.0995 ? 2 : 1)} %`;
const visible = (text) => text.replaceAll("\n", "⏎\n");
const labelled = (text, input) => element("label", "", [text, input]);

/** Make rows of a name, a bar and a share. */
function bars(rows, name = (row) => element("span", "name", row.label)) {
  return element("div", "bars", rows.flatMap((row) => {
    const bar = element("div", "bar");
    bar.style.width = `${100 * row.p}%`;
    return [name(row), element("div", "", bar), element("span", "", percent(row.p))];
  }));
}

let asked = 0; // counts questions: an older one stops
const pause = () => new Promise((go) => setTimeout(go));
/** Run an iterator step by step while the page stays responsive; false if another question came meanwhile. */
async function through(steps, each) {
  const own = asked;
  let since = performance.now();
  for (const step of steps) {
    each(step);
    if (performance.now() - since > 30) {
      await pause();
      if (own !== asked) return false;
      since = performance.now();
    }
  }
  return true;
}

const VIEWS = {
  "language-model"(own) {
    const units = Object.values(own.start()).reduce((n, x) => n + (x.data?.length ?? 0), 0);
    const colour = element("select", "", [element("option", "", "surprise", { value: "" })]);
    const unit = element("input", "", [], { type: "number", min: 0, max: units - 1, value: 0, disabled: true });
    if (units) colour.append(element("option", "", "a unit of the state", { value: "unit" }));
    const temperature = element("input", "", [], { type: "range", min: 0, max: 1.5, step: 0.05, value: 0.8 });
    const degree = element("output", "", "0.80");
    const length = element("input", "", [], { type: "number", min: 1, max: 100000, value: 300, required: true });
    const write = element("button", "first", "Continue", { type: "submit" });
    const stop = element("button", "", "Stop", { type: "button", disabled: true });
    const text = element("div", "text"), next = element("div"), speed = element("p", "soft");
    $("controls").append(labelled("Colour:", colour), ...(units ? [labelled("Unit:", unit)] : []),
      labelled("Temperature:", temperature), degree, labelled("Symbols:", length), write, stop);
    $("answer").append(text, element("h2", "", "The most probable next symbols"), next, speed);
    let read = [], shown = []; // symbols with what is known after each; their spans

    /** A unit of the state behind a symbol; null where there is none of the number that stands in the field. */
    const unitOf = ({ state }) => {
      let at = unit.value === "" ? NaN : Number(unit.value);
      for (const [, { data }] of numbered("state", state)) {
        if (at < data.length) return data[at] ?? null;
        at -= data.length;
      }
      return null;
    };
    const paint = (part, span) => {
      const own = unitOf(part), value = colour.value ? own : part.bits;
      span.style.background = value === null ? "" : shade(colour.value ? value : value / 8);
      const said = [part.bits === null ? "" : `${part.bits.toFixed(2)} bits`, own === null ? "" : `unit ${unit.value}: ${own.toFixed(3)}`];
      span.title = said.filter(Boolean).join("; ");
    };
    const add = (part, made) => {
      const span = element("span", made ? "made" : "", visible(part.text));
      paint(part, span);
      read.push(part);
      shown.push(span);
      text.append(span);
    };
    const known = () => read.at(-1) ?? own.read("");
    const foresee = () => {
      const p = softmax(known().logits), ids = p.map((_, id) => id).sort((a, b) => p[b] - p[a]).slice(0, 8);
      const label = (id) => own.tokenizer.name(id).replaceAll("\n", "⏎").replaceAll(" ", "␣");
      next.replaceChildren(bars(ids.map((id) => ({ label: label(id), p: p[id] }))));
    };
    /** Reads the text, from where it differs from what was read; false where something else was asked meanwhile. */
    const look = async () => {
      asked++;
      const value = codes($("text").value), parts = own.tokenizer.encode(value.join(""));
      parts.forEach((part, i) => { part.text = value.slice(parts[i - 1]?.end ?? 0, part.start).join("") + part.text; });
      let same = 0;
      const alike = (i) => i < parts.length && i < read.length && parts[i].id === read[i].id && parts[i].text === read[i].text;
      while (alike(same) && !shown[same].className) same++;
      read = read.slice(0, same);
      shown.splice(same).forEach((span) => span.remove());
      speed.textContent = "";
      const done = await through(parts.slice(same), (part) => add(own.after(part, read.at(-1))));
      if (done) foresee();
      return done;
    };
    let halted = 0; // what was asked when it was stopped
    const generate = async () => {
      if (!await look()) return;
      const number = ++asked, began = performance.now(), how = { temperature: Number(temperature.value) };
      let count = 0;
      write.disabled = !(stop.disabled = false);
      function* steps() {
        for (; count < Number(length.value); count++) yield own.drawn(known().logits, how);
      }
      const written = (id) => joined(own.tokenizer, read.slice(-8).map((part) => part.id), id);
      await through(steps(), (id) => add(own.after({ id, text: written(id) }, known()), true));
      const took = performance.now() - began;
      const figure = (n) => Math.round(n).toLocaleString("en");
      write.disabled = !(stop.disabled = true);
      if (asked !== number && asked !== halted) return; // the text is another one by now
      if (took) speed.textContent = `${figure(count)} symbols, ${figure(count / took * 1000)} a second`;
      foresee();
    };
    colour.onchange = unit.oninput = () => { unit.disabled = !colour.value; shown.forEach((span, i) => paint(read[i], span)); };
    temperature.oninput = () => { degree.textContent = Number(temperature.value).toFixed(2); };
    stop.onclick = () => { halted = ++asked; };
    $("ask").onsubmit = (event) => { event.preventDefault(); generate(); };
    return look;
  },

  tagging(own) {
    const hue = new Map(), kinds = [...new Set(own.labels.map((label) => label.replace(/^[BIESLU]-/, "")))];
    kinds.forEach((kind, i) => hue.set(kind, kind === "O" ? "transparent" : `hsl(${Math.round(360 * i / kinds.length)} 65% 55%)`));
    return () => {
      const words = own.tag($("text").value).map(({ text, label, p }) => {
        const chip = element("span", "word", [text, element("small", "", label), element("small", "", percent(p))]);
        chip.style.setProperty("--label", hue.get(label.replace(/^[BIESLU]-/, "")));
        chip.style.background = shade((1 - p) * 1.2);
        return chip;
      });
      const key = element("p", "soft", words.length ? "The less certain the label, the more orange." : "");
      $("answer").replaceChildren(element("div", "words", words), key);
    };
  },

  classification(own) {
    const chosen = { label: null };
    const draw = async () => {
      asked++;
      const value = $("text").value, ranking = own.classify(value), label = ranking.length ? chosen.label ?? ranking[0].label : null;
      const choose = (row) => {
        chosen.label = row.label;
        draw();
        $("answer").querySelector("[aria-pressed=true]").focus(); // a new button stands in the place of the old one
      };
      const name = (row) => element("button", row.given ? "name given" : "name", row.label, {
        type: "button", ariaPressed: row.label === label, onclick: () => choose(row),
      });
      const text = element("div", "text", value);
      const why = label === null ? [] : [element("h2", "", `Words for and against ${label}`), text];
      $("answer").replaceChildren(bars(ranking.slice(0, 20), name), ...why);
      if (label === null) return;
      const added = [];
      if (!await through(own.added(value, label), (part) => added.push(part))) return;
      const whole = codes(value), most = Math.max(1, ...added.map((part) => Math.abs(part.added))), made = [];
      let at = 0;
      for (const part of added) {
        const title = `${part.added > 0 ? "+" : ""}${part.added.toFixed(2)} log-odds`;
        const span = element("span", "", part.shown, { title });
        span.style.background = shade(part.added / most);
        made.push(whole.slice(at, part.start).join(""), span);
        at = part.end;
      }
      text.replaceChildren(...made, whole.slice(at).join(""));
    };
    return () => { chosen.label = null; return draw(); };
  },

  "sequence-to-sequence"(own) {
    return async () => {
      const found = own.translate($("text").value), looks = found.steps.some((step) => step.attention);
      const source = [...found.parts.map((part) => part.text), "<eos>"];
      const from = element("div", "text", source.map((text) => element("span", "", visible(text))));
      const light = (step) => [...from.children].forEach((span, i) => {
        span.style.background = step?.attention ? shade(step.attention[i]) : "";
      });
      const answer = element("div", "answer", found.steps.map((step, i) => {
        const part = element("span", "", own.joined(found, i), { title: percent(step.p) });
        if (!looks) return part;
        part.onmouseenter = part.onfocus = () => light(step);
        part.onmouseleave = part.onblur = () => light();
        return Object.assign(part, { tabIndex: 0 });
      }));
      const parts = [element("h2", "", "Answer"), answer];
      if (looks) {
        const named = (scope, text) => element("th", "", visible(text), { scope });
        const cells = (weights) => source.map((_, i) => {
          const cell = element("td", "", "", { title: percent(weights[i]) });
          cell.style.background = shade(weights[i]);
          return cell;
        });
        const head = element("tr", "", [element("td"), ...source.map((text) => named("col", text))]);
        const rows = found.steps.map((step) => element("tr", "", [named("row", own.target.name(step.id)), ...cells(step.attention)]));
        const key = "Point at a part of the answer, or read the table, with a row for each of its parts.";
        parts.push(element("h2", "", "Attention"), element("p", "soft", key), from,
          element("div", "scroll", element("table", "heat", [head, ...rows])));
      }
      $("answer").replaceChildren(...(chunks($("text").value).length ? parts : []));
    };
  },
};

/** Return the largest error of each graph's outputs against those that seqcli computed. */
function proof(own) {
  let worst = 0;
  for (const [name, graph] of Object.entries(own.graphs ?? { "": own.graph })) {
    const { inputs, outputs } = stored.test[name];
    const given = Object.fromEntries(graph.inputs.map(({ name, kind }) => [name, nested(kind, inputs[name])]));
    for (const [output, x] of Object.entries(run(graph, given))) {
      const wanted = outputs[output], most = Math.max(1, ...wanted.map(Math.abs));
      wanted.forEach((v, i) => { worst = Math.max(worst, Math.abs(v - x.data[i]) / most); });
    }
  }
  return worst;
}

const own = model(stored, weights), [says, prompt] = SAYS[stored.task];
$("says").textContent = says;
$("prompt").textContent = prompt;
$("scores").hidden = $("scores").rows.length < 2;
$("ask").onsubmit = (event) => event.preventDefault();
const answer = VIEWS[stored.task](own);
$("text").oninput = answer;
answer();
setTimeout(() => {
  const off = proof(own), right = off < 1e-4;
  $("proof").textContent = right
    ? `Checked: this browser computes what seqcli computed, to ${off.toExponential(0)}.`
    : `This browser's results differ from seqcli's (by ${off.toExponential(1)}): do not trust them.`;
  if (right) return;
  $("proof").className = "warn";
  $("about").open = true;
});
