import { resolve } from 'node:path';
import {
  defaultConfiguration,
  type ProfileConfiguration,
  type SchedulerConfiguration,
} from '../scheduler/config/configuration.js';
import type { KubernetesVersion } from '../scheduler/framework/features.js';
import type { InputError } from './input-error.js';
import { inputErrorsOf } from './input-error.js';
import { readPlugin } from './plugin-module.js';
import { readSchedulerConfigurationFile } from './scheduler-configuration.js';
import type { RawScenario } from './schema.js';
import type { LoadedObject } from './manifests.js';
import { fileFrom, type Path, type SourceItem } from './source.js';
import type { ClusterSpec, UserPluginSpec } from './types.js';

type RawCluster = NonNullable<RawScenario['cluster']>;

/** Where the scenario stands, and where what goes wrong is kept. */
export interface SchedulerSource {
  readonly item: SourceItem;
  readonly folder: string;
  readonly errors: InputError[];
  readonly files: string[];
}

export interface SchedulerOptions {
  readonly version: KubernetesVersion;
  readonly allowMissingPlugins: boolean;
  /** Takes what is worth a finding. */
  warn(message: string, path: Path): void;
  /** Gets the manifests of static pods. */
  readonly staticPods?: LoadedObject[];
}

const PATH: Path = ['cluster', 'scheduler'];

/** kube-scheduler as a scenario describes it: its configuration file, and above it what the scenario itself states. */
export function toScheduler(
  raw: RawCluster,
  source: SchedulerSource,
  options: SchedulerOptions,
): ClusterSpec['scheduler'] {
  const { scheduler = {} } = raw;
  const plugins = readPlugins(scheduler.plugins ?? {}, source);
  // A plugin that could not be read is one error, not another one wherever the file names it.
  const names = Object.keys(scheduler.plugins ?? {});
  const configured = readConfiguration(scheduler.configuration, names, source, options);
  const configuration = configured ?? withPlugins(defaultConfiguration(options.version), plugins);
  if (!configuration.leaderElection.leaderElect && (raw.controlPlaneReplicas ?? 1) > 1) {
    const message = 'leaderElect: false with several replicas: two schedulers would bind the same pods';
    source.errors.push(source.item.error([...PATH, 'configuration'], { message }));
  }
  return {
    qps: scheduler.qps ?? configuration.client.qps,
    burst: scheduler.burst ?? configuration.client.burst,
    percentageOfNodesToScore: scheduler.percentageOfNodesToScore ?? configuration.percentageOfNodesToScore,
    parallelism: scheduler.parallelism ?? configuration.parallelism,
    ...(configured === undefined && plugins.length === 0 ? {} : { configuration }),
    ...(plugins.length === 0 ? {} : { plugins }),
  };
}

function readPlugins(named: Readonly<Record<string, string>>, source: SchedulerSource): readonly UserPluginSpec[] {
  const { item, folder, errors, files } = source;
  const plugins: UserPluginSpec[] = [];
  for (const [name, file] of Object.entries(named)) {
    const path = [...PATH, 'plugins', name];
    try {
      plugins.push(readPlugin(name, file, folder, (message) => item.error(path, { message })));
      files.push(resolve(folder, file));
    } catch (error) {
      errors.push(...inputErrorsOf(error));
    }
  }
  return plugins;
}

function readConfiguration(
  file: string | undefined,
  additionalPlugins: readonly string[],
  { item, folder, errors, files }: SchedulerSource,
  options: SchedulerOptions,
): SchedulerConfiguration | undefined {
  if (file === undefined) return undefined;
  const at = [...PATH, 'configuration'];
  const path = fileFrom(folder, file);
  try {
    const { version, allowMissingPlugins } = options;
    const { configuration, warnings } = readSchedulerConfigurationFile(
      path,
      { version, allowMissingPlugins, additionalPlugins },
      (message) => item.error(at, { message }),
    );
    files.push(path);
    for (const warning of warnings) options.warn(`${file}: ${warning}`, at);
    for (const name of additionalPlugins) {
      if (!configuration.profiles.some((profile) => enables(profile, name)))
        options.warn(`${file}: no profile enables the plugin ${name}`, [...PATH, 'plugins', name]);
    }
    return configuration;
  } catch (error) {
    errors.push(...inputErrorsOf(error));
    return undefined;
  }
}

function enables({ multiPoint, points }: ProfileConfiguration, name: string): boolean {
  return [multiPoint, ...Object.values(points)].some((set) => set.enabled.some((entry) => entry.name === name));
}

/** Without a file, the default profile runs the user's plugins after its own, each with weight 1. */
export function withPlugins(defaults: SchedulerConfiguration, plugins: readonly UserPluginSpec[]): SchedulerConfiguration {
  if (plugins.length === 0) return defaults;
  const added = plugins.map(({ name }) => ({ name, weight: 1 }));
  const profiles = defaults.profiles.map((profile) => ({
    ...profile,
    multiPoint: { ...profile.multiPoint, enabled: [...profile.multiPoint.enabled, ...added] },
  }));
  return { ...defaults, profiles };
}
