import type { AnalysisTemplate, Canary } from '../api/rollout-kinds.js';
import { readOutputs, readOutputTable } from '../export/read-outputs.js';
import { REQUESTS_BY_SECOND } from '../metrics/tables.js';
import { InputError } from '../scenario/input-error.js';
import { loadManifests } from '../scenario/index.js';
import { dryRunCanary, type DryRun, dryRunTemplate, type SecondOfRequests } from '../strategies/analysis/dry-run.js';
import { EXIT_OK, type Terminal } from './terminal.js';

/** Measurements shown of each analysis: the first ones and the last. */
const SHOWN = 40;

/** `towtank dry-run DIRECTORY FILE`: what the analyses of a file would have decided about each run of finished results. */
export async function dryRun(directory: string, file: string, terminal: Terminal): Promise<number> {
  const analyses = loadManifests(file).objects.filter(({ kind }) => kind === 'AnalysisTemplate' || kind === 'ClusterAnalysisTemplate' || kind === 'Canary');
  if (analyses.length === 0) throw new InputError({ file, message: 'the file holds no AnalysisTemplate and no Canary' });
  const { results } = await readOutputs(directory);
  const several = results.length > 1;
  for (const { name, summary } of results) {
    const { rolloutStart, rolloutEnd, rollout } = summary.metrics;
    if (rolloutStart === null) {
      terminal.stdout.write(`${name}: nothing was rolled out\n`);
      continue;
    }
    const rows = (await readOutputTable(directory, several ? name : '', REQUESTS_BY_SECOND.name)).map(toRow);
    const version = newVersion(rows, rolloutStart);
    const to = rolloutEnd ?? summary.simulatedSeconds;
    for (const object of analyses) {
      const input = { rows, version, from: rolloutStart, to };
      const found = object.kind === 'Canary' ? dryRunCanary(object as Canary, input) : dryRunTemplate(object as AnalysisTemplate, input);
      terminal.stdout.write(text(`${name}, ${object.kind} "${object.metadata.name}"`, found, rolloutStart));
    }
    if (rollout?.timeToDetect !== null && rollout?.timeToDetect !== undefined) {
      terminal.stdout.write(`  the rollout itself took the version back after ${rollout.timeToDetect.toFixed(1)} s\n`);
    }
  }
  return EXIT_OK;
}

function toRow(row: Record<string, unknown>): SecondOfRequests {
  return {
    second: Number(row.time),
    version: String(row.version ?? ''),
    requests: Number(row.requests),
    errors: Number(row.errors),
    p50: Number(row.p50 ?? Number.NaN),
    p99: Number(row.p99 ?? Number.NaN),
  };
}

/** The version that came with the rollout: of those first met after its start, the first. */
function newVersion(rows: readonly SecondOfRequests[], start: number): string {
  const old = new Set(rows.filter(({ second }) => second < start).map(({ version }) => version));
  return rows.find(({ second, version }) => second >= start && version !== '' && !old.has(version))?.version ?? '';
}

function text(head: string, { measurements, phase, decidedAt, message }: DryRun, start: number): string {
  const shown = measurements.length <= SHOWN ? measurements : [...measurements.slice(0, SHOWN - 1), measurements.at(-1)!];
  const lines = shown.map(({ at, metric, value, phase: each }) => `  ${(at - start).toFixed(0).padStart(6)} s  ${metric.padEnd(24)} ${short(value).padEnd(14)} ${each}`);
  const said = decidedAt === null ? `${phase}: nothing was decided before the end${message === '' ? '' : ` (${message})`}` : `${phase} after ${(decidedAt - start).toFixed(1)} s${message === '' ? '' : `: ${message}`}`;
  return `${head}\n${lines.join('\n')}${lines.length > 0 ? '\n' : ''}  → ${said}\n`.replace('→', '=>');
}

function short(value: string): string {
  const number = Number(value.replace(/^\[|\]$/g, ''));
  return Number.isFinite(number) && value !== '' && value !== '[]' ? number.toPrecision(5) : value === '[]' ? 'no data' : value;
}
