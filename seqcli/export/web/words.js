// Split raw text into words by the rule of the model's training data. Offsets count code points.

const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const CHUNK = new RegExp(`[^${SPACE}]+`, "gu");

const codes = (text) => Array.from(text);
/** Return the parts of a text between white space, with their places. */
function chunks(text) {
  let at = 0, seen = 0; // code points before `seen`, in UTF-16
  return Array.from(text.matchAll(CHUNK), (found) => {
    at += codes(text.slice(seen, found.index)).length;
    const own = codes(found[0]), start = at;
    at += own.length;
    seen = found.index + found[0].length;
    return { own, start };
  });
}

class Rule {
  constructor(tables) {
    Object.assign(this, tables);
    for (const name of ["token", "character", "hyphen"]) this[name] = new RegExp(tables[name], "gus");
    this.serial = new RegExp(`^(?:${tables.serial})$`, "us");
    this.clitic = new RegExp(tables.clitic, "ius");
    for (const name of ["prefixes", "suffixes", "themselves"]) this[name] = new Set(tables[name]);
    this.contractions = new Map(Object.entries(tables.contractions));
    this.differing = new Map(Object.entries(tables.differing));
  }

  /** Return the character that replaces one in the text that the patterns read. */
  classOf(character) {
    const code = character.codePointAt(0);
    if (code < 0x80 || this.themselves.has(character)) return character;
    let low = 0, high = this.classes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.classes[middle][0] <= code) low = middle + 1;
      else high = middle;
    }
    const [, last, kind] = this.classes[low - 1] ?? [0, -1, ""];
    if (code > last) return "ä";
    return kind === "S" ? String.fromCodePoint((code < 0x10000 ? 0x100000 : 0xf0000) + (code & 0xffff)) : kind;
  }

  /** Return [start, end] of each word of a text. */
  split(text) {
    const found = [], all = chunks(text);
    for (const [i, { own, start }] of all.entries()) {
      const last = i === all.length - 1 && own.at(-1) === ".", known = last ? undefined : this.differing.get(own.join(""));
      let at = 0;
      for (const end of known ? ends(known) : this.ends(own, last)) {
        found.push([start + at, start + end]);
        at = end;
      }
    }
    return found;
  }

  /** Return the ends of a chunk's words; a `last` chunk ends its text, and its final period ends the sentence. */
  ends(chunk, last) {
    const shadow = chunk.map((character) => this.classOf(character)), text = shadow.join("");
    if (this.unit === "character") return ends(Array.from(text.matchAll(this.character), (found) => found[0]));
    const made = [];
    let start = 0;
    for (const found of text.matchAll(this.token)) {
      const end = start + codes(found[0]).length, { period, word, number } = found.groups;
      if (period !== undefined) {
        if (last && end === chunk.length) made.push(end - 1);
      } else if (word !== undefined || number !== undefined) {
        const tail = this.clitics && word !== undefined ? this.cliticsOf(shadow, start, end) : [];
        if (this.hyphens) made.push(...this.hyphensOf(shadow, start, tail[0] ?? end));
        made.push(...tail);
      }
      made.push(end);
      start = end;
    }
    return made;
  }

  /** Return the beginnings of a word's clitics, in order, at most three. */
  cliticsOf(shadow, start, end) {
    const at = this.contractions.get(shadow.slice(start, end).join("").toLowerCase());
    if (at !== undefined) return [at > 0 ? start + at : end + at];
    const cuts = [];
    while (cuts.length < 3 && end - start > 2) {
      const from = Math.max(start + 1, end - 3), found = shadow.slice(from, end).join("").match(this.clitic);
      const first = found && end - codes(found[0]).length;
      if (!found || (/^[0-9]$/.test(shadow[first - 1]) && /^s$/i.test(found[0].slice(1)))) break; // the 1970's
      end = first;
      cuts.unshift(end);
    }
    return cuts;
  }

  /** Return the ends inside a word or number, before and after each hyphen that separates. */
  hyphensOf(shadow, start, end) {
    const own = shadow.slice(start, end), text = own.join("");
    if (own.length < 3 || text.search(this.hyphen) < 0 || this.serial.test(text)) return [];
    const made = [], lower = (from, to) => own.slice(from, to).join("").toLowerCase();
    let begin = 0;
    own.forEach((character, at) => {
      if (character.search(this.hyphen) < 0) return;
      if (!this.prefixes.has(lower(begin, at)) && !this.suffixes.has(lower(at + 1, at + 9))) made.push(start + at, start + at + 1);
      begin = at + 1;
    });
    return made;
  }
}

/** Return the end of each of several texts when they are joined. */
function ends(texts) {
  let at = 0;
  return texts.map((text) => (at += codes(text).length));
}
