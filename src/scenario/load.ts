import { basename, dirname, relative, resolve } from 'node:path';
import { DEFAULT_START_TIME } from '../api/manifest.js';
import type { Service } from '../api/core.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import type { Canary } from '../api/rollout-kinds.js';
import { parseTimestamp } from '../api/timestamps.js';
import { isKwokNode } from '../node/kwok/stage.js';
import { accountFindings, checkWebhooks } from './admission-references.js';
import { toApiClient } from './api-clients.js';
import { imagesOf, matchImages, toBehaviour } from './behaviours.js';
import { checkValue } from './check.js';
import { toCluster } from './cluster.js';
import { checkQuotas, memberFindings, startCounts } from './etcd.js';
import { manifestFindings } from './findings.js';
import { danglingRollouts } from './rollout-findings.js';
import { ingressFindings, mirrorFindings } from './ingress-findings.js';
import { claimFindings } from './claim-findings.js';
import { podReferenceFindings } from './pod-reference-findings.js';
import { findDns } from './dns.js';
import { toRandomFault } from './faults.js';
import { isOfRollout } from './instants.js';
import { withKubeProxy } from './kube-proxy.js';
import { InputError, inputErrorsOf, throwInputErrors } from './input-error.js';
import { type LoadedObject, ManifestSet } from './manifests.js';
import { parseObjective } from './objectives.js';
import { isPackagedProfile } from './profile.js';
import { toPodTrace } from './pod-trace.js';
import { toRecord } from './record.js';
import { References } from './references.js';
import { toRollout } from './rollout.js';
import { isScenarioFile } from './scenario-file.js';
import { decideSampling } from './sampling.js';
import { ScenarioProfile } from './scenario-profile.js';
import type { RawScenario } from './schema.js';
import { scenarioSchema } from './schema.js';
import type { Path, SourceItem } from './source.js';
import { fileFrom, readSource } from './source.js';
import { parseSingle } from './split.js';
import { isSchedulerConfigurationFile, readSchedulerConfigurationFile } from './scheduler-configuration.js';
import { toMetric } from './metrics.js';
import { readApplied, type TimelineContext, toTimeline } from './timeline.js';
import type { CostProfile, Finding, Objective, Scenario } from './types.js';
import { harnessCluster, readSchedulerPerf } from './scheduler-perf/load.js';
import { refuseCycles, toCalls, toTraffic } from './streams.js';
import { duration } from './units.js';
import { mergeVariant, type RawVariant, VariantItem, variantErrors } from './variants.js';

export interface LoadOptions {
  /** Replaces the scenario's seed. */
  readonly seed?: string;
  /** Replaces the scenario's Kubernetes version. */
  readonly kubernetesVersion?: Scenario['kubernetesVersion'];
  /** Scheduler plugins that are known but not modelled are left out, with a finding, instead of being refused. */
  readonly allowMissingPlugins?: boolean;
}

const DEFAULT_DURATION = '10m';
/** Timeout of a workload (scheduler_perf.go setupTestCase). */
const WORKLOAD_TIMEOUT = '30m';
const DEFAULT_SEED = '1';

/** Reads and checks a scenario with everything that it names. Throws InputError, or InputErrors for several. */
export function loadScenario(path: string, options: LoadOptions = {}): Scenario {
  const { value, item } = parseSingle(readSource(path));
  if (value === null)
    throw new InputError({ file: path, message: 'the file holds nothing but white space and comments' });
  const checked = checkValue(scenarioSchema, value, item);
  throwInputErrors(checked.errors);
  const raw = checked.value as RawScenario;
  throwInputErrors(variantErrors(raw, item));
  const base = new ScenarioLoader(path, item, raw, options).load();
  if (raw.variants === undefined) return base;
  const variants = loadVariants(path, item, value, raw.variants, options);
  // The file can only be read again with what all variants name.
  const all = [base, ...variants].flatMap((scenario) => scenario.sourceFiles ?? []);
  const sourceFiles = [...new Set(all)];
  return { ...base, sourceFiles, variants: variants.map((variant) => ({ ...variant, sourceFiles })) };
}

