// Which paragraphs of its article a record rests on.

const ENOUGH = 0.5; // of a sentence's words that a paragraph must have to be its likely source
const FEWEST = 4; // words below which a sentence says too little to look for

const wordsOf = (text) => new Set(text.toLowerCase().match(/[\p{L}\p{N}_]{4,}/gu) ?? []);

/** Return paragraph numbers, each with `exact` (the input is made of it) or `near` (it has the words of a sentence). */
function evidence(entry) {
  if (!entry.source) return new Map();
  if (entry.evidence) return new Map(entry.evidence.map((number) => [number, "exact"]));
  const { paragraphs } = entry.source;
  const whole = paragraphs.flatMap((text, number) => (text.length > 40 && entry.input.includes(text) ? [[number, "exact"]] : []));
  return new Map([...likely(entry.input, paragraphs), ...whole].sort((one, other) => one[0] - other[0]));
}

function likely(input, paragraphs) {
  const bags = paragraphs.map(wordsOf);
  return input.slice(0, 20_000).split(/(?<=[.!?:])\s+|\n+/).flatMap((sentence) => {
    const words = [...wordsOf(sentence)];
    if (words.length < FEWEST) return [];
    const shares = bags.map((bag) => words.filter((word) => bag.has(word)).length / words.length);
    const best = shares.reduce((chosen, share, number) => (share > shares[chosen] ? number : chosen), 0);
    return shares[best] >= ENOUGH ? [[best, "near"]] : [];
  });
}
