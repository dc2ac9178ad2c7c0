// Puts what the main job prints into the README, and pictures of its report into docs/images (when Chromium is installed).
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const run = spawnSync(process.execPath, ['dist/src/cli/main.js', 'compare', 'scenarios/strategies.yaml', '--quiet'], { encoding: 'utf8' });
if (run.status !== 0) {
  process.stderr.write(run.stderr);
  process.exit(1);
}
const readme = readFileSync('README.md', 'utf8');
const block = `<!-- first-result -->\n\`\`\`\n${run.stdout.trimEnd()}\n\`\`\`\n<!-- /first-result -->`;
writeFileSync('README.md', readme.replace(/<!-- first-result -->[\s\S]*<!-- \/first-result -->/, () => block));

const chromium = '/usr/bin/chromium';
if (existsSync(chromium)) {
  const { chromium: browserType } = await import('playwright-core');
  const browser = await browserType.launch({ executablePath: chromium, args: ['--no-sandbox'] });
  const page = await browser.newPage({ viewport: { width: 1180, height: 1000 } });
  await page.goto(pathToFileURL(resolve('reports/strategies/report.html')).href);
  await page.waitForSelector('html[data-drawn]');
  await page.screenshot({ path: 'docs/images/report.png', clip: { x: 0, y: 0, width: 1180, height: 960 } });
  // Drawn by the report itself, for light and dark ground.
  const picture = await page.evaluate("window.towtankPicture('Replicas by version')");
  writeFileSync('docs/images/replicas.svg', `${picture}\n`);
  await browser.close();
}
