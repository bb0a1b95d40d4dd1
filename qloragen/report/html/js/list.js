// A list of any length, of which only the rows in sight exist.

const BEYOND = 8; // rows kept above and below what is in sight

class List {
  /** `draw(entry, index)` returns what is inside a row; `opened(index)` is called for the row that is wanted. */
  constructor(scroller, rows, draw, opened) {
    Object.assign(this, { scroller, rows, draw, opened, entries: [], active: 0, drawn: new Map(), height: 0 });
    scroller.addEventListener("scroll", soon(() => this.update()), { passive: true });
    new ResizeObserver(soon(() => this.update())).observe(scroller);
    rows.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.go(Number(row.dataset.index), true);
    });
  }

  /** Take up the height of a row, in pixels, which the style sheet decides by the room that there is. */
  measure() {
    const height = parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row"));
    if (height === this.height) return;
    this.height = height;
    this.clear();
    this.rows.style.height = `${this.entries.length * height}px`;
    this.reveal();
  }

  show(entries, active = 0) {
    this.entries = entries;
    this.active = Math.max(0, Math.min(active, entries.length - 1));
    this.height = 0;
    this.measure();
    this.scroller.scrollTop = 0;
    this.reveal();
    this.update();
  }

  clear() {
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
  }

  /** Make `index` the active row, and open it if asked to. */
  go(index, open = false) {
    if (!this.entries.length) return;
    this.active = Math.max(0, Math.min(index, this.entries.length - 1));
    this.reveal();
    this.update();
    if (open) this.opened(this.active);
  }

  reveal() {
    const top = this.active * this.height;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.scroller.scrollTop = top + this.height - clientHeight;
  }

  get page() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / this.height) - 1);
  }

  update() {
    this.measure();
    const { scrollTop, clientHeight } = this.scroller;
    if (!clientHeight) return;
    const first = Math.max(0, Math.floor(scrollTop / this.height) - BEYOND);
    const end = Math.min(this.entries.length, Math.ceil((scrollTop + clientHeight) / this.height) + BEYOND);
    const kept = new Set([this.active]);
    for (let index = first; index < end; index += 1) kept.add(index);
    for (const [index, row] of this.drawn) {
      if (kept.has(index)) continue;
      row.remove();
      this.drawn.delete(index);
    }
    for (const index of kept) if (index < this.entries.length && !this.drawn.has(index)) this.add(index);
    this.point();
    this.updated?.();
  }

  add(index) {
    const place = { role: "option", id: `row-${index}`, "data-index": index, "aria-posinset": index + 1, "aria-setsize": this.entries.length };
    const row = make("div", { class: "row", ...place }, this.draw(this.entries[index], index));
    row.style.transform = `translateY(${index * this.height}px)`;
    this.drawn.set(index, row);
    this.rows.append(row);
  }

  /** Say which row is the active one. */
  point() {
    for (const [index, row] of this.drawn) row.setAttribute("aria-selected", index === this.active);
    if (this.entries.length) this.scroller.setAttribute("aria-activedescendant", `row-${this.active}`);
    else this.scroller.removeAttribute("aria-activedescendant");
  }
}
