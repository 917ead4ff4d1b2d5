// The models of all tasks: from a text to an answer. `stored` is the page's data without the arrays.

const numbered = (name, values) => Object.entries(values).filter(([key]) => key.startsWith(`${name}.`));
const batch = (numbers) => array("i", [1, numbers.length], Int32Array.from(numbers));
const rowOf = (x, at) => { const n = x.shape.at(-1); return x.data.subarray(at * n, (at + 1) * n); };

/** Make the model of the page's task with `weights`. */
function model(stored, weights) {
  const graphs = Object.fromEntries(Object.entries(stored.graphs).map(([name, graph]) => [name, opened(graph, weights)]));
  const rows = stored.about?.vectors.rows;
  if (rows) stored.about.vectors.rows = unpacked(weights, ...rows);
  return new MODELS[stored.task](stored, graphs);
}

/** Return the text that one more symbol adds to that of the symbols before it; the last byte of a character adds it. */
function joined(tokenizer, ids, id) {
  const before = ids.slice(-8);
  return tokenizer.decode([...before, id], true).slice(tokenizer.decode(before, true).length);
}

/** Return zeros for the initial states of a graph. */
const zeros = (graph) => Object.fromEntries(graph.inputs.filter(({ name }) => name.startsWith("state.")).map(
  ({ name, shape }) => [name, array("f", [1, shape[1]])]));

/** Return the outputs `next.…` as the inputs `state.…` of the next step. */
const carried = (found) => Object.fromEntries(numbered("next", found).map(([name, x]) => [name.replace("next", "state"), x]));

/** Sample a symbol; at temperature 0 the most probable one. */
function drawn(logits, { temperature, banned = [] }) {
  const own = Array.from(logits, (v, id) => (banned.includes(id) ? -Infinity : v));
  if (temperature === 0) return argmax(own);
  let left = Math.random();
  const p = softmax(own.map((v) => v / temperature));
  for (let id = 0; id < p.length; id++) if ((left -= p[id]) < 0) return id;
  return argmax(own);
}

class LanguageModel {
  constructor({ reading, window }, graphs) {
    Object.assign(this, { graph: graphs[""], tokenizer: tokenizer(reading), first: reading.newline ?? 0, window });
  }

  start() {
    return this.window ? { ids: [] } : zeros(this.graph);
  }

  /** Read one symbol: { logits, state }. */
  step(id, state) {
    if (this.window) {
      const full = state.ids.length >= this.window; // as in training: forget the older half
      const ids = [...(full ? state.ids.slice(this.window - Math.floor(this.window / 2)) : state.ids), id];
      return { logits: rowOf(run(this.graph, { ids: batch(ids) }).logits, ids.length - 1), state: { ids } };
    }
    const found = run(this.graph, { ids: batch([id]), ...state });
    return { logits: found.logits.data, state: carried(found) };
  }

  /** Read one symbol after `before`, what was read last: with its surprise in bits (null for the first symbol of a text),
   * which the bytes of one character have together, and the logits and state after it. */
  after(part, before) {
    const bits = before ? -logSoftmax(before.logits)[part.id] / Math.LN2 : null, open = before?.text === "" ? before.bits : 0;
    return { ...part, bits: bits === null ? null : bits + open, ...this.step(part.id, before?.state ?? this.start()) };
  }

  /** Read a text: its symbols, and the logits and state after them; an empty one is what follows a line end. */
  read(text) {
    const parts = [];
    for (const part of this.tokenizer.encode(text)) parts.push(this.after(part, parts.at(-1)));
    const { logits, state } = parts.at(-1) ?? this.step(this.first, this.start());
    return { parts, logits, state };
  }

  /** Draw the next symbol from logits; never <unk>. */
  drawn(logits, how) {
    return drawn(logits, { ...how, banned: this.tokenizer.unknown === null ? [] : [this.tokenizer.unknown] });
  }
}

