// The page as a whole: which view is shown, the keys, and light or dark.

const THEME = "qloragen-theme";
let browser = null;
const left = { view: "", y: 0 }; // which place of the report was shown last, and how far it was scrolled

/** Show the view that the address names: the records, or a place of the report. */
function route() {
  const [view, query = ""] = decoded(location.hash.slice(1));
  const records = view === "records";
  const reading = !at("report").hidden;
  if (records && reading) left.y = scrollY;
  at("report").hidden = records;
  at("browser").hidden = !records;
  for (const [id, shown] of [["to-report", !records], ["to-records", records]]) {
    if (shown) at(id).setAttribute("aria-current", "page");
    else at(id).removeAttribute("aria-current");
  }
  document.body.classList.toggle("browsing", records);
  if (records) browser?.follow(query);
  else if (!reading && view === left.view) scrollTo({ top: left.y, behavior: "instant" });
  else if (view) at(view)?.scrollIntoView();
  if (!records) left.view = view;
}

function decoded(hash) {
  const mark = hash.indexOf("?");
  return mark < 0 ? [hash] : [hash.slice(0, mark), hash.slice(mark + 1)];
}

// ------------------------------------------------------------------------------------------------------------ keys

const typing = (target) => target.matches?.("input, select, textarea");

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target)) {
    whileTyping(event);
    return;
  }
  const act = keys()[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

/** Return what each key does now. */
function keys() {
  const everywhere = { "/": toSearch };
  if (!browser || at("browser").hidden) return everywhere;
  const { list, reader } = browser;
  if (reader.entry) {
    return { ...everywhere, j: () => browser.step(1), k: () => browser.step(-1), r: () => browser.raw(), Escape: () => browser.close() };
  }
  const move = { j: () => list.go(list.active + 1), k: () => list.go(list.active - 1) };
  const away = document.activeElement !== at("list") && document.activeElement !== document.body;
  if (away) return { ...everywhere, ...move };
  return {
    ...everywhere,
    ...move,
    ArrowDown: move.j,
    ArrowUp: move.k,
    PageDown: () => list.go(list.active + list.page),
    PageUp: () => list.go(list.active - list.page),
    Home: () => list.go(0),
    End: () => list.go(list.entries.length - 1),
    Enter: () => list.go(list.active, true),
  };
}

function toSearch() {
  if (at("browser").hidden) location.hash = "#records";
  route();
  at("query").focus();
  at("query").select();
}

function whileTyping(event) {
  const leaves = event.key === "Escape" || (event.target === at("query") && ["Enter", "ArrowDown"].includes(event.key));
  if (!leaves) return;
  event.preventDefault();
  browser?.changed();
  at("list").focus();
}

// ----------------------------------------------------------------------------------------------------------- theme

const dark = matchMedia("(prefers-color-scheme: dark)");

function theme() {
  try {
    return localStorage.getItem(THEME) ?? (dark.matches ? "dark" : "light");
  } catch {
    return document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  }
}

function paint(chosen) {
  document.documentElement.dataset.theme = chosen;
  at("theme-said").textContent = chosen === "dark" ? "Light" : "Dark";
  at("theme").setAttribute("aria-label", chosen === "dark" ? "Change to light" : "Change to dark");
}

function otherTheme() {
  const chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  paint(chosen);
  try {
    localStorage.setItem(THEME, chosen);
  } catch {
    // The choice lasts as long as the page, where nothing may be stored.
  }
}

// ----------------------------------------------------------------------------------------------------------- start

async function start() {
  paint(theme());
  dark.addEventListener("change", () => paint(theme()));
  at("theme").addEventListener("click", otherTheme);
  addEventListener("hashchange", route);
  addEventListener("keydown", pressed);
  route();
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
  const data = at("data");
  const entries = await unpack(data.textContent, (soFar) => {
    at("count").textContent = `Unpacking the records … ${grouped(soFar)}`;
  });
  data.remove();
  at("total").textContent = grouped(entries.length);
  browser = new Browser(entries);
  if (!at("browser").hidden) route();
  document.documentElement.dataset.ready = "";
  prepare(entries);
}

start().catch((error) => {
  at("count").textContent = `The records cannot be unpacked: ${error.message}`;
  throw error;
});
