// Looks for words by one merged expression of JavaScript, as bots do: `node peer.js apart|together WORDS.json MESSAGES.json`.
// Prints its nanoseconds a message.
//
// `apart` gives each word borders and a group of its own, as bots merge what their moderators wrote, to know which word it was.
// `together` puts one pair of borders around all of them: V8 then makes a tree of their beginnings, which is the best that it can do.
const { readFileSync } = require('node:fs');

const form = process.argv[2];
const [words, messages] = process.argv.slice(3).map((path) => JSON.parse(readFileSync(path, 'utf8')));
const escaped = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
const source =
  form === 'apart' ? escaped.map((word) => `(\\b${word}\\b)`).join('|') : `\\b(?:${escaped.join('|')})\\b`;
const merged = new RegExp(source, 'i');

let best = Infinity;
for (let round = 0; round < 5; round += 1) {
  const begun = process.hrtime.bigint();
  for (const message of messages) merged.exec(message);
  best = Math.min(best, Number(process.hrtime.bigint() - begun) / messages.length);
}
console.log(JSON.stringify({ ns: best }));
