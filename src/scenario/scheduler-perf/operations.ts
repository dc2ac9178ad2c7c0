import { readManifest } from '../../api/manifest.js';
import type { KubernetesObject } from '../../api/meta.js';
import { resourceAmount } from '../../api/quantity.js';
import { MILLISECOND, SECOND } from '../../kernel/time.js';
import { checkValue } from '../check.js';
import { throwInputErrors } from '../input-error.js';
import { fileFrom, type Path, SourceItem } from '../source.js';
import { duration } from '../units.js';
import type { PerfObjects } from './objects.js';
import { operations, type RawOperation, type RawOperations, type RawTestCase, type RawWorkload } from './schema.js';
import type { PerfNodePreparation, PerfOperation, PerfPodCreation } from './types.js';

const CHURN_INTERVAL = 500 * MILLISECOND;
/** Subresources that updateAny can write here. */
const SUBRESOURCES: ReadonlySet<string> = new Set(['status']);

/** Operations of one workload with its parameters filled in (executor.go, operations.go patchParams). */
export class PerfOperations {
  private readonly item: SourceItem;
  private readonly path: Path;
  private readonly folder: string;
  private readonly objects: PerfObjects;
  private readonly testCase: RawTestCase;
  private readonly workload: RawWorkload;

  /** @param path where the test case stands in `item`; `folder`: where its templates' paths begin */
  constructor(
    item: SourceItem,
    path: Path,
    folder: string,
    objects: PerfObjects,
    testCase: RawTestCase,
    workload: RawWorkload,
  ) {
    this.item = item;
    this.path = path;
    this.folder = folder;
    this.objects = objects;
    this.testCase = testCase;
    this.workload = workload;
  }

  /** Throws InputError. */
  all(): readonly PerfOperation[] {
    const result: PerfOperation[] = [];
    this.testCase.workloadTemplate.forEach((raw, i) => {
      const at: Path = [...this.path, 'workloadTemplate', i];
      const schema = Object.hasOwn(operations, raw.opcode) ? operations[raw.opcode as keyof RawOperations] : undefined;
      if (schema === undefined) {
        const message = `the operation ${raw.opcode} is not modelled (modelled: ${Object.keys(operations).join(', ')})`;
        throw this.item.error([...at, 'opcode'], { message });
      }
      const checked = checkValue<RawOperation>(schema, raw, below(this.item, at));
      throwInputErrors(checked.errors);
      // Sets of pods count as one operation each: namespaces are named by the position in the unrolled list.
      result.push(...this.convert(checked.value!, result.length, at));
    });
    return result;
  }

  private convert(raw: RawOperation, index: number, at: Path): readonly PerfOperation[] {
    switch (raw.opcode) {
      case 'createNodes':
        return [this.createNodes(raw, at)];
      case 'createNamespaces': {
        const template = raw.namespaceTemplatePath === undefined ? undefined : this.template(raw.namespaceTemplatePath, 1)[0]!;
        const count = this.count(raw, at);
        return [
          {
            operation: 'createNamespaces',
            objects: Array.from({ length: count }, (_, i) => namespaceObject(`${raw.prefix}-${i}`, template)),
          },
        ];
      }
      case 'createPods':
        return [this.createPods(raw, raw.namespace ?? `namespace-${index}`, at)];
      case 'createPodSets':
        return Array.from({ length: this.count(raw, at) }, (_, i) =>
          this.createPods(raw.createPodsOp, `${raw.namespacePrefix}-${i}`, [...at, 'createPodsOp']),
        );
      case 'createAny':
        return [{ operation: 'createAny', namespace: raw.namespace ?? '', objects: this.each(raw, at) }];
      case 'updateAny': {
        const unknown = raw.subresources?.find((name) => !SUBRESOURCES.has(name));
        if (unknown !== undefined) {
          throw this.item.error([...at, 'subresources'], { message: `updates of the subresource ${unknown} are not modelled` });
        }
        const interval = raw.updatePerSecond ? Math.round(SECOND / raw.updatePerSecond) : 0;
        return [{ operation: 'updateAny', namespace: raw.namespace ?? '', objects: this.each(raw, at), interval }];
      }
      case 'deletePods': {
        const interval = raw.deletePodsPerSecond ? Math.round(SECOND / raw.deletePodsPerSecond) : 0;
        const selection = { namespaces: [raw.namespace], labels: raw.labelSelector ?? {} };
        return [{ operation: 'deletePods', selection, interval, wait: raw.skipWaitToCompletion !== true }];
      }
      case 'churn':
        return [this.churn(raw, raw.namespace ?? `namespace-${index}`)];
      case 'barrier': {
        const selection = { namespaces: raw.namespaces ?? [], labels: raw.labelSelector ?? {} };
        return [{ operation: 'barrier', attempted: raw.stageRequirement === 'Attempted', selection }];
      }
      case 'sleep': {
        const text = raw.durationParam === undefined ? (raw.duration ?? '0s') : String(this.parameter(raw.durationParam, at));
        return [{ operation: 'sleep', duration: duration(text) }];
      }
      case 'startCollectingMetrics':
        return [
          { operation: 'startCollecting', selection: { namespaces: raw.namespaces, labels: raw.labelSelector ?? {} } },
        ];
      case 'stopCollectingMetrics':
        return [{ operation: 'stopCollecting' }];
    }
  }