/** The scenario with each variant laid over it; the errors of all variants are shown together. */
function loadVariants(
  path: string,
  item: SourceItem,
  base: unknown,
  variants: readonly RawVariant[],
  options: LoadOptions,
): readonly Scenario[] {
  const errors: InputError[] = [];
  const loaded: Scenario[] = [];
  variants.forEach((variant, i) => {
    const own = new VariantItem(item, base, variant, i);
    const checked = checkValue(scenarioSchema, mergeVariant(base, variant), own);
    errors.push(...checked.errors);
    if (checked.value === undefined) return;
    try {
      const raw = checked.value as RawScenario;
      loaded.push({ ...new ScenarioLoader(path, own, raw, options).load(), variant: variant.name });
    } catch (error) {
      errors.push(...inputErrorsOf(error));
    }
  });
  throwInputErrors(errors);
  return loaded;
}

/** Puts a scenario together; errors are collected so that one run of the command shows all of them. */
class ScenarioLoader {
  private readonly path: string;
  private readonly folder: string;
  private readonly item: SourceItem;
  private readonly raw: RawScenario;
  private readonly options: LoadOptions;
  private readonly errors: InputError[] = [];
  private readonly files: string[] = [];
  private readonly place = (item: SourceItem, path: Path): string => {
    const { line, column } = item.position(path);
    return `${relative(this.folder, item.source.path)}:${line}:${column}`;
  };

  constructor(path: string, item: SourceItem, raw: RawScenario, options: LoadOptions) {
    this.path = path;
    this.folder = dirname(path);
    this.item = item;
    this.raw = raw;
    this.options = options;
  }

