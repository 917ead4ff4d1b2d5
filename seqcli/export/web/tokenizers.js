// Convert texts to a model's ids and back. `encode(text)` -> [{ id, text, start, end }], offsets in code points; the last
// byte of a character has its text. `decode(ids, open)`: with `open`, without what the next ids may still change.
// `name(id)`: a symbol as it is shown by itself.

/** One symbol a character; unknown characters are <unk>, or left out. */
class Characters {
  constructor({ symbols, unknown, nfd }) {
    Object.assign(this, { symbols, unknown, nfd });
    this.ids = new Map(symbols.map((symbol, id) => [symbol, id]));
  }

  encode(text) {
    const form = (own) => (this.nfd ? own.normalize("NFD") : own), known = (symbol) => this.ids.get(symbol) ?? this.unknown;
    const read = codes(text).map((character, at) => ({ symbols: codes(form(character)), character, at }))
      .filter(({ symbols }) => symbols.every((symbol) => known(symbol) !== null));
    const places = read.flatMap(({ symbols, at }) => symbols.map(() => at)), whole = form(read.map(({ character }) => character).join(""));
    return codes(whole).map((symbol, i) => ({ id: known(symbol), text: symbol, start: places[i], end: places[i] + 1 }));
  }

  decode(ids, open = false) {
    const text = ids.map((id) => this.symbols[id]).join("");
    return this.nfd && !open ? text.normalize("NFC") : text;
  }

  name(id) {
    return this.symbols[id];
  }
}

const bytesOf = (text) => [...new TextEncoder().encode(text)];
const fromBytes = (bytes, open) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes), { stream: open });
const byteName = (byte) => (byte < 0x80 ? String.fromCharCode(byte) : `<0x${byte.toString(16).toUpperCase()}>`);

/** A character as its bytes, each a part; `idOf` says the id of one. */
function spelt(character, at, idOf) {
  const own = bytesOf(character);
  return own.map((byte, i) => ({ id: idOf(byte), text: i === own.length - 1 ? character : "", start: at, end: at + 1 }));
}

/** One symbol a byte of UTF-8. */
class Bytes {
  constructor() {
    this.unknown = null;
  }

  encode(text) {
    return codes(text).flatMap((character, at) => spelt(character, at, (byte) => byte));
  }

  decode(ids, open = false) {
    return fromBytes(ids, open);
  }

  name(id) {
    return byteName(id);
  }
}

const MARK = /[\p{P}\p{S}]/u;
const UNK = "<unk>";

/** Words: <unk> is 0, <eos>, a line end, is 1. */
class Words {
  constructor({ words, lowercase, split, rule }) {
    Object.assign(this, { words, lowercase, split, unknown: 0 });
    this.rule = rule && new Rule({ ...rule, differing: { [UNK]: [UNK] } });
    this.between = ["whitespace", "punctuation", "rule"].includes(split) ? " " : split;
    this.ids = new Map([...words.map((word, i) => [word, i + 2]), ["\n", 1]]);
  }

  /** Return [start, end] of the words of a line. */
  divided(line) {
    if (this.rule) return this.rule.split(line);
    if (this.between !== " ") line = line.replaceAll(this.split, " ".repeat(codes(this.split).length));
    return chunks(line).flatMap(({ own, start }) => {
      const found = [];
      let fresh = true;
      for (let i = 0; i < own.length; i++) {
        if (this.split === "punctuation" && own.slice(i, i + 5).join("") === UNK) {
          found.push([start + i, start + (i += 4) + 1]);
          fresh = true;
        } else if (this.split === "punctuation" && MARK.test(own[i])) {
          found.push([start + i, start + i + 1]);
          fresh = true;
        } else if (fresh) {
          found.push([start + i, start + i + 1]);
          fresh = false;
        } else found.at(-1)[1] = start + i + 1;
      }
      return found;
    });
  }

  encode(text) {
    const found = [], known = (word) => this.ids.get(this.lowercase ? word.toLowerCase() : word) ?? 0;
    let at = 0;
    for (const [number, line] of text.split("\n").entries()) {
      if (number) found.push({ id: 1, text: "\n", start: at - 1, end: at });
      const own = codes(line);
      for (const [start, end] of this.divided(line)) {
        const word = own.slice(start, end).join("");
        found.push({ id: known(word), text: word, start: at + start, end: at + end });
      }
      at += own.length + 1;
    }
    return found;
  }

