import { type FieldError, invalid, unsupported } from '../../api/fields.js';
import { nearestName } from '../../api/nearest.js';
import { FieldReader, fieldPath, type RawMap } from '../../api/reader.js';
import { type Duration, SECOND } from '../../kernel/time.js';
import type { KubernetesVersion } from '../framework/features.js';
import { defaultEntries, outOfTreePlugins, type PluginEntry, removedPlugins } from './default-order.js';
import { defaultArgs, type PluginArgs, readPluginArgs } from './plugin-args.js';
import {
  type ClientConnection,
  defaultClientConnection,
  defaultLeaderElection,
  type LeaderElection,
  readClientConnection,
  readLeaderElection,
} from './process-settings.js';

/** Extension points as KubeSchedulerConfiguration names them. */
export const extensionPoints = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const;

export type ExtensionPoint = (typeof extensionPoints)[number];

/** Plugins switched on and off for one extension point (or for all: multiPoint). */
export interface PluginSet {
  readonly enabled: readonly PluginEntry[];
  readonly disabled: readonly string[];
}

export interface ProfileConfiguration {
  readonly schedulerName: string;
  readonly multiPoint: PluginSet;
  readonly points: Readonly<Partial<Record<ExtensionPoint, PluginSet>>>;
  readonly args: PluginArgs;
  readonly percentageOfNodesToScore: number | undefined;
}

/** A KubeSchedulerConfiguration v1 with defaults filled in. */
export interface SchedulerConfiguration {
  readonly profiles: readonly ProfileConfiguration[];
  readonly percentageOfNodesToScore: number;
  readonly initialBackoff: Duration;
  readonly maximumBackoff: Duration;
  readonly parallelism: number;
  readonly client: ClientConnection;
  readonly leaderElection: LeaderElection;
}

export interface ConfigurationResult {
  readonly configuration: SchedulerConfiguration;
  /** What is wrong, by field path; with errors the configuration must not be used. */
  readonly errors: readonly FieldError[];
  /** Plugins that are not modelled and were left out. */
  readonly warnings: readonly string[];
}

export interface ConfigurationOptions {
  readonly version: KubernetesVersion;
  /** Leave plugins out that are known but not modelled, instead of refusing the file. */
  readonly allowMissingPlugins?: boolean;
  /** Names of plugins that a user adds. */
  readonly additionalPlugins?: readonly string[];
}

export const CONFIGURATION_VERSION = 'kubescheduler.config.k8s.io/v1';
const DEFAULT_PARALLELISM = 16;
const DEFAULT_INITIAL_BACKOFF_SECONDS = 1;
const DEFAULT_MAXIMUM_BACKOFF_SECONDS = 10;

const topLevel: ReadonlySet<string> = new Set([
  'apiVersion',
  'kind',
  'profiles',
  'percentageOfNodesToScore',
  'podInitialBackoffSeconds',
  'podMaxBackoffSeconds',
  'parallelism',
  'extenders',
  'leaderElection',
  'clientConnection',
]);
/** Fields about the process, which a simulation has no use for. */
const processFields: ReadonlySet<string> = new Set([
  'enableProfiling',
  'enableContentionProfiling',
  'delayCacheUntilActive',
]);
const none: ReadonlySet<string> = new Set();
/** Extension points that need a plugin, and the default one. */
const substitutes = [
  ['queueSort', 'PrioritySort'],
  ['bind', 'DefaultBinder'],
] as const;
const profileFields: ReadonlySet<string> = new Set([
  'schedulerName',
  'plugins',
  'pluginConfig',
  'percentageOfNodesToScore',
]);

/** Reads the parsed text of a KubeSchedulerConfiguration. */
export function readSchedulerConfiguration(raw: RawMap, options: ConfigurationOptions): ConfigurationResult {
  const read = new FieldReader();
  const warnings: string[] = [];
  checkVersion(read, raw);
  if (read.errors.length > 0)
    return { configuration: defaultConfiguration(options.version), errors: read.errors, warnings };
  read.rest(raw, '', topLevel, processFields);
  const extenders = read.list(raw, 'extenders', '');
  if (extenders !== undefined && extenders.length > 0) {
    read.errors.push(invalid('extenders', extenders.length, 'scheduler extenders are not modelled; remove them'));
  }
  const reader = new ProfileReader(read, options, warnings);
  const profiles = read.listOf(raw, 'profiles', '', (item, path) => reader.profile(item, path)) ?? [];
  const used = profiles.length === 0 ? defaultConfiguration(options.version).profiles : profiles;
  checkProfiles(read, used);
  return {
    configuration: {
      profiles: used,
      percentageOfNodesToScore: percentage(read, raw, '') ?? 0,
      ...readBackoff(read, raw),
      parallelism: readParallelism(read, raw),
      client: readClientConnection(read, raw),
      leaderElection: readLeaderElection(read, raw),
    },
    errors: read.errors,
    warnings,
  };
}

