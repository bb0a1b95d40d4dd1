// Which entries are wanted, and in which order.

/** What may be asked for; the names are those of the page's address. */
const ANYTHING = { q: "", outcome: "", type: "", flag: "", article: "", sort: "" };

/** Order by a share, from the lowest (1) or from the highest (-1); entries whose shares are not known come last. */
const by = (name, direction) => {
  const rank = (entry) => (entry.measured ? direction * entry[name] : Infinity);
  return (one, other) => (rank(one) === rank(other) ? 0 : rank(one) - rank(other));
};

const ORDERS = {
  supported: by("supported", 1),
  grounded: by("grounded", 1),
  "-supported": by("supported", -1),
  longest: (one, other) => other.length - one.length,
  shortest: (one, other) => one.length - other.length,
};

/** Return what a query looks for: words, and phrases in quotes. */
const terms = (query) => (query.toLowerCase().match(/"[^"]+"|[^\s"]+/g) ?? []).map((term) => term.replaceAll('"', ""));

/** Return the entries that are all that is wanted. */
function matching(entries, wanted) {
  const words = terms(wanted.q);
  const [outcome, reason] = split(wanted.outcome);
  const tests = [
    outcome && ((entry) => (outcome === "accepted") === (entry.reason === null)),
    reason && ((entry) => entry.reason === reason),
    wanted.type && ((entry) => entry.type === wanted.type),
    wanted.flag && ((entry) => (wanted.flag === "any" ? entry.flags.length > 0 : entry.flags.includes(wanted.flag.slice(1)))),
    wanted.article && ((entry) => entry.name === wanted.article || entry.hash === wanted.article),
    ...words.map((word) => (entry) => entry.text.includes(word)),
  ].filter(Boolean);
  const found = entries.filter((entry) => tests.every((test) => test(entry)));
  const order = ORDERS[wanted.sort];
  return order ? found.sort(order) : found;
}

/** `rejected:copy` is an outcome and its reason. */
function split(outcome) {
  const colon = outcome.indexOf(":");
  return colon < 0 ? [outcome, ""] : [outcome.slice(0, colon), outcome.slice(colon + 1)];
}

/** Return how often each value occurs, the most frequent first. */
function tally(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]);
}

const found = globalThis.Highlight && CSS.highlights ? new Highlight() : null;
if (found) CSS.highlights.set("found", found);

/** Highlight what the query looks for in these elements, without a change to any of them. */
function highlight(words, elements) {
  if (!found) return;
  found.clear();
  for (const element of words.length ? elements : []) {
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node && found.size < 2000; node = texts.nextNode()) mark(node, words);
  }
}

function mark(node, words) {
  const text = node.data.toLowerCase();
  if (text.length !== node.data.length) return; // letters whose lower case is longer would shift every place
  for (const word of words) {
    for (let start = text.indexOf(word); start >= 0 && found.size < 2000; start = text.indexOf(word, start + word.length)) {
      const range = new Range();
      range.setStart(node, start);
      range.setEnd(node, start + word.length);
      found.add(range);
    }
  }
}
