// The record browser: what is asked for, in its fields and in the page's address, and what is shown for it.

const FIELDS = { q: "query", outcome: "outcome", type: "type", flag: "flag", article: "article", sort: "sort" };
const MOST_NAMES = 50; // article names offered at a time

class Browser {
  constructor(entries) {
    this.entries = entries;
    this.list = new List(at("list"), at("rows"), row, (index) => this.open(index, "push"));
    this.list.updated = () => this.highlight();
    this.reader = new Reader(at("reader"), {
      previous: () => this.step(-1),
      next: () => this.step(1),
      close: () => this.close(),
      raw: () => this.raw(),
      only: (entry) => this.ask({ ...ANYTHING, article: entry.name || entry.hash }),
    });
    this.wanted = null;
    this.fillChoices();
    const changed = soon(() => this.changed());
    at("filters").addEventListener("input", changed);
    at("filters").addEventListener("reset", changed);
    at("filters").addEventListener("submit", (event) => event.preventDefault());
    at("more").addEventListener("click", () => {
      const open = at("filters").classList.toggle("open");
      at("more").setAttribute("aria-expanded", String(open));
    });
    at("article").addEventListener("input", () => this.offerNames());
    at("article").addEventListener("focus", () => this.offerNames());
  }

  /** Show what the page's address asks for. */
  follow(query) {
    const asked = new URLSearchParams(query);
    const wanted = Object.fromEntries(Object.keys(ANYTHING).map((name) => [name, asked.get(name) ?? ""]));
    for (const [name, id] of Object.entries(FIELDS)) at(id).value = wanted[name];
    this.find(this.read());
    const index = asked.has("id") ? this.found.findIndex((entry) => entry.id === asked.get("id")) : -1;
    if (index >= 0) this.open(index);
    else this.leave();
  }

  /** Show something else, from its beginning. */
  ask(wanted) {
    for (const [name, id] of Object.entries(FIELDS)) at(id).value = wanted[name];
    this.find(this.read());
    this.leave();
    this.remember("replace");
  }

  /** Take up what the fields say, if that is something else than before. */
  changed() {
    const wanted = this.read();
    if (!this.has(wanted)) this.ask(wanted);
  }

  has(wanted) {
    return this.wanted !== null && Object.keys(wanted).every((name) => wanted[name] === this.wanted[name]);
  }

  read() {
    return Object.fromEntries(Object.entries(FIELDS).map(([name, id]) => [name, at(id).value]));
  }

  find(wanted) {
    if (this.has(wanted)) return;
    this.wanted = wanted;
    this.words = terms(wanted.q);
    this.found = matching(this.entries, wanted);
    this.list.show(this.found);
    const all = this.found.length === this.entries.length;
    at("count").textContent = all ? counted(this.found.length, "record") : `${grouped(this.found.length)} of ${counted(this.entries.length, "record")}`;
  }

  open(index, how = "") {
    const known = this.reader.entry !== null;
    this.list.go(index);
    this.reader.show(this.found[index], index, this.found.length);
    document.body.classList.add("reading");
    this.list.update();
    this.list.reveal();
    this.highlight();
    if (how) this.remember(known ? "replace" : how);
  }

  step(by) {
    this.open(Math.max(0, Math.min(this.list.active + by, this.found.length - 1)), "replace");
  }

  /** Show texts as they are written, or as they are read best. */
  raw() {
    this.reader.toggleRaw();
    this.highlight();
  }

  close() {
    if (history.state?.opened) {
      history.back();
      return;
    }
    this.leave();
    this.remember("replace");
  }

  /** Put the record away. */
  leave() {
    const reading = this.reader.entry !== null;
    this.reader.hide();
    document.body.classList.remove("reading");
    this.list.update();
    this.list.reveal();
    if (reading) at("list").focus({ preventScroll: true });
  }

  /** Write what is shown into the page's address; a record that was opened is a step that one can go back. */
  remember(how) {
    const asked = new URLSearchParams(Object.entries(this.wanted).filter(([, value]) => value));
    if (this.reader.entry) asked.set("id", this.reader.entry.id);
    const address = asked.size ? `#records?${asked}` : "#records";
    if (how === "push") history.pushState({ opened: true }, "", address);
    else history.replaceState(this.reader.entry ? history.state : null, "", address);
  }

  highlight() {
    highlight(this.words ?? [], this.reader.entry ? [this.reader.root, this.list.rows] : [this.list.rows]);
  }

  fillChoices() {
    const { entries } = this;
    const rejected = entries.filter((entry) => entry.reason !== null);
    const choice = (value, said, count) => make("option", { value }, `${said} (${grouped(count)})`);
    at("outcome").replaceChildren(
      make("option", { value: "" }, "any"),
      choice("accepted", "accepted", entries.length - rejected.length),
      choice("rejected", "rejected", rejected.length),
      ...tally(rejected.map((entry) => entry.reason)).map(([reason, count]) => choice(`rejected:${reason}`, `✗ ${worded(reason)}`, count)),
    );
    at("type").replaceChildren(
      make("option", { value: "" }, "any"),
      ...tally(entries.map((entry) => entry.type ?? "")).filter(([type]) => type).map(([type, count]) => choice(type, worded(type), count)),
    );
    const flagged = entries.filter((entry) => entry.flags.length);
    at("flag").replaceChildren(
      make("option", { value: "" }, "whatever"),
      choice("any", "any flag", flagged.length),
      ...tally(flagged.flatMap((entry) => entry.flags)).map(([flag, count]) => choice(`:${flag}`, worded(flag), count)),
    );
    this.names = tally(entries.map((entry) => entry.name)).map(([name]) => name).filter(Boolean);
  }

  offerNames() {
    const begun = at("article").value.toLowerCase();
    const fitting = [];
    for (const name of this.names) {
      if (fitting.length === MOST_NAMES) break;
      if (name.toLowerCase().includes(begun)) fitting.push(name);
    }
    at("articles").replaceChildren(...fitting.map((name) => make("option", { value: name })));
  }
}

/** Return what is inside a row of the list. */
function row(entry) {
  return [
    make("div", { class: "line" }, tags(entry)),
    make("div", { class: "asked" }, shortened(entry.instruction, 220) || "(no instruction)"),
    make("div", { class: "under" },
      make("span", { class: "name" }, shortened(entry.name, 90)),
      entry.measured && make("span", { class: "measures" }, `supported ${entry.supported.toFixed(2)} · grounded ${entry.grounded.toFixed(2)}`)),
  ];
}