/** What a scheduler without a configuration file does. */
export function defaultConfiguration(version: KubernetesVersion): SchedulerConfiguration {
  const multiPoint = { enabled: defaultEntries(version), disabled: [] };
  return {
    profiles: [
      {
        schedulerName: 'default-scheduler',
        multiPoint,
        points: {},
        args: defaultArgs,
        percentageOfNodesToScore: undefined,
      },
    ],
    percentageOfNodesToScore: 0,
    initialBackoff: DEFAULT_INITIAL_BACKOFF_SECONDS * SECOND,
    maximumBackoff: DEFAULT_MAXIMUM_BACKOFF_SECONDS * SECOND,
    parallelism: DEFAULT_PARALLELISM,
    client: defaultClientConnection,
    leaderElection: defaultLeaderElection,
  };
}

/** Backoff bounds (apis/config/validation: the initial one above zero, the maximum not below it). */
function readBackoff(read: FieldReader, raw: RawMap): Pick<SchedulerConfiguration, 'initialBackoff' | 'maximumBackoff'> {
  const initial = read.integer(raw, 'podInitialBackoffSeconds', '') ?? DEFAULT_INITIAL_BACKOFF_SECONDS;
  const maximum = read.integer(raw, 'podMaxBackoffSeconds', '') ?? DEFAULT_MAXIMUM_BACKOFF_SECONDS;
  if (initial <= 0) read.errors.push(invalid('podInitialBackoffSeconds', initial, 'must be greater than 0'));
  if (maximum < initial) {
    read.errors.push(invalid('podMaxBackoffSeconds', maximum, 'must be greater than or equal to PodInitialBackoffSeconds'));
  }
  return { initialBackoff: initial * SECOND, maximumBackoff: maximum * SECOND };
}

function readParallelism(read: FieldReader, raw: RawMap): number {
  const parallelism = read.integer(raw, 'parallelism', '') ?? DEFAULT_PARALLELISM;
  if (parallelism <= 0) read.errors.push(invalid('parallelism', parallelism, 'should be an integer value greater than zero'));
  return parallelism;
}

function checkVersion(read: FieldReader, raw: RawMap): void {
  const version = read.text(raw, 'apiVersion', '') ?? '';
  if (/^kubescheduler\.config\.k8s\.io\/v1(alpha|beta)\d$/.test(version)) {
    read.errors.push(invalid('apiVersion', version, `this version is no longer served; use ${CONFIGURATION_VERSION}`));
  } else if (version !== CONFIGURATION_VERSION)
    read.errors.push(unsupported('apiVersion', version, [CONFIGURATION_VERSION]));
  const kind = read.text(raw, 'kind', '') ?? '';
  if (kind !== 'KubeSchedulerConfiguration')
    read.errors.push(unsupported('kind', kind, ['KubeSchedulerConfiguration']));
}

function checkProfiles(read: FieldReader, profiles: readonly ProfileConfiguration[]): void {
  const names = new Set<string>();
  profiles.forEach(({ schedulerName }, i) => {
    const field = `profiles[${i}].schedulerName`;
    if (schedulerName === '') read.missing(`profiles[${i}]`, 'schedulerName');
    else if (names.has(schedulerName)) read.errors.push(invalid(field, schedulerName, 'two profiles have this name'));
    names.add(schedulerName);
  });
}

function percentage(read: FieldReader, raw: RawMap, path: string): number | undefined {
  const value = read.integer(raw, 'percentageOfNodesToScore', path);
  if (value !== undefined && (value < 0 || value > 100)) {
    read.errors.push(invalid(fieldPath(path, 'percentageOfNodesToScore'), value, 'not in valid range [0-100]'));
  }
  return value;
}

/** Reads profiles: their plugin sets merged with the defaults (apis/config/v1/default_plugins.go mergePlugins). */
class ProfileReader {
  private readonly read: FieldReader;
  private readonly options: ConfigurationOptions;
  private readonly warnings: string[];
  private readonly names: ReadonlySet<string>;
  /** Extension points at which a plugin was left out. */
  private readonly leftOut = new Set<string>();
  private readonly reported = new Set<string>();

  constructor(read: FieldReader, options: ConfigurationOptions, warnings: string[]) {
    this.read = read;
    this.options = options;
    this.warnings = warnings;
    this.names = new Set([
      ...defaultEntries(options.version).map((entry) => entry.name),
      ...(options.additionalPlugins ?? []),
    ]);
  }

