// Looks for words between borders of words by obscenity, with the steps that it recommends for English:
// `node peer.js WORDS.json MESSAGES.json`. Prints its nanoseconds a message; stops at a message's first hit, as ours does.
import { readFileSync } from 'node:fs';
import { RegExpMatcher, englishRecommendedTransformers, parseRawPattern } from 'obscenity';

const [words, messages] = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, 'utf8')));
const blacklistedTerms = words.map((word, id) => ({ id, pattern: parseRawPattern(`|${word}|`) }));
const matcher = new RegExpMatcher({ blacklistedTerms, ...englishRecommendedTransformers });

// It is slow: one message in ten has to do.
const some = messages.filter((_, place) => place % 10 === 7);
let best = Infinity;
for (let round = 0; round < 3; round += 1) {
  const begun = process.hrtime.bigint();
  for (const message of some) matcher.hasMatch(message);
  best = Math.min(best, Number(process.hrtime.bigint() - begun) / some.length);
}
console.log(JSON.stringify({ ns: best }));