  load(): Scenario {
    const { raw, errors } = this;
    const namespace = raw.namespace ?? 'default';
    const startTime = this.startTime();
    const manifests = this.manifests(namespace, startTime);
    const costs = new ScenarioProfile(raw, this.item, this.folder, errors, this.files);
    const { profile } = costs;
    const kubernetesVersion =
      this.options.kubernetesVersion ?? (String(raw.kubernetesVersion ?? '1.34') as Scenario['kubernetesVersion']);
    const perf = readSchedulerPerf(raw, this.item, this.folder, errors, this.files);
    const rawCluster = perf === undefined ? raw.cluster! : harnessCluster(raw.cluster ?? {});
    const schedulerFindings: Finding[] = [];
    const staticPods: LoadedObject[] = [];
    const options = {
      staticPods,
      version: kubernetesVersion,
      allowMissingPlugins: this.options.allowMissingPlugins === true,
      warn: (message: string, path: Path) =>
        schedulerFindings.push({ severity: 'warning', message, position: this.place(this.item, path) }),
    };
    const shape = toCluster(rawCluster, this.item, this.folder, errors, this.files, options, (disk, at) =>
      costs.etcd(disk, at),
    );
    const { item, folder, files } = this;
    const dns = findDns(manifests.loaded);
    const cluster = withKubeProxy(dns === undefined ? shape : { ...shape, dns }, rawCluster.kubeProxy, manifests.loaded, { item, folder, errors, files });
    if (raw.cluster?.etcd !== undefined) {
      const counts = startCounts(cluster, manifests.loaded);
      checkQuotas(raw.cluster.etcd, cluster, counts, (at, message) => this.complain(at, message));
    }
    const references = new References(this.item, namespace, errors);
    references.add(manifests.loaded);
    references.add(canaryServices(manifests.loaded));
    const streams = { item, folder, errors, files, references, dns: cluster.dns };
    const images = imagesOf([...manifests.loaded, ...staticPods]);
    const context: TimelineContext = {
      references,
      cluster,
      folder: this.folder,
      namespace,
      startTime,
      rolloutAt: raw.rollout?.at,
      errors,
      images,
      files: this.files,
      place: (at) => this.place(this.item, at),
      complain: (at, message) => this.item.error(at, { message }),
      imageAt: (image, at) => ({ image, item: this.item, path: at }),
    };
    const applied = readApplied(raw.timeline ?? [], context);
    for (const set of applied.values()) images.push(...imagesOf(set.loaded));
    const timeline = toTimeline(raw.timeline ?? [], applied, context);
    const faults = (raw.faults ?? []).map((each, i) => toRandomFault(each, ['faults', i], cluster, references, raw.rollout?.at)).filter((each) => each !== undefined);
    const rollout = raw.rollout === undefined ? undefined : toRollout(raw.rollout, context);
    const traffic = (raw.traffic ?? []).map((each, i) => toTraffic(each, ['traffic', i], streams));
    const calls = (raw.behaviour ?? []).map((each, i) => toCalls(each, ['behaviour', i], streams));
    refuseCycles(raw.behaviour ?? [], calls, [...manifests.loaded, ...[...applied.values()].flatMap((set) => set.loaded)], references);
    const metrics = raw.metrics?.map((each, i) => toMetric(each, i, namespace, (at, message) => this.complain(at, message)));
    const clients = (raw.clients ?? []).map((each, i) => toApiClient(each, (key, message) => this.complain(['clients', i, key], message))).filter((each) => each !== undefined);
    const objectives = this.objectives();
    const podTrace = raw.podTrace === undefined ? undefined : toPodTrace(raw.podTrace, this.item, this.folder, namespace, errors, this.files);
    const record = raw.record === undefined ? undefined : toRecord(raw.record, (key, message) => this.complain(['record', key], message));
    // KWOK's nodes run no containers: where there are only such, an image needs no behaviour.
    const started = cluster.nodes.every(isKwokNode) ? [] : images;
    const unused = matchImages(started, raw.behaviour ?? [], errors, (i, message) => ({
      severity: 'warning',
      message,
      position: this.place(this.item, ['behaviour', i, 'image']),
    }));
    const findings = [
      ...schedulerFindings,
      ...memberFindings(cluster, raw.cluster?.etcd, (at) => this.place(this.item, at)),
      ...this.nodeFindings(manifests),
      ...manifestFindings(manifests, this.place),
      ...danglingRollouts(manifests, this.place),
      ...ingressFindings(manifests, traffic, this.place),
      ...mirrorFindings(rollout, traffic, (at) => this.place(this.item, at)),
      ...unused,
    ];
    for (const set of applied.values()) findings.push(...manifestFindings(set, this.place).filter(notAboutServices));
    const everything = [...manifests.loaded, ...[...applied.values()].flatMap((set) => set.loaded)];
    findings.push(...accountFindings(everything, this.place), ...claimFindings(everything, this.place), ...podReferenceFindings(everything, !cluster.nodes.every(isKwokNode), this.place));
    errors.push(...checkWebhooks(cluster.webhooks ?? [], everything, (at, message, suggestion) => this.item.error(at, { message, ...(suggestion === undefined ? {} : { suggestion }) })));
    this.oneComparison();
    const end = this.duration(rollout?.at);
    throwInputErrors(errors);
    const checkedProfile = profile as CostProfile;
    const behaviours = (raw.behaviour ?? []).map((behaviour, i) => toBehaviour(behaviour, checkedProfile, calls[i]));
    const users = traffic.filter((each) => each !== undefined);
    const kinds = new Set(everything.map(({ object }) => object.kind));
    const sampling = decideSampling({ traffic: users, behaviours, cluster, kinds, duration: end }, raw.sample);
    if (sampling.finding !== undefined) findings.push(sampling.finding);
    if (sampling.problem !== undefined) throw this.item.error(['sample'], { message: sampling.problem });
    return {
      name: raw.name ?? basename(this.path).replace(/\.(ya?ml|json)$/, ''),
      question: raw.question ?? '',
      kubernetesVersion,
      seed: this.options.seed ?? String(raw.seed ?? DEFAULT_SEED),
      startTime,
      duration: end,
      cluster,
      profile: checkedProfile,
      objects: manifests.loaded.filter(({ object }) => object.kind !== 'Node').map(({ object }) => object),
      behaviours,
      traffic: users,
      ...(sampling.every === 1 ? {} : { sampleEvery: sampling.every }),
      timeline,
      ...(faults.length === 0 ? {} : { faults }),
      ...(metrics === undefined ? {} : { metrics }),
      ...(clients.length === 0 ? {} : { clients }),
      ...(rollout === undefined ? {} : { rollout }),
      ...(podTrace === undefined ? {} : { podTrace }),
      ...(record === undefined ? {} : { record }),
      ...(perf === undefined ? {} : { schedulerPerf: perf }),
      objectives,
      findings,
      sourceFiles: this.sourceFiles(),
    };
  }

