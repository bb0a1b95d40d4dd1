// The records and articles of the page: unpacked once, in pieces, so that the page answers meanwhile.

class Article {
  constructor(fields) {
    Object.assign(this, { title: null, url: null, ...fields });
  }

  get name() {
    return this.title || this.hash;
  }
}

class Entry {
  /** A record, accepted or rejected, with its article, or null where its text is not there. */
  constructor(fields, article) {
    const { input: written = "", ...others } = fields;
    Object.assign(this, { title: null, instruction: "", output: "", flags: [], reason: null, detail: "", evidence: null, grounded: null, supported: null }, others);
    this.source = article ?? null;
    this.written = written;
    this.searched = null;
  }

  get input() {
    return this.evidence ? this.evidence.map((number) => this.source.paragraphs[number]).join("\n\n") : this.written;
  }

  get name() {
    return this.title || this.source?.title || this.article || "";
  }

  /** Whether the shares are known; nothing is measured of what was rejected, or made by an early version. */
  get measured() {
    return this.supported !== null && this.grounded !== null;
  }

  get length() {
    return this.instruction.length + this.input.length + this.output.length;
  }

  /** All that is searched, in lower case; made when it is first asked for. */
  get text() {
    this.searched ??= [this.instruction, this.input, this.output, this.name, this.id].join("\n").toLowerCase();
    return this.searched;
  }
}

/** Unpack the lines of the data block and return its entries; `told` hears how many there are so far. */
async function unpack(base64, told) {
  const packed = new Blob([bytesOf(base64)]).stream();
  const lines = packed.pipeThrough(new DecompressionStream("deflate")).pipeThrough(new TextDecoderStream()).getReader();
  const articles = new Map();
  const entries = [];
  let rest = "";
  let since = performance.now();
  for (let { done, value } = await lines.read(); !done; { done, value } = await lines.read()) {
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    for (const line of whole) {
      const [kind, fields] = JSON.parse(line);
      if (kind === "article") articles.set(fields.hash, new Article(fields));
      else entries.push(new Entry(fields, articles.get(fields.hash)));
    }
    if (performance.now() - since > 40) {
      told(entries.length);
      await new Promise((go) => setTimeout(go));
      since = performance.now();
    }
  }
  return entries;
}

/** Make what is searched beforehand, a little at a time, so that the first search is as fast as the others. */
async function prepare(entries) {
  let since = performance.now();
  for (const entry of entries) {
    if (!entry.text || performance.now() - since < 8) continue;
    await new Promise((go) => setTimeout(go, 24));
    since = performance.now();
  }
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}
