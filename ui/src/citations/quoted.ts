// Which sentence of a passage a claim rests on: the one that shares the most words with it.

const SENTENCE = /[^.!?。!?\n]+(?:[.!?。!?]+|\n|$)/g;
// A word of letters and digits; scripts without spaces count by the character.
const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}]+/gu;
const FEWEST_SHARED = 2;

/** A text in three parts; the middle one is what the claim rests on, empty where nothing is alike. */
export function splitAtQuote(text: string, claim: string): [before: string, quoted: string, after: string] {
  const words = wordsOf(claim);
  let best = { shared: FEWEST_SHARED - 1, share: 0, at: 0, length: 0 };
  for (const { 0: sentence, index } of text.matchAll(SENTENCE)) {
    const own = wordsOf(sentence);
    const shared = [...own].filter((word) => words.has(word)).length;
    const share = shared / Math.max(1, own.size);
    if (shared > best.shared || (shared === best.shared && share > best.share))
      best = { shared, share, at: index + sentence.search(/\S|$/), length: sentence.trim().length };
  }
  const end = best.at + best.length;
  return [text.slice(0, best.at), text.slice(best.at, end), text.slice(end)];
}

/** How many different words a text shares with a claim. */
export function countShared(claim: string, text: string): number {
  const words = wordsOf(text);
  return [...wordsOf(claim)].filter((word) => words.has(word)).length;
}

function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(WORD) ?? []);
}
