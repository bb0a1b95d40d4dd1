// Elements made by hand: whatever comes from records or articles becomes text here, and never markup.

const at = (id) => document.getElementById(id);

/** Make an element; functions among the properties listen to the event of that name, strings inside become text. */
function make(name, properties = {}, ...inside) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(key, value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...inside.flat(Infinity).filter((part) => part !== undefined && part !== null && part !== false));
  return node;
}

/** Return a word for a code such as `near_duplicate`. */
const worded = (code) => code.replaceAll("_", " ");

const grouped = new Intl.NumberFormat("en").format;

/** Return `count` with its noun. */
const counted = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/** Call `what` once all that happens in this frame has happened. */
function soon(what) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      what();
    });
  };
}
