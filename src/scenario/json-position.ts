/** Finds where a text stops being JSON (RFC 8259): the messages of JSON.parse differ between engines and often name no place. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids just these inside strings
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const literal = /true|false|null/y;
const space = /[ \t\n\r]*/y;

/** End of what a pattern matches at a place; −1 when it does not. */
function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** End of a string, number or literal; −1 when there is none. */
function scalarEnd(text: string, at: number): number {
  const first = text[at];
  if (first === '"') return matchEnd(string, text, at);
  return matchEnd(first === 't' || first === 'f' || first === 'n' ? literal : number, text, at);
}

type Expected = 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'comma' | 'end';

/** Offset of the first character that cannot be there, or of the end when something is missing; undefined for valid JSON. */
export function jsonErrorOffset(text: string): number | undefined {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  for (;;) {
    at = matchEnd(space, text, at);
    const character = text[at];
    if (character === undefined) return expected === 'end' ? undefined : at;
    const inside = open[open.length - 1];
    if ((expected === 'value' || expected === 'first value') && (character === '{' || character === '[')) {
      open.push(character);
      expected = character === '{' ? 'first key' : 'first value';
      at++;
    } else if (
      (character === '}' && inside === '{' && (expected === 'comma' || expected === 'first key')) ||
      (character === ']' && inside === '[' && (expected === 'comma' || expected === 'first value'))
    ) {
      open.pop();
      expected = open.length === 0 ? 'end' : 'comma';
      at++;
    } else if (expected === 'comma' && character === ',') {
      expected = inside === '{' ? 'key' : 'value';
      at++;
    } else if (expected === 'colon' && character === ':') {
      expected = 'value';
      at++;
    } else {
      const key: boolean = expected === 'key' || expected === 'first key';
      if (!key && expected !== 'value' && expected !== 'first value') return at;
      const end = key ? matchEnd(string, text, at) : scalarEnd(text, at);
      if (end < 0) return at;
      at = end;
      expected = key ? 'colon' : open.length === 0 ? 'end' : 'comma';
    }
  }
}
