import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearestName } from '../api/nearest.js';
import { describeValue } from '../api/reader.js';
import { isStage, readStage, type StageSource } from '../node/kwok/read-stage.js';
import type { Stage } from '../node/kwok/stage.js';
import { type InputError, inputErrorsOf } from './input-error.js';
import type { RawScenario } from './schema.js';
import type { Path, SourceItem } from './source.js';
import { fileFrom, readSource } from './source.js';
import { parseItems } from './split.js';
import type { KwokSpec } from './types.js';

/** Folder of the sets of stages that come with towtank. */
const PACKAGED = fileURLToPath(new URL('../../../profiles/kwok/', import.meta.url));
/** Kinds whose stages are played. */
const PLAYED: ReadonlySet<string> = new Set(['v1 Pod', 'v1 Node']);
/** Defaults of kwok's flags (KwokConfigurationOptions), and the lease duration that kwokctl sets. */
const DEFAULTS = { qps: 0, burst: 100, parallelism: 4, leaseSeconds: 40 } as const;

/** KWOK's controller of a scenario; undefined when no node is KWOK's. */
export function toKwok(
  raw: NonNullable<RawScenario['cluster']>['kwok'],
  used: boolean,
  item: SourceItem,
  folder: string,
  errors: InputError[],
  files: string[],
): KwokSpec | undefined {
  if (!used) {
    if (raw !== undefined) {
      const message = 'no node is KWOK\'s: give a group of nodes "kind: kwok"';
      errors.push(item.keyError(['cluster', 'kwok'], { message }));
    }
    return undefined;
  }
  const { stages = 'fast' } = raw ?? {};
  const reader = new StageFiles(item, folder, errors, files);
  if (typeof stages === 'string') reader.read(stages, ['cluster', 'kwok', 'stages']);
  else for (let i = 0; i < stages.length; i++) reader.read(stages[i]!, ['cluster', 'kwok', 'stages', i]);
  return {
    stages: reader.stages,
    qps: raw?.qps ?? DEFAULTS.qps,
    burst: raw?.burst ?? DEFAULTS.burst,
    podPlayStageParallelism: raw?.podPlayStageParallelism ?? DEFAULTS.parallelism,
    nodePlayStageParallelism: raw?.nodePlayStageParallelism ?? DEFAULTS.parallelism,
    nodeLeaseParallelism: raw?.nodeLeaseParallelism ?? DEFAULTS.parallelism,
    nodeLeaseDurationSeconds: raw?.nodeLeaseDurationSeconds ?? DEFAULTS.leaseSeconds,
  };
}

class StageFiles {
  readonly stages: Stage[] = [];
  private readonly item: SourceItem;
  private readonly folder: string;
  private readonly errors: InputError[];
  private readonly files: string[];

  constructor(item: SourceItem, folder: string, errors: InputError[], files: string[]) {
    this.item = item;
    this.folder = folder;
    this.errors = errors;
    this.files = files;
  }

  /** A set by name, a file, or all files of a folder and its folders in order of name. */
  read(reference: string, path: Path): void {
    const named = !reference.includes('/') && !/\.(ya?ml|json)$/.test(reference);
    const own = fileFrom(this.folder, reference);
    if (!named || existsSync(own)) this.path(own, path);
    else if (existsSync(join(PACKAGED, `${reference}.yaml`))) this.path(join(PACKAGED, `${reference}.yaml`), path);
    else {
      const names = readdirSync(PACKAGED).map((file) => file.replace(/\.yaml$/, ''));
      const near = nearestName(reference, names);
      const hint = near === undefined ? `expected ${names.sort().join(', ')}, a file or a folder` : `did you mean "${near}"?`;
      this.errors.push(this.item.error(path, { message: `no set of stages is named "${reference}"; ${hint}` }));
    }
  }

  private path(file: string, path: Path): void {
    if (existsSync(file) && statSync(file).isDirectory()) {
      const names = readdirSync(file).filter((name) => name !== 'testdata' && name !== 'kustomization.yaml').sort();
      for (const name of names) {
        if (/\.(ya?ml|json)$/.test(name) || statSync(join(file, name)).isDirectory()) this.path(join(file, name), path);
      }
      return;
    }
    try {
      const source = readSource(file, (message) => this.item.error(path, { message }));
      this.files.push(file);
      parseItems(source, {
        value: (value, item) => this.value(value, item),
        error: (error) => this.errors.push(error),
      });
    } catch (error) {
      this.errors.push(...inputErrorsOf(error));
    }
  }

  private value(value: unknown, item: SourceItem): void {
    if (!isStage(value)) {
      this.errors.push(item.error([], { message: `expected a Stage of kwok.x-k8s.io/v1alpha1, found ${describeValue(value)} of another kind` }));
      return;
    }
    const stage = readStage(value, new ItemSource(item, this.errors));
    if (stage === undefined) return;
    if (PLAYED.has(`${stage.apiGroup} ${stage.kind}`)) {
      const applies = stage.steps.findIndex((step) => step.apply !== undefined);
      if (applies < 0) this.stages.push(stage);
      else this.errors.push(item.error(['spec', 'steps', applies, 'apply'], { message: `Stage "${stage.name}": steps that apply other objects are not played here` }));
      return;
    }
    const message = `Stage "${stage.name}" is for ${stage.apiGroup} ${stage.kind}: only stages of v1 Pod and v1 Node are played here`;
    this.errors.push(item.error(['spec', 'resourceRef', 'kind'], { message }));
  }
}

/** Where a Stage came from. */
class ItemSource implements StageSource {
  readonly file: string;
  private readonly item: SourceItem;
  private readonly errors: InputError[];

  constructor(item: SourceItem, errors: InputError[]) {
    this.item = item;
    this.errors = errors;
    this.file = item.source.path;
  }

  lineOf(path: Path): number {
    const { line, column } = this.item.position(path);
    return /^[|>]/.test(this.item.source.line(line).slice(column - 1)) ? line : line - 1;
  }

  error(path: Path, message: string, extra = 0): void {
    if (extra === 0) {
      this.errors.push(this.item.error(path, { message }));
      return;
    }
    const line = this.lineOf(path) + extra;
    const column = Math.max(1, this.item.source.line(line).search(/\S/) + 1);
    this.errors.push(this.item.source.error({ line, column }, { message }));
  }
}