  /** Everything that was read, once each; a packaged profile belongs to the version of towtank. */
  private sourceFiles(): readonly string[] {
    const folder = resolve(this.folder);
    const own = [this.path, ...this.files].map((file) => resolve(file)).filter((file) => !isPackagedProfile(file));
    return [...new Set(own)].map((file) => relative(folder, file).replaceAll('\\', '/'));
  }

  private complain(path: Path, message: string, suggestion?: string): undefined {
    this.errors.push(this.item.error(path, { message, ...(suggestion === undefined ? {} : { suggestion }) }));
    return undefined;
  }

  private startTime(): number {
    if (this.raw.startTime === undefined) return DEFAULT_START_TIME;
    const time = parseTimestamp(this.raw.startTime);
    if (time === undefined) {
      this.complain(
        ['startTime'],
        `expected an RFC 3339 time such as 2025-01-01T00:00:00Z, found the text "${this.raw.startTime}"`,
      );
    }
    return time ?? DEFAULT_START_TIME;
  }

  private manifests(namespace: string, startTime: number): ManifestSet {
    const set = new ManifestSet(namespace, startTime);
    const { manifests } = this.raw;
    const files = manifests === undefined ? [] : typeof manifests === 'string' ? [manifests] : manifests;
    files.forEach((file, i) => {
      const path: Path = typeof manifests === 'string' ? ['manifests'] : ['manifests', i];
      set.read(fileFrom(this.folder, file), (message) => this.item.error(path, { message }));
    });
    this.errors.push(...set.errors);
    this.files.push(...set.files);
    return set;
  }

  /** Machines are part of the cluster's shape; a Node among the manifests would have no kubelet. */
  private nodeFindings(manifests: ManifestSet): Finding[] {
    const nodes = manifests.loaded.filter(({ object }) => object.kind === 'Node');
    if (nodes.length === 0) return [];
    const message = `${nodes.length} Node object${nodes.length === 1 ? '' : 's'} among the manifests left out: give nodes under cluster.nodes, with "dump: FILE"`;
    return [{ severity: 'warning', message, position: this.place(nodes[0]!.item, ['metadata', 'name']) }];
  }

  private objectives(): Objective[] {
    const { raw } = this;
    const objectives: Objective[] = [];
    const rolls =
      raw.rollout !== undefined ||
      (raw.timeline ?? []).some((entry) => entry.setImage !== undefined || entry.apply !== undefined);
    raw.objectives?.forEach((text, i) => {
      const path: Path = ['objectives', i];
      const objective = parseObjective(text, this.place(this.item, path));
      if (typeof objective === 'string') {
        this.complain(path, /, found |did you mean/.test(objective) ? objective : `${objective}, found "${text}"`);
        return;
      }
      if (objective.metric === 'restarts') this.complain(path, `"${text}" belongs to the analysis of a rollback`);
      const needsTraffic = objective.metric === 'errors' || objective.metric === 'latency';
      if (needsTraffic && (raw.traffic ?? []).length === 0)
        this.complain(path, `"${text}" can never be judged: the scenario has no traffic`);
      const needsRollout = objective.metric === 'rolloutDuration' || objective.metric === 'surge';
      if (needsRollout && !rolls) this.complain(path, `"${text}" can never be judged: the scenario has no rollout`);
      objectives.push(objective);
    });
    return objectives;
  }

