import { readFileSync } from 'node:fs';
import type { RunResult, Verdict } from '../analysis/result.js';
import type { Study } from '../analysis/study.js';
import { answer } from './answer.js';
import { reportData } from './data.js';
import { explain, explainRun, explainStudy } from './explanation.js';
import { describeVerdict, formatCount, formatInUnit, NONE } from './format.js';
import { type Measure, measureGroups } from './measure-groups.js';
import { STYLE } from './style.js';

/** What identifies a report. */
export interface ReportMeta {
  /** Title of the page: the scenario's name. */
  readonly title: string;
  readonly toolVersion: string;
  readonly scenarioHash?: string;
}

/**
 * One self-contained HTML page: the answer and the comparison as plain HTML (readable without scripts), the figures drawn
 * from embedded data. A study adds the means over several seeds with their intervals. No network request is made, and the page's own policy forbids any.
 */
export function renderReport(results: readonly RunResult[], meta: ReportMeta, study?: Study): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="generator" content="towtank ${escapeHtml(meta.toolVersion)}">
<title>${escapeHtml(meta.title)} - towtank</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the answer</a>
<header class="top"><div class="brand">towtank <span>/ ${escapeHtml(results[0]?.summary.scenario || meta.title)}</span></div><button type="button" id="theme" hidden>Theme</button></header>
<main id="main">
${banner(results)}
<section aria-labelledby="comparison-title">
<h2 id="comparison-title">${results.length > 1 ? 'Side by side' : 'Measures'}</h2>
<p class="lead">${lead(results)}</p>
${comparison(results)}
${failures(results, study)}</section>
<section id="study" hidden></section>
<section id="together" hidden></section>
<section id="details" hidden></section>
<noscript><p class="lead">The figures need JavaScript; the answer and the table above do not.</p></noscript>
</main>
${footer(results, meta)}
<script type="application/json" id="data">${embed(reportData(results, study))}</script>
<script>${browserScript().replace(/<\/(script)/gi, '<\\/$1')}</script>
</body>
</html>
`;
}

/** Why requests failed, in words. */
function failures(results: readonly RunResult[], study?: Study): string {
  const lines = study !== undefined ? explainStudy(study) : results.length === 1 ? [explainRun(results[0]!)].flatMap((said) => said ?? []) : explain(results);
  if (lines.length === 0) return '';
  return `<h3>Why requests failed</h3>\n<ul class="why">${lines.map((line) => `<li>${escapeHtml(line)}.</li>`).join('\n')}</ul>\n`;
}

/** What the comparison compares, in a sentence. */
function lead(results: readonly RunResult[]): string {
  if (results.length === 1) return 'What the run measured.';
  const best = 'The best value of a row is bold.';
  if (!sameLuck(results)) return `Runs with other seeds or of other scenarios: a part of each difference may be luck. ${best}`;
  if (results.some(({ summary }) => summary.strategy === null)) {
    return `Same scenario, same random numbers; only what the variant changes differs. ${best}`;
  }
  return `Same cluster, same users, same random numbers; only the strategy differs. ${best}`;
}

/** Whether runs are of one scenario with one seed, so that users and random numbers are the same. */
function sameLuck(results: readonly RunResult[]): boolean {
  const [first] = results;
  return results.every(({ summary }) => summary.seed === first!.summary.seed && summary.scenario === first!.summary.scenario);
}

/** JSON that can stand inside a script element: no `<` remains. */
export function embed(value: unknown): string {
  return JSON.stringify(value).replace(/</g, '\\u003c');
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

let script: string | undefined;

function browserScript(): string {
  script ??= readFileSync(new URL('./browser.js', import.meta.url), 'utf8');
  return script;
}

function banner(results: readonly RunResult[]): string {
  const said = answer(results);
  const good = said.outcome === 'all' || said.outcome === 'some';
  const kind = said.outcome === 'unjudged' ? '' : good ? 'good' : 'bad';
  const question = results[0]?.summary.question ?? '';
  const findings = [...new Set(results.flatMap((result) => result.summary.findings))];
  const single = results.length === 1 ? results[0]!.summary.verdicts : [];
  const items = [
    ...single.map(
      (verdict) => `<li class="${verdict.met ? 'met' : 'miss'}">${escapeHtml(describeVerdict(verdict))}</li>`,
    ),
    ...(single.length > 0 ? [] : said.misses.map((miss) => `<li class="miss">${escapeHtml(miss)}</li>`)),
    ...findings.map((finding) => `<li class="note">${escapeHtml(finding)}</li>`),
  ];
  return `<section class="verdict ${kind}" aria-label="Answer">
