// One record beside its article.

/** Return what is known of a record, besides its texts, in short. */
function tags(entry) {
  return [
    entry.type && make("span", { class: "tag" }, worded(entry.type)),
    entry.reason === null
      ? make("span", { class: "tag good" }, "✓ accepted")
      : make("span", { class: "tag bad" }, `✗ ${worded(entry.reason)}`),
    entry.flags.map((flag) => make("span", { class: "tag flag" }, `⚑ ${worded(flag)}`)),
  ];
}

function meter(name, value) {
  const said = value.toFixed(2);
  const gauge = make("meter", { min: 0, max: 1, value, "aria-label": `${name} ${said}` });
  return make("span", { class: "measure", title: `${name}: ${said}` }, `${name} `, gauge, ` ${said}`);
}

class Reader {
  /** `act` has what its buttons do: `previous`, `next`, `close`, `raw`, `only(entry)`. */
  constructor(root, act) {
    Object.assign(this, { root, act, raw: false, entry: null });
  }

  /** Show an entry; the focus stays with the part that had it, and comes to the record if it was elsewhere. */
  show(entry, place, count) {
    const part = this.root.contains(document.activeElement) && document.activeElement.dataset.part;
    Object.assign(this, { entry, place, count });
    this.record = make("div", { class: "record", "data-part": "record", tabindex: 0, role: "region", "aria-label": "Record" }, this.fields());
    this.source = make("aside", { class: "source", "data-part": "source", tabindex: 0, role: "region", "aria-label": "Article" }, this.article());
    this.root.replaceChildren(this.bar(), make("div", { class: "beside" }, this.record, this.source));
    this.root.hidden = false;
    this.pointToEvidence();
    const had = part ? this.root.querySelector(`[data-part="${part}"]:not(:disabled)`) : null;
    (had ?? this.record).focus({ preventScroll: true });
  }

  hide() {
    this.root.hidden = true;
    this.root.replaceChildren();
    this.entry = null;
  }

  toggleRaw() {
    const top = this.record.scrollTop;
    this.raw = !this.raw;
    this.show(this.entry, this.place, this.count);
    this.record.scrollTop = top;
  }

  bar() {
    const { act } = this;
    return make("header", { class: "bar-of-reader" },
      make("button", { type: "button", "data-part": "close", click: act.close, "aria-keyshortcuts": "Escape", "aria-label": "Back to the list" }, "← ", make("span", { class: "word" }, "Back")),
      make("span", { class: "place" }, `${grouped(this.place + 1)} of ${grouped(this.count)}`),
      make("span", { class: "muted whence" }, shortened(this.entry.name, 120)),
      make("button", { type: "button", "data-part": "previous", click: act.previous, "aria-keyshortcuts": "k", "aria-label": "Previous record", disabled: this.place === 0 }, "↑"),
      make("button", { type: "button", "data-part": "next", click: act.next, "aria-keyshortcuts": "j", "aria-label": "Next record", disabled: this.place + 1 >= this.count }, "↓"),
      make("button", { type: "button", "data-part": "raw", click: act.raw, "aria-pressed": String(this.raw), "aria-keyshortcuts": "r", title: "Show the texts as they are written" }, "Raw"),
    );
  }

  fields() {
    const { entry } = this;
    return [
      make("p", { class: "tags" }, tags(entry), entry.measured && [meter("supported", entry.supported), meter("grounded", entry.grounded)]),
      entry.detail && make("p", { class: "detail" }, visible(entry.detail)),
      this.field("Instruction", entry.instruction, "instruction", this.set(entry.instruction)),
      this.field("Input", entry.input, "input", entry.evidence ? this.paragraphs(entry.evidence) : this.set(entry.input)),
      this.field("Output", entry.output, "output", this.set(entry.output)),
      make("p", { class: "muted id" }, "id ", make("code", {}, visible(entry.id))),
    ];
  }

  field(title, text, look, inside) {
    const length = make("span", { class: "muted" }, counted(text.length, "character"));
    const shown = text ? inside : make("p", { class: "muted" }, "empty");
    return make("section", { class: `field ${look}` }, make("h2", {}, title, " ", length), make("div", { class: "body" }, shown));
  }

  set(text) {
    return this.raw ? make("pre", { class: "raw" }, visible(text)) : set(fenced(text));
  }

  paragraphs(numbers) {
    const { paragraphs, blocks, format } = this.entry.source;
    return numbers.map((number) => (this.raw ? make("pre", { class: "raw" }, visible(paragraphs[number])) : set(shaped(paragraphs[number], blocks[number]), format)));
  }

  article() {
    const { entry } = this;
    const name = entry.name || "Article";
    const only = make("button", { type: "button", class: "quiet", click: () => this.act.only(entry) }, "All records of this article");
    const head = [make("h2", {}, visible(name)), make("p", { class: "muted" }, only, this.link())];
    if (!entry.source) return [head, make("p", { class: "notice" }, "The text of this article is not in this report.")];
    const marks = evidence(entry);
    return [head, this.legend(marks), entry.source.paragraphs.map((_, number) => this.paragraph(number, marks.get(number)))];
  }

  link() {
    const url = this.entry.source?.url ?? "";
    return /^https?:\/\//i.test(url) && make("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, visible(url));
  }

  legend(marks) {
    const kinds = new Set(marks.values());
    const said = kinds.has("exact") ? "Marked: the paragraphs that the input is made of." : "Marked: paragraphs with the words of the input.";
    return make("p", { class: "muted" }, marks.size ? said : "No paragraph was found that the input rests on.");
  }

  paragraph(number, mark) {
    const said = mark && make("span", { class: "unseen" }, mark === "exact" ? "Part of the input: " : "Close to the input: ");
    return make("div", { class: mark ? `paragraph ${mark}` : "paragraph", "data-number": number + 1 }, said, this.paragraphs([number]));
  }

  /** Bring the first marked paragraph into sight, a little below the top. */
  pointToEvidence() {
    const first = this.source.querySelector(".exact, .near");
    if (!first || getComputedStyle(this.source).overflowY === "visible") return;
    this.source.scrollTop += first.getBoundingClientRect().top - this.source.getBoundingClientRect().top - 48;
  }
}
