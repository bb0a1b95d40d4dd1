// How texts are set: code as it is, everything else in lines as long as there is room for.

const UNSEEN = /(?:[\0-\x08\x0B-\x1F\x7F-\x9F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]|\p{Cs})+/gu;
const MOST_MARKS = 500; // of unseen characters that one text gets names for
const FENCE = /^\s*(`{3,}|~{3,})/;
const WRAPPED = 56; // a line of so many characters was broken for want of room, not for a reason
const DELIMITER = /^\s*(?:`{3,}.*|~{3,}.*|-{4,}|\.{4,}|={4,}|<pre\b[^>]*>|<\/pre>)\s*$/i;
const ANNOUNCES = /^(?:\[.*\]|\.\. _.*)\s*$/; // AsciiDoc and reStructuredText say so what the next block is
const ITEM = /^(\s*)([-*+•]|\*{2,5}|\.{1,5}|\d{1,3}[.)])\s+(.*)$/;
const STARTS = /^\s*(?:[-*+•|>#:=.]|\d{1,3}[.)]\s|$)/;

/** Return nodes for `text` in which characters that show nothing, or turn others around, stand by their names. */
function visible(text) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (nodes.length > 2 * MOST_MARKS) break;
    const points = [...match[0]].map((one) => one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0"));
    const said = points.slice(0, 4).map((point) => `U+${point}`).join(" ");
    const more = points.length > 4 ? ` and ${points.length - 4} more` : "";
    nodes.push(text.slice(done, match.index), make("span", { class: "unseen-character" }, said + more));
    done = match.index + match[0].length;
  }
  nodes.push(text.slice(done).replaceAll(UNSEEN, "\uFFFD"));
  return nodes;
}

/** Return `text` on one line, cut to `longest` characters. */
function shortened(text, longest) {
  const line = text.slice(0, 4 * longest).replace(/\s+/g, " ").trim().replaceAll(UNSEEN, "\uFFFD");
  return line.length <= longest && text.length <= 4 * longest ? line : `${line.slice(0, longest - 1).trimEnd()}…`;
}

/** Return the blocks of what a model wrote: `[kind, lines]`, with code where there are fences. */
function fenced(text) {
  const blocks = [];
  let fence = null;
  let open = false; // the last block goes on
  for (const line of text.split("\n")) {
    const mark = line.match(FENCE)?.[1];
    const ends = fence && mark?.startsWith(fence) && line.trim() === mark;
    if (!fence && !line.trim()) open = false;
    else if (open && (fence || !mark)) blocks.at(-1)[1].push(line);
    else blocks.push([mark ? "code" : "text", [line]]);
    if (fence ? ends : mark) fence = fence ? null : mark;
    if (line.trim()) open = !ends;
  }
  return blocks;
}

/** Return the blocks of a paragraph of an article: `shape` has kinds, each followed by its number of lines. */
function shaped(paragraph, shape) {
  const lines = paragraph.split("\n");
  const blocks = [];
  let from = 0;
  for (let index = 0; index < shape.length; index += 2) {
    const to = from + shape[index + 1];
    blocks.push([shape[index], lines.slice(from, to)]);
    from = to;
  }
  return blocks.filter(([kind]) => kind !== "blank");
}

/** Return elements for blocks. */
function set(blocks, format = "markdown") {
  return blocks.flatMap(([kind, lines]) => {
    if (kind === "code") return listing(format === "html" ? untagged(lines) : unfenced(lines));
    if (kind === "indented") return listing(dedented(lines));
    if (kind === "heading") return heading(lines, format);
    if (lines.every((line) => line.trimStart().startsWith("|"))) return listing(lines);
    return items(lines).map(({ mark, depth, text }) => {
      if (!mark) return make("p", {}, inline(text, format));
      return make("div", { class: "item", "data-depth": depth }, make("span", { class: "mark-of-item" }, mark), make("p", {}, inline(text, format)));
    });
  });
}

const listing = (lines) => make("pre", { tabindex: 0 }, make("code", {}, visible(lines.join("\n"))));

/** Return the lines without those that only say where code begins and ends. */
function unfenced(lines) {
  const inside = DELIMITER.test(lines[0]) ? lines.slice(1) : lines;
  return inside.length && DELIMITER.test(inside.at(-1)) ? inside.slice(0, -1) : inside;
}

/** Return the lines of a `<pre>` element without its tags. */
const untagged = (lines) => lines.join("\n").replace(/^\s*<pre\b[^>]*>\s*(?:<code\b[^>]*>)?/i, "").replace(/(?:<\/code>)?\s*<\/pre>\s*$/i, "").split("\n");

function dedented(lines) {
  const depths = lines.filter((line) => line.trim()).map((line) => line.search(/\S/));
  const depth = Math.min(...depths);
  return lines.map((line) => line.slice(depth));
}

function heading(lines, format) {
  if (lines.every((line) => ANNOUNCES.test(line))) return make("p", { class: "announces" }, visible(lines.join("\n")));
  const text = lines.join("\n").replace(/^(?:#{1,6}|={1,6})\s+/gm, "").replace(/\n[=\-~^"'*+#`:._]{2,}\s*$/, "");
  return make("p", { class: "heading" }, inline(text.trim(), format));
}

/** Return a text as its items, and as paragraphs where there are none; lines broken for want of room are joined. */
function items(lines) {
  const parts = [];
  let counter = 0;
  lines.forEach((line, index) => {
    const [, blanks, mark, text] = line.match(ITEM) ?? [];
    if (mark) {
      counter += 1;
      const shown = mark.startsWith(".") ? `${counter}.` : /\d/.test(mark) ? mark : "•";
      parts.push({ mark: shown, depth: Math.min(Math.floor(blanks.length / 2) + (/^[*.]+$/.test(mark) ? mark.length - 1 : 0), 3), text });
    } else if (index === 0) {
      parts.push({ mark: null, text: line });
    } else {
      const before = lines[index - 1];
      const goesOn = (before.length >= WRAPPED || parts.at(-1).mark) && !/ {2}$/.test(before) && !STARTS.test(line);
      parts.at(-1).text += goesOn ? ` ${line.trimStart()}` : `\n${line}`;
    }
  });
  return parts.filter(({ text }) => text.trim());
}

/** Return nodes for a text with its code and strong words, or with the tags of HTML set back. */
function inline(text, format) {
  const pattern = format === "html" ? /(<[^<>]{1,400}>)/ : /(`{1,2}[^`\n]+`{1,2}|\*\*[^*\n]+\*\*)/;
  return text.split(pattern).map((part, index) => {
    if (index % 2 === 0) return visible(part);
    if (format === "html") return make("span", { class: "markup" }, visible(part));
    if (part.startsWith("*")) return make("strong", {}, visible(part.slice(2, -2)));
    return make("code", {}, visible(part.replace(/^`+|`+$/g, "")));
  });
}