  decode(ids) {
    const { between } = this, words = ids.map((id) => (id === 0 ? UNK : id === 1 ? "\n" : this.words[id - 2]));
    return words.join(between).replaceAll(`${between}\n`, "\n").replaceAll(`\n${between}`, "\n");
  }

  name(id) {
    return this.decode([id]);
  }
}

const BLANK = "▁"; // stands for a space in a piece; a literal ▁ in a text is encoded as its bytes

/** Sub-words of the SentencePiece library, unigram or BPE, with bytes for characters that no piece holds. */
class Subwords {
  constructor({ pieces, scores, bytes, unused, unigram, newline }) {
    Object.assign(this, { unigram, newline, unknown: unused });
    this.parts = pieces.map((piece) => bytesOf(piece.replaceAll(BLANK, " ")));
    this.byte = new Map(bytes.map(([id, byte]) => [byte, id]));
    bytes.forEach(([id, byte]) => { this.parts[id] = [byte]; });
    const own = new Set([unused, newline, ...bytes.map(([id]) => id)]);
    this.ids = new Map(pieces.map((piece, id) => [piece, id]).filter(([, id]) => !own.has(id)));
    this.scores = Float32Array.from(scores);
    this.longest = Math.max(...[...this.ids.keys()].map((piece) => codes(piece).length));
    this.worst = Math.fround(Math.min(...[...this.ids.values()].map((id) => this.scores[id])) - 10);
  }

  encode(text) {
    const found = [];
    let at = 0;
    for (const line of text.split(/(\n|▁)/u)) {
      const start = at, letters = codes(line);
      at += letters.length;
      if (line === "\n") found.push({ id: this.newline, text: line, start, end: at });
      else if (line === BLANK) found.push(...this.bytes(line, start));
      else {
        for (const [from, to] of this.divided(letters.map((letter) => (letter === " " ? BLANK : letter)))) {
          const part = letters.slice(from, to).join(""), id = this.ids.get(part.replaceAll(" ", BLANK));
          if (id === undefined) found.push(...this.bytes(part, start + from));
          else found.push({ id, text: part, start: start + from, end: start + to });
        }
      }
    }
    return found;
  }

  bytes(character, at) {
    return spelt(character, at, (byte) => this.byte.get(byte));
  }

  divided(letters) {
    return this.unigram ? this.best(letters) : this.merged(letters);
  }

  /** Return the most probable segmentation (Viterbi), summed in float32 like the library. */
  best(letters) {
    const scores = [0, ...letters.map(() => -Infinity)], from = [0];
    for (let start = 0; start < letters.length; start++) {
      let piece = "", single = false;
      for (let end = start + 1; end <= Math.min(letters.length, start + this.longest); end++) {
        const id = this.ids.get((piece += letters[end - 1]));
        if (id === undefined) continue;
        const score = Math.fround(scores[start] + this.scores[id]);
        if (score > scores[end]) [scores[end], from[end]] = [score, start];
        single ||= end === start + 1;
      }
      const score = Math.fround(scores[start] + this.worst);
      if (!single && score > scores[start + 1]) [scores[start + 1], from[start + 1]] = [score, start];
    }
    const spans = [];
    for (let end = letters.length; end > 0; end = from[end]) spans.unshift([from[end], end]);
    return spans;
  }

  /** Merge neighbours that form a piece, the one with the best score first, then the leftmost (BPE). */
  merged(letters) {
    const spans = letters.map((_, i) => [i, i + 1]);
    for (;;) {
      let best = -1, most = -Infinity;
      for (let i = 0; i + 1 < spans.length; i++) {
        const id = this.ids.get(letters.slice(spans[i][0], spans[i + 1][1]).join(""));
        if (id !== undefined && this.scores[id] > most) [best, most] = [i, this.scores[id]];
      }
      if (best < 0) return spans;
      spans.splice(best, 2, [spans[best][0], spans[best + 1][1]]);
    }
  }

  decode(ids, open = false) {
    return fromBytes(ids.flatMap((id) => this.parts[id]), open);
  }

  name(id) {
    const [byte, ...more] = this.parts[id];
    return more.length || byte === undefined ? this.decode([id]) : byteName(byte);
  }
}

const TOKENIZERS = { sentencepiece: Subwords, char: Characters, byte: Bytes, word: Words };
const tokenizer = (stored) => new TOKENIZERS[stored.kind](stored);
