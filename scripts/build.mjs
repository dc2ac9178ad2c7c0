// Builds towtank: TypeScript to dist/, then the browser bundle of the report.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const require = createRequire(import.meta.url);

const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
const compiled = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { stdio: 'inherit' });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
// npx makes the command executable only when it first links it, which a later build would undo.
chmodSync('dist/src/cli/main.js', 0o755);

const entry = 'src/report/browser/main.js';
if (existsSync(entry)) {
  const { build } = await import('esbuild');
  mkdirSync('dist/src/report', { recursive: true });
  await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    legalComments: 'none',
    outfile: 'dist/src/report/browser.js',
    logLevel: 'warning',
  });
}