  profile(raw: RawMap, path: string): ProfileConfiguration {
    const { read } = this;
    read.rest(raw, path, profileFields, none);
    const plugins = read.map(raw, 'plugins', path) ?? {};
    const at = fieldPath(path, 'plugins');
    read.rest(plugins, at, new Set(['multiPoint', ...extensionPoints]), none);
    const points: Partial<Record<ExtensionPoint, PluginSet>> = {};
    for (const point of extensionPoints) {
      const set = this.set(plugins, point, at);
      if (set !== undefined) points[point] = set;
    }
    for (const [point, name] of substitutes) this.substitute(points, point, name);
    return {
      schedulerName: read.text(raw, 'schedulerName', path) ?? 'default-scheduler',
      multiPoint: merge(
        defaultEntries(this.options.version),
        this.set(plugins, 'multiPoint', at) ?? { enabled: [], disabled: [] },
      ),
      points,
      args: readPluginArgs(read, raw, path, (name, field) => this.configured(name, field)),
      percentageOfNodesToScore: percentage(read, raw, path),
    };
  }

  /** Where a plugin that was left out had replaced the one that must be there, the default one takes its place again. */
  private substitute(points: Partial<Record<ExtensionPoint, PluginSet>>, point: ExtensionPoint, name: string): void {
    const set = points[point];
    const gone =
      set !== undefined && set.enabled.length === 0 && (set.disabled.includes('*') || set.disabled.includes(name));
    if (!gone || !this.leftOut.has(point)) return;
    points[point] = { ...set, enabled: [{ name, weight: 0 }] };
    this.warnings.push(`${name} takes its place at ${point}`);
  }

  private set(plugins: RawMap, point: string, path: string): PluginSet | undefined {
    const { read } = this;
    const set = read.map(plugins, point, path);
    if (set === undefined) return undefined;
    const at = fieldPath(path, point);
    read.rest(set, at, new Set(['enabled', 'disabled']), none);
    const enabled: PluginEntry[] = [];
    read.listOf(set, 'enabled', at, (item, entry) => {
      read.rest(item, entry, new Set(['name', 'weight']), none);
      const name = read.text(item, 'name', entry) ?? '';
      if (this.known(name, fieldPath(entry, 'name')))
        enabled.push({ name, weight: read.integer(item, 'weight', entry) ?? 0 });
      else this.leftOut.add(point);
    });
    const disabled = read.listOf(set, 'disabled', at, (item, entry) => {
      read.rest(item, entry, new Set(['name', 'weight']), none);
      const name = read.text(item, 'name', entry) ?? '';
      if (name !== '*') this.configured(name, fieldPath(entry, 'name'));
      return name;
    });
    return { enabled, disabled: disabled ?? [] };
  }

  /** Whether a plugin is there; what is not is an error, or a warning when it may be missing. */
  private known(name: string, field: string): boolean {
    if (this.names.has(name)) return true;
    if (!outOfTreePlugins.includes(name)) {
      this.unknown(name, field);
      return false;
    }
    const text = `plugin ${name} is not part of Kubernetes and is not modelled`;
    if (this.options.allowMissingPlugins === true) {
      if (!this.warnings.includes(`${text}: left out`)) this.warnings.push(`${text}: left out`);
    } else if (!this.reported.has(name)) {
      // Once is enough for a plugin that is named at several extension points.
      this.reported.add(name);
      this.read.errors.push(invalid(field, name, `${text}; --allow-missing-plugins leaves it out`));
    }
    return false;
  }

  /** A name in `disabled` or `pluginConfig`: of a plugin that exists, or once did; what is not there need not be modelled. */
  private configured(name: string, field: string): void {
    if (name === '' || this.names.has(name) || outOfTreePlugins.includes(name)) return;
    if (removedPlugins.includes(name)) this.warnings.push(`plugin ${name} was removed from Kubernetes: nothing to do`);
    else this.unknown(name, field);
  }

  private unknown(name: string, field: string): void {
    const nearest = nearestName(name, [...this.names, ...outOfTreePlugins]);
    this.read.errors.push(invalid(field, name, `no such plugin${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`));
  }
}

function merge(defaults: readonly PluginEntry[], custom: PluginSet): PluginSet {
  const replaced = new Set<PluginEntry>();
  const enabled: PluginEntry[] = [];
  if (!custom.disabled.includes('*')) {
    for (const entry of defaults) {
      if (custom.disabled.includes(entry.name)) continue;
      const own = custom.enabled.findLast((other) => other.name === entry.name);
      if (own !== undefined) replaced.add(own);
      enabled.push(own ?? entry);
    }
  }
  for (const entry of custom.enabled) if (!replaced.has(entry)) enabled.push(entry);
  return { enabled, disabled: custom.disabled };
}