/** The inputs of models of words: ids, characters and vectors of the words of one text. */
class Vocabulary {
  constructor({ words, characters, lowercase, fold_digits: fold, vectors }, graph) {
    Object.assign(this, { lowercase, fold });
    this.asked = new Set(graph.inputs.map(({ name }) => name));
    this.words = new Map(words.map((word, i) => [word, i + 1]));
    this.characters = new Map(characters.map((character, i) => [character, i + 4]));
    this.vectors = new Map(vectors.words.map((word, i) => [word, i]));
    this.rows = vectors.rows;
  }

  normal(word) {
    word = this.lowercase ? word.toLowerCase() : word;
    return this.fold ? word.replace(/\p{Nd}/gu, "0") : word;
  }

  inputs(words) {
    const given = { ids: batch(words.map((word) => this.words.get(this.normal(word)) ?? 0)), lengths: integers([words.length]) };
    if (this.asked.has("characters")) {
      const spelt = words.map(codes).map((own) => (own.length > 32 ? [...own.slice(0, 16), ...own.slice(-16)] : own));
      const longest = Math.max(...spelt.map((own) => own.length)) + 2;
      const rows = spelt.map((own) => [2, ...own.map((c) => this.characters.get(c) ?? 1), 3]);
      given.characters = array("i", [1, words.length, longest]);
      rows.forEach((row, i) => given.characters.data.set(row, i * longest));
      given.character_lengths = batch(rows.map((row) => row.length));
    }
    if (this.asked.has("vectors")) {
      const width = this.rows.shape[1];
      given.vectors = array("f", [1, words.length, width]);
      words.forEach((word, i) => {
        const row = this.vectors.get(word) ?? this.vectors.get(word.toLowerCase());
        if (row !== undefined) given.vectors.data.set(rowOf(this.rows, row), i * width);
      });
    }
    return given;
  }
}

class Tagger {
  constructor({ about, labels, rule, differing, temperature }, graphs) {
    Object.assign(this, { graph: graphs[""], labels, rule: new Rule({ ...rule, differing }), temperature });
    this.vocabulary = new Vocabulary(about, this.graph);
  }

  /** Return the words of a text with their labels and probabilities. */
  tag(text) {
    const own = codes(text), spans = this.rule.split(text);
    if (!spans.length) return [];
    const words = spans.map(([start, end]) => own.slice(start, end).join(""));
    const found = run(this.graph, this.vocabulary.inputs(words));
    const p = this.marginals(found), best = found.best.data;
    return words.map((text, t) => ({ text, start: spans[t][0], end: spans[t][1], label: this.labels[best[t]], p: p[t][best[t]] }));
  }

  /** Return the marginal probability of each label of each word (forward-backward along the chain). */
  marginals({ emissions, start, transitions, end }) {
    const [, T, K] = emissions.shape, at = (t) => Array.from(rowOf(emissions, t), (v) => v / this.temperature);
    if (!transitions) return Array.from({ length: T }, (_, t) => softmax(at(t)));
    const scaled = (x) => Array.from(x.data, (v) => v / this.temperature);
    const [first, last, moves] = [start, end, transitions].map(scaled);
    const all = (row) => {
      const most = Math.max(...row);
      return most + Math.log(row.reduce((total, v) => total + Math.exp(v - most), 0));
    };
    const ids = Array.from({ length: K }, (_, k) => k), forward = [at(0).map((v, k) => v + first[k])], backward = [last];
    for (let t = 1; t < T; t++) {
      const own = at(t), before = forward[t - 1], behind = at(T - t).map((v, k) => v + backward[0][k]);
      forward.push(ids.map((k) => own[k] + all(ids.map((j) => before[j] + moves[j * K + k]))));
      backward.unshift(ids.map((j) => all(ids.map((k) => moves[j * K + k] + behind[k]))));
    }
    return forward.map((row, t) => softmax(row.map((v, k) => v + backward[t][k])));
  }
}

