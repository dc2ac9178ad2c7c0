// House rules that the linter of the language does not know: nothing in the simulation may depend on the wall clock, on
// engine mathematics, on locale or on hidden randomness (docs/architecture.md, "Determinism").
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const BANNED = [
  [/\bMath\.(random|log|log2|log10|log1p|exp|expm1|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|cbrt|hypot)\b/, 'engine mathematics: use src/random/portable.ts'],
  [/\bDate\b(?!\w)/, 'wall clock or time zones: simulated time is in simulation.now'],
  [/\bperformance\.now\b|\bhrtime\b/, 'wall clock'],
  [/\blocaleCompare\b|\bIntl\.|\btoLocale\w+\(/, 'depends on the locale'],
  // Powers of two with literal exponents are exact everywhere.
  [/(?<!\b2 )\*\*|\*\*(?! \d)/, '** differs between engines'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, 'timers of the host'],
];
/** Rooms that may look at the wall clock: they run the simulation, they are not part of it. */
const FREE = ['cli', 'sweep', 'serve', 'report/browser'];

let found = 0;
for (const name of readdirSync('src', { recursive: true })) {
  const file = String(name).replaceAll('\\', '/');
  if (!/\.(ts|js)$/.test(file) || FREE.some((room) => file.startsWith(`${room}/`))) continue;
  const lines = readFileSync(join('src', file), 'utf8').split('\n');
  lines.forEach((line, i) => {
    if (/^\s*(\*|\/\/|\/\*)/.test(line)) return;
    const code = line.replace(/\/\/.*$/, '').replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\$]|\\.)*`/g, "''");
    for (const [pattern, why] of BANNED) {
      if (!pattern.test(code) || lines[i - 1]?.includes('lint-allow')) continue;
      console.error(`src/${file}:${i + 1}: ${why}: ${line.trim()}`);
      found++;
    }
  });
}
if (found > 0) {
  console.error(`${found} violations of the determinism rules`);
  process.exit(1);
}
