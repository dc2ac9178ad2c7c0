import { dirname } from 'node:path';
import { nearestName } from '../../api/nearest.js';
import { checkValue } from '../check.js';
import { globMatches } from '../glob.js';
import type { InputError } from '../input-error.js';
import { inputErrorsOf, throwInputErrors } from '../input-error.js';
import type { RawScenario } from '../schema.js';
import type { Path, SourceItem } from '../source.js';
import { fileFrom, readSource } from '../source.js';
import { parseSingle } from '../split.js';
import { PerfObjects } from './objects.js';
import { PerfOperations } from './operations.js';
import { performanceConfig, type RawTestCase, type RawWorkload } from './schema.js';
import type { PerfWorkload, SchedulerPerfSpec } from './types.js';

/** What a scenario says under `schedulerPerf`. */
export interface RawSchedulerPerf {
  readonly config: string | readonly string[];
  readonly workloads?: readonly string[] | undefined;
  readonly measured?: Readonly<Record<string, number>> | undefined;
}

/** Feature gates of scheduler_perf's workloads and how the model behaves: as with this value, or either way (undefined). */
const GATES: Readonly<Record<string, boolean | undefined>> = {
  SchedulerQueueingHints: true,
  SchedulerAsyncPreemption: true,
  SchedulerAsyncAPICalls: false,
  NodeInclusionPolicyInPodTopologySpread: true,
  DRAExtendedResource: false,
  // Without claims the two decide nothing.
  DynamicResourceAllocation: undefined,
  NodeDeclaredFeatures: undefined,
};

/** Label that CI runs benchmarks by. */
const DEFAULT_LABEL = 'performance';

/** Keys of a scenario that say what the workloads say themselves. */
const FOREIGN = ['manifests', 'behaviour', 'traffic', 'timeline', 'rollout', 'objectives'] as const;

/**
 * The workloads that a scenario names; undefined without `schedulerPerf`, when it must have a cluster with nodes (else throws).
 * What is wrong goes to `errors`.
 */
export function readSchedulerPerf(
  raw: RawScenario,
  item: SourceItem,
  folder: string,
  errors: InputError[],
  files: string[],
): SchedulerPerfSpec | undefined {
  if (raw.schedulerPerf === undefined) {
    if (raw.cluster === undefined) throw item.error([], { message: 'missing key "cluster"', expected: 'cluster' });
    if (raw.cluster.nodes === undefined) throw item.error(['cluster'], { message: 'missing key "nodes"', expected: 'nodes' });
    return undefined;
  }
  for (const key of FOREIGN) {
    if (raw[key] === undefined) continue;
    const message = `"${key}" has no part in the workloads of schedulerPerf, which make their own nodes and pods`;
    errors.push(item.keyError([key], { message }));
  }
  if (raw.cluster?.nodes !== undefined) {
    errors.push(item.keyError(['cluster', 'nodes'], { message: 'the workloads of schedulerPerf make their own nodes' }));
  }
  try {
    return loadSchedulerPerf(raw.schedulerPerf, item, folder, files);
  } catch (error) {
    errors.push(...inputErrorsOf(error));
    return { workloads: [] };
  }
}

/** Throws InputError or InputErrors. */
function loadSchedulerPerf(raw: RawSchedulerPerf, item: SourceItem, folder: string, files: string[]): SchedulerPerfSpec {
  const configs = typeof raw.config === 'string' ? [raw.config] : raw.config;
  const names: string[] = [];
  const workloads: PerfWorkload[] = [];
  const used = new Set<string>();
  const objects = new PerfObjects();
  configs.forEach((config, i) => {
    const at: Path = typeof raw.config === 'string' ? ['schedulerPerf', 'config'] : ['schedulerPerf', 'config', i];
    const path = fileFrom(folder, config);
    const source = readSource(path, (message) => item.error(at, { message }));
    files.push(path);
    const parsed = parseSingle(source);
    const checked = checkValue(performanceConfig, parsed.value, parsed.item);
    throwInputErrors(checked.errors);
    checked.value!.forEach((testCase, caseIndex) => {
      testCase.workloads.forEach((workload) => {
        const name = `${testCase.name}/${workload.name}`;
        names.push(name);
        if (!selected(raw, testCase, workload, name, used)) return;
        if (testCase.schedulerConfigPath !== undefined) {
          const message = 'a configuration of the test case is not read: name the file under cluster.scheduler.configuration';
          throw parsed.item.error([caseIndex, 'schedulerConfigPath'], { message });
        }
        const operations = new PerfOperations(parsed.item, [caseIndex], dirname(path), objects, testCase, workload).all();
        const threshold = typeof workload.threshold === 'number' && workload.threshold > 0 ? { threshold: workload.threshold } : {};
        const measured = raw.measured?.[name] === undefined ? {} : { measured: raw.measured[name] };
        workloads.push({ name, ...threshold, ...measured, operations, notes: gateNotes(testCase, workload) });
      });
    });
  });
  files.push(...objects.files);
  throwInputErrors(unmatched(raw, item, names, used));
  return { workloads };
}

function selected(raw: RawSchedulerPerf, testCase: RawTestCase, workload: RawWorkload, name: string, used: Set<string>): boolean {
  if (raw.workloads === undefined) return [...(testCase.labels ?? []), ...(workload.labels ?? [])].includes(DEFAULT_LABEL);
  const patterns = raw.workloads.filter((pattern) => globMatches(pattern, name));
  for (const pattern of patterns) used.add(pattern);
  return patterns.length > 0;
}

/** Patterns and measured figures that name no workload. */
function unmatched(raw: RawSchedulerPerf, item: SourceItem, names: readonly string[], used: ReadonlySet<string>): InputError[] {
  const errors: InputError[] = [];
  const complain = (path: Path, name: string, key: boolean): void => {
    const nearest = nearestName(name, names);
    const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
    const details = { message: `no workload is named "${name}"${hint}`, ...(nearest === undefined ? {} : { suggestion: nearest }) };
    errors.push(key ? item.keyError(path, details) : item.error(path, details));
  };
  raw.workloads?.forEach((pattern, i) => {
    if (!used.has(pattern)) complain(['schedulerPerf', 'workloads', i], pattern, false);
  });
  for (const name of Object.keys(raw.measured ?? {})) {
    if (!names.includes(name)) complain(['schedulerPerf', 'measured', name], name, true);
  }
  return errors;
}

function gateNotes(testCase: RawTestCase, workload: RawWorkload): readonly string[] {
  const notes: string[] = [];
  for (const [gate, value] of Object.entries({ ...testCase.featureGates, ...workload.featureGates })) {
    if (!Object.hasOwn(GATES, gate)) {
      if (value) notes.push(`${gate} is not modelled`);
    } else if (GATES[gate] !== undefined && GATES[gate] !== value) notes.push(`runs with ${gate}: ${GATES[gate]}`);
  }
  return notes;
}

/** The harness: one etcd, and client limits of 5,000 (util.go mustSetupCluster), unless the scenario says otherwise. */
export function harnessCluster(raw: NonNullable<RawScenario['cluster']>): NonNullable<RawScenario['cluster']> {
  const limits = { qps: 5000, burst: 5000 };
  return {
    ...raw,
    etcd: { members: 1, ...raw.etcd },
    scheduler: { ...limits, ...raw.scheduler },
    controllerManager: { ...limits, ...raw.controllerManager },
  };
}