const TINY = 1e-12; // no probability is nearer to 0 or 1 where log-odds are asked for

class Classifier {
  constructor({ about, labels, reading, names, longest, many, thresholds, temperature, blank }, graphs) {
    Object.assign(this, { graph: graphs[""], labels, names, longest, many, thresholds, temperature, blank });
    this.tokenizer = tokenizer(reading);
    this.vocabulary = new Vocabulary(about, this.graph);
  }

  /** Return the words of a text, as one line, as the model reads them. */
  words(text) {
    const parts = this.tokenizer.encode(text.replaceAll("\n", " ")).slice(0, this.longest);
    return parts.map((part) => ({ ...part, text: this.names ? this.names[part.id] : part.text, shown: part.text }));
  }

  /** Of words, or of none: then `blank` are the logits. */
  probabilities(words) {
    const logits = words.length ? run(this.graph, this.vocabulary.inputs(words)).logits.data : this.blank;
    const scaled = Array.from(logits, (v) => v / this.temperature);
    return this.many ? scaled.map(sigmoid) : softmax(scaled);
  }

  /** Return labels with their probabilities, the most probable first; none for a blank text. */
  classify(text) {
    const words = this.words(text).map((part) => part.text);
    if (!words.length) return [];
    const found = this.probabilities(words).map((p, i) => ({ label: this.labels[i], p, i }));
    const given = ({ p, i }, rank) => (this.many ? p >= (this.thresholds?.[i] ?? 0.5) : rank === 0);
    return found.sort((a, b) => b.p - a.p).map((own, rank) => ({ ...own, given: given(own, rank) }));
  }

  /** Return what each word adds to the log-odds of a label: those of the text minus those without the word. */
  *added(text, label) {
    const parts = this.words(text), words = parts.map((part) => part.text), at = this.labels.indexOf(label);
    const odds = (own) => {
      const p = Math.min(Math.max(this.probabilities(own)[at], TINY), 1 - TINY);
      return Math.log(p) - Math.log1p(-p);
    };
    const whole = odds(words);
    for (const [i, part] of parts.entries()) yield { ...part, added: whole - odds(words.toSpliced(i, 1)) };
  }
}

class Translator {
  constructor({ source, target, longest, ratio, spare, banned }, graphs) {
    Object.assign(this, { graphs, longest, ratio, spare, banned, source: tokenizer(source), target: tokenizer(target) });
    this.sizes = { source: source.size, target: target.size };
  }

  /** Answer greedily: { text, parts of the source, steps }, each step { id, p, attention }. */
  translate(text) {
    const parts = this.source.encode(text.replaceAll("\n", " ")).slice(0, this.longest);
    if (!chunks(text).length) return { text: "", parts: [], steps: [] };
    const ids = [...parts.map((part) => part.id), this.sizes.source + 1], steps = [], eos = this.sizes.target + 1;
    let found = run(this.graphs.encoder, { source: batch(ids), lengths: integers([ids.length]) });
    const memory = Object.fromEntries(numbered("memory", found));
    let state = Object.fromEntries(numbered("state", found)), last = this.sizes.target;
    while (steps.length < Math.floor(this.ratio * ids.length) + this.spare) {
      found = run(this.graphs.decoder, { ids: integers([last]), ...memory, ...state });
      last = drawn(found.logprobs.data, { temperature: 0, banned: this.banned });
      if (last === eos) break;
      const p = Math.exp(found.logprobs.data[last]), attention = found.attention && [...found.attention.data];
      steps.push({ id: last, p, attention });
      state = carried(found);
    }
    return { text: this.target.decode(steps.map((step) => step.id)), parts, steps };
  }

  /** Return the text that a step adds to that of the steps before it. */
  joined({ steps }, at) {
    return joined(this.target, steps.slice(0, at).map((step) => step.id), steps[at].id);
  }
}

const MODELS = { "language-model": LanguageModel, tagging: Tagger, classification: Classifier, "sequence-to-sequence": Translator };