  /** Variants times strategies would be a table of two dimensions; a scenario compares one or the other. */
  private oneComparison(): void {
    const { raw, item } = this;
    if (raw.variants === undefined && !(item instanceof VariantItem)) return;
    if ((raw.rollout?.strategies ?? []).length < 2) return;
    this.complain(
      ['rollout', 'strategies'],
      'strategies and variants cannot be compared at once: keep one strategy, or leave out "variants"',
    );
  }

  private duration(rollout: number | undefined): number {
    const text = this.raw.duration ?? (this.raw.schedulerPerf === undefined ? DEFAULT_DURATION : WORKLOAD_TIMEOUT);
    const end = duration(text);
    const message = `the run ends at ${text}, before this; give the scenario a longer "duration"`;
    if (rollout !== undefined && rollout > end) this.complain(['rollout', 'at'], message);
    this.raw.timeline?.forEach((entry, i) => {
      if (!isOfRollout(entry.at) && duration(entry.at) > end) this.complain(['timeline', i, 'at'], message);
    });
    return end;
  }
}

/** Services that Flagger will make for Canaries: users may call them although no manifest has them. */
function canaryServices(loaded: readonly LoadedObject[]): LoadedObject[] {
  const given = new Set(loaded.filter(({ object }) => object.kind === 'Service').map(({ object }) => keyOf(object)));
  return loaded.flatMap(({ object, item }) => {
    if (object.kind !== 'Canary') return [];
    const { spec, metadata } = object as Canary;
    const name = spec.service?.name ?? spec.targetRef.name;
    const service: Service = { apiVersion: 'v1', kind: 'Service', metadata: { ...metadata, name }, spec: { type: 'ClusterIP', ports: [] } };
    return given.has(keyOf(service)) ? [] : [{ object: service, item }];
  });
}

/** A Service applied later may select pods of the start state: only the whole is worth a finding. */
function notAboutServices(finding: Finding): boolean {
  return !finding.message.startsWith('Service ');
}

/** Objects of a manifest file or folder, defaulted and validated, with findings. Throws InputError or InputErrors. */
export function loadManifests(path: string): {
  readonly objects: readonly KubernetesObject[];
  readonly findings: readonly Finding[];
} {
  const set = new ManifestSet();
  set.read(path, (message) => new InputError({ file: path, message }));
  throwInputErrors(set.errors);
  const findings = manifestFindings(set, (item, at) => item.place(at));
  return { objects: set.loaded.map(({ object }) => object), findings };
}

/** What is worth knowing about a KubeSchedulerConfiguration. Throws InputError or InputErrors. */
function configurationFindings(path: string, options: LoadOptions): readonly Finding[] {
  const { warnings } = readSchedulerConfigurationFile(path, {
    version: options.kubernetesVersion ?? '1.34',
    allowMissingPlugins: options.allowMissingPlugins === true,
  });
  return warnings.map((message): Finding => ({ severity: 'warning', message, position: path }));
}

/** Checks a scenario, scheduler configuration, manifest, List or dump; returns what is worth knowing. Throws InputError or InputErrors. */
export function validateFile(path: string, options: LoadOptions = {}): readonly Finding[] {
  if (isSchedulerConfigurationFile(path)) return configurationFindings(path, options);
  if (!isScenarioFile(path)) return loadManifests(path).findings;
  const scenario = loadScenario(path, options);
  const findings = new Map<string, Finding>();
  for (const each of [scenario, ...(scenario.variants ?? [])]) {
    for (const finding of each.findings) findings.set(`${finding.position ?? ''} ${finding.message}`, finding);
  }
  return [...findings.values()];
}