  private createNodes(raw: RawOperations['createNodes'], at: Path): PerfOperation {
    const count = this.count(raw, at);
    const prototypes = raw.nodeTemplatePath === undefined ? [baseNode()] : this.template(raw.nodeTemplatePath, count);
    const { labelNodePrepareStrategy: label, nodeAllocatableStrategy: allocatable } = raw;
    const quantities = Object.entries(allocatable?.nodeAllocatable ?? {}).map(
      ([name, text]) => [name, resourceAmount(name, text)] as const,
    );
    const drivers = Object.entries(allocatable?.csiNodeAllocatable ?? {}).map(([name, each]) => [name, each.count] as const);
    const preparation: PerfNodePreparation = {
      ...(label === undefined ? {} : { label: { key: label.labelKey, values: label.labelValues } }),
      ...(quantities.length === 0 ? {} : { allocatable: Object.fromEntries(quantities) }),
      ...(drivers.length === 0 ? {} : { csi: Object.fromEntries(drivers) }),
    };
    return { operation: 'createNodes', count, prototypes, preparation };
  }

  private createPods(
    raw: RawOperations['createPods'],
    namespace: string,
    at: Path,
  ): { readonly operation: 'createPods' } & PerfPodCreation {
    const count = this.count(raw, at);
    const path = raw.podTemplatePath ?? this.testCase.defaultPodTemplatePath;
    const { persistentVolumeTemplatePath: volume, persistentVolumeClaimTemplatePath: claim } = raw;
    if ((volume === undefined) !== (claim === undefined)) {
      throw this.item.error(at, { message: 'volumes need both persistentVolumeTemplatePath and persistentVolumeClaimTemplatePath' });
    }
    return {
      operation: 'createPods',
      count,
      prototypes: path === undefined ? [basePod()] : this.template(path, count),
      namespace,
      collect: raw.collectMetrics === true,
      wait: raw.skipWaitToCompletion !== true,
      ...(volume === undefined || claim === undefined
        ? {}
        : { volume: { volume: this.template(volume, 1)[0]!, claim: this.template(claim, 1)[0]! } }),
    };
  }

  private churn(raw: RawOperations['churn'], namespace: string): PerfOperation {
    return {
      operation: 'churn',
      recreate: raw.mode === 'recreate',
      number: raw.number ?? 0,
      interval: raw.intervalMilliseconds === undefined ? CHURN_INTERVAL : raw.intervalMilliseconds * MILLISECOND,
      namespace,
      templates: raw.templatePaths.map((path) => this.template(path, 1)[0]!),
    };
  }

  /** Objects of an operation that makes one or `count` of them. */
  private each(raw: RawOperations['createAny'] | RawOperations['updateAny'], at: Path): readonly KubernetesObject[] {
    const count = raw.count === undefined && raw.countParam === undefined ? 1 : this.count(raw, at);
    const prototypes = this.template(raw.templatePath, count);
    return prototypes.length === count ? prototypes : Array.from({ length: count }, () => prototypes[0]!);
  }

  private template(path: string, count: number): readonly KubernetesObject[] {
    return this.objects.prototypes(fileFrom(this.folder, path), count);
  }

  private count(raw: { readonly count?: number | undefined; readonly countParam?: string | undefined }, at: Path): number {
    if (raw.countParam === undefined) return raw.count ?? 0;
    const value = this.parameter(raw.countParam, at);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
    throw this.item.error([...at, 'countParam'], { message: `${raw.countParam} of ${this.workload.name} is no count: ${value}` });
  }

  private parameter(name: string, at: Path): number | string | boolean {
    const value = this.workload.params?.[name.slice(1)];
    if (value !== undefined) return value;
    throw this.item.error(at, { message: `parameter ${name} is undefined in the workload ${this.workload.name}` });
  }
}

/** The part of an item below a path. */
function below({ source, start, end, prefix }: SourceItem, path: Path): SourceItem {
  return new SourceItem(source, start, end, [...prefix, ...path]);
}

function namespaceObject(name: string, template: KubernetesObject | undefined): KubernetesObject {
  const metadata = { name, namespace: '', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 };
  return {
    ...template,
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: template === undefined ? metadata : { ...template.metadata, name },
  };
}

/** The node without a template (perf_util.go makeBaseNode). */
function baseNode(): KubernetesObject {
  const allocatable = { cpu: 4000, memory: 32 * 2 ** 30, pods: 110 };
  const metadata = { name: '', generateName: 'node-', namespace: '', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 };
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: 0, lastTransitionTime: 0 }];
  return { apiVersion: 'v1', kind: 'Node', metadata, spec: {}, status: { capacity: allocatable, allocatable, conditions } } as KubernetesObject;
}

/** The pod without a template (perf_util.go makeBasePod, test/utils MakePodSpec). */
function basePod(): KubernetesObject {
  const requests = { cpu: '100m', memory: '500Mi' };
  const container = {
    name: 'pause',
    image: 'registry.k8s.io/pause:3.10',
    ports: [{ containerPort: 80 }],
    resources: { limits: requests, requests },
  };
  return readManifest({ apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'pod-' }, spec: { containers: [container] } }).object;
}
