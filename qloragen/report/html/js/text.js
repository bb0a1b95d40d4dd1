// How texts are set: code as it is, everything else in lines as long as there is room for.

const UNSEEN = /(?:[\0-\x08\x0B-\x1F\x7F-\x9F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]|\p{Cs})+/gu;
const MOST_MARKS = 500; // of unseen characters that one text gets names for
const FENCE = /^\s*(`{3,}|~{3,})/;
const WRAPPED = 56; // a line of so many characters was broken for want of room, not for a reason
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
  for (const line of text.split("\n")) {
    const mark = line.match(FENCE)?.[1];
    if (!fence && mark) blocks.push(["code", [line]]);
    else if (blocks.length && (fence || blocks.at(-1)[0] === "text")) blocks.at(-1)[1].push(line);
    else blocks.push(["text", [line]]);
    if (!fence && mark) fence = mark;
    else if (fence && mark?.startsWith(fence) && line.trim() === mark) {
      fence = null;
      blocks.push(["text", []]);
    }
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
  return blocks.map(([kind, lines]) => {
    if (kind === "code" || kind === "indented") return make("pre", { tabindex: 0 }, make("code", {}, visible(unfenced(lines).join("\n"))));
    if (kind === "heading") return make("p", { class: "heading" }, inline(plainHeading(lines), format));
    if (lines.every((line) => line.trimStart().startsWith("|"))) return make("pre", { tabindex: 0 }, visible(lines.join("\n")));
    const text = flowing(lines).trim();
    return text && make("p", { class: kind }, inline(text, format));
  }).filter(Boolean);
}

function unfenced(lines) {
  if (!FENCE.test(lines[0] ?? "")) return lines;
  return FENCE.test(lines.at(-1)) && lines.length > 1 ? lines.slice(1, -1) : lines.slice(1);
}

const plainHeading = (lines) => lines.join("\n").replace(/^(?:#{1,6}|={1,6})\s+/gm, "").replace(/\n[=\-~^"'*+#`:._]{2,}\s*$/, "");

/** Join lines that were broken for want of room. */
function flowing(lines) {
  let text = "";
  lines.forEach((line, index) => {
    const before = lines[index - 1] ?? "";
    const goesOn = index > 0 && before.length >= WRAPPED && !/ {2}$/.test(before) && !STARTS.test(line);
    text += index === 0 ? line : goesOn ? ` ${line.trimStart()}` : `\n${line}`;
  });
  return text;
}

/** Return nodes for a text with code in backticks, or with the tags of HTML set back. */
function inline(text, format) {
  const pattern = format === "html" ? /(<[^<>]{1,400}>)/ : /(`{1,2}[^`\n]+`{1,2})/;
  return text.split(pattern).map((part, index) => {
    if (index % 2 === 0) return visible(part);
    if (format === "html") return make("span", { class: "markup" }, visible(part));
    return make("code", {}, visible(part.replace(/^`+|`+$/g, "")));
  });
}