${question === '' ? '' : `<p class="question">${escapeHtml(question)}</p>`}
<h1>${escapeHtml(said.headline)}</h1>
${items.length > 0 ? `<ul>${items.join('\n')}</ul>` : ''}
</section>`;
}

/** One column a run; for a single run its measures as cards side by side. */
function comparison(results: readonly RunResult[]): string {
  const groups: (readonly [string, readonly string[]])[] = [
    ['Objectives', verdictRows(results, ({ summary }) => summary.verdicts)],
    ...measureGroups(results).map(
      ([name, measures]) =>
        [name, measures.map((measure) => measureRow(measure, results)).filter((row) => row !== '')] as const,
    ),
    ["Kubernetes' service levels", verdictRows(results, ({ summary }) => summary.serviceLevels)],
  ];
  const filled = groups.filter(([name, rows]) => rows.length > 0 && (results.length > 1 || name !== 'Objectives'));
  if (results.length === 1) {
    const cards = filled.map(
      ([name, rows]) => `<table class="card"><caption>${name}</caption><tbody>${rows.join('')}</tbody></table>`,
    );
    return `<div class="cards">${cards.join('\n')}</div>`;
  }
  const heads = results.map((result, i) => `<th scope="col">${swatch(i)}${escapeHtml(result.name)}</th>`).join('');
  const body = filled.map(([name, rows]) => groupRow(name, results.length + 1) + rows.join(''));
  return `<div class="scroll" tabindex="0" role="region" aria-label="Comparison table"><table class="compare" style="--runs:${results.length}">
<thead><tr><th scope="col"><span class="visually-hidden">Measure</span></th>${heads}</tr></thead>
<tbody>${body.join('')}</tbody></table></div>`;
}

function swatch(i: number): string {
  return `<span class="swatch" style="background:var(--s${i % 7})"></span>`;
}

function groupRow(name: string, width: number): string {
  return `<tr class="group"><th scope="colgroup" colspan="${width}">${name}</th></tr>\n`;
}

function verdictRows(results: readonly RunResult[], of: (result: RunResult) => readonly Verdict[]): string[] {
  const texts = [...new Set(results.flatMap((result) => of(result).map((verdict) => verdict.objective)))];
  return texts.map((text) => {
    const cells = results.map((result) => {
      const verdict = of(result).find((entry) => entry.objective === text);
      if (verdict === undefined) return `<td>${NONE}</td>`;
      const word = verdict.met ? 'met' : 'missed';
      const sign = verdict.met ? '&#10003;' : '&#10007;';
      const mark = `<span class="mark ${verdict.met ? 'good' : 'bad'}" role="img" aria-label="${word}">${sign}</span>`;
      const value = verdict.value === null && verdict.met ? '<span class="unit">none</span>' : show(formatInUnit(verdict.value, verdict.unit));
      return `<td>${mark}<span class="value">${value}</span></td>`;
    });
    return `<tr><th scope="row">${escapeHtml(text)}</th>${cells.join('')}</tr>\n`;
  });
}

/** A row whose values differ by less than this part of the greatest gets no bars and no winner. */
const TELLING = 0.02;

function measureRow(measure: Measure, results: readonly RunResult[]): string {
  const values = results.map(measure.value);
  const known = values.filter((value): value is number => value !== null);
  if (known.length === 0) return '';
  const highest = Math.max(...known);
  const least = Math.min(...known);
  const best = measure.better === 'low' ? least : measure.better === 'high' ? highest : Number.NaN;
  const telling = highest - least > TELLING * highest;
  const cells = values.map((value) => {
    const text = `<span class="value">${show(measure.text(value))}</span>`;
    const share = value === null || highest <= 0 ? 0 : Math.max(0, (value / highest) * 100);
    const bar = telling ? `<span class="bar" aria-hidden="true"><i style="width:${share.toFixed(1)}%"></i></span>` : '';
    return `<td${telling && value === best ? ' class="best"' : ''}>${text}${bar}</td>`;
  });
  // Without a rollout there is nothing that the whole run is before.
  const name = results.every(({ summary }) => summary.metrics.rolloutStart === null) ? measure.name.replace(/ before$/, '') : measure.name;
  return `<tr><th scope="row">${name}</th>${cells.join('')}</tr>\n`;
}

/** A formatted quantity as HTML. */
function show(text: string): string {
  return escapeHtml(text.replace(/(\d) us$/, '$1 µs'));
}

function footer(results: readonly RunResult[], meta: ReportMeta): string {
  const first = results[0]?.summary;
  const facts: (readonly [string, string])[] = [
    ['Tool', `towtank ${meta.toolVersion}`],
    ['Kubernetes', first?.kubernetesVersion ?? NONE],
    ['Seed', first?.seed ?? NONE],
    ['Scenario hash', meta.scenarioHash ?? NONE],
    ...results.map(
      ({ name, summary }) =>
        [`Trace of ${name}`, `${summary.traceHash} (${formatCount(summary.events)} events)`] as const,
    ),
  ];
  const rows = facts
    .filter(([, value]) => value !== NONE)
    .map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  return `<footer><dl>${rows.join('\n')}</dl></footer>`;
}
