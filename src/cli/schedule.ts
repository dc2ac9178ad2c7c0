import { basename } from 'node:path';
import type { Node, Pod } from '../api/core.js';
import { admit } from '../api/defaults.js';
import { Randomness } from '../random/stream.js';
import { loadManifests } from '../scenario/index.js';
import { InputError } from '../scenario/input-error.js';
import { readPlugin } from '../scenario/plugin-module.js';
import { withPlugins } from '../scenario/scheduler.js';
import { readSchedulerConfigurationFile } from '../scenario/scheduler-configuration.js';
import { defaultConfiguration, type SchedulerConfiguration } from '../scheduler/config/configuration.js';
import { explanationLines } from '../scheduler/explain.js';
import type { UserPluginSpec } from '../scenario/types.js';
import { ScenarioPlugins } from '../scheduler/user-plugins.js';
import type { KubernetesVersion } from '../scheduler/framework/features.js';
import { type Placement, placementLines, placePods } from '../scheduler/placement.js';
import { EXIT_FAILED, EXIT_OK, type Terminal, UsageError } from './terminal.js';

export interface ScheduleFlags {
  readonly nodes: string;
  readonly pods: string;
  readonly config?: readonly string[];
  readonly kubernetesVersion: KubernetesVersion;
  readonly allowMissingPlugins?: boolean;
  readonly explain?: string;
  /** `Name=file` of plugins of the user's own. */
  readonly plugin?: readonly string[];
  readonly json?: boolean;
  readonly seed?: string;
}

/**
 * `towtank schedule`: places pods on a snapshot of nodes as kube-scheduler would, without time; several configurations side by
 * side. Exit 1 when pods stay pending under every configuration.
 */
export function schedule(flags: ScheduleFlags, terminal: Terminal): number {
  const { kubernetesVersion: version } = flags;
  const read = [...loadManifests(flags.nodes).objects, ...(flags.pods === flags.nodes ? [] : loadManifests(flags.pods).objects)];
  const nodes = read.filter((object): object is Node => object.kind === 'Node');
  if (nodes.length === 0) throw new UsageError(`${flags.nodes}: no Node in this file`);
  const pods = read.filter((object): object is Pod => object.kind === 'Pod').map((pod) => admit(pod));
  const objects = read.filter(({ kind }) => kind !== 'Node' && kind !== 'Pod');
  if (pods.length === 0) throw new UsageError(`${flags.pods}: no Pod in this file`);
  const plugins = readPlugins(flags.plugin ?? []);
  const configurations = readConfigurations(flags, plugins, terminal);
  // All configurations meet the same luck at ties.
  const placements = configurations.map(({ name, configuration }) =>
    placePods({ nodes, pods, objects, plugins: new ScenarioPlugins(plugins), version, configuration, name }, new Randomness(flags.seed ?? '1').stream('kube-scheduler/ties')),
  );
  if (flags.json === true) terminal.stdout.write(`${JSON.stringify(placements, null, 2)}\n`);
  else {
    for (const line of placementLines(placements)) terminal.stdout.write(`${line}\n`);
    if (flags.explain !== undefined) explain(placements, flags.explain, terminal);
  }
  return placements.some((placement) => placement.pending.length === 0) ? EXIT_OK : EXIT_FAILED;
}

function readPlugins(named: readonly string[]): readonly UserPluginSpec[] {
  return named.map((text) => {
    const equals = text.indexOf('=');
    if (equals < 1) throw new UsageError(`--plugin: expected NAME=FILE, found "${text}"`);
    return readPlugin(text.slice(0, equals), text.slice(equals + 1), '.', (message) => new InputError({ file: '--plugin', message }));
  });
}

function readConfigurations(
  flags: ScheduleFlags,
  plugins: readonly UserPluginSpec[],
  terminal: Terminal,
): readonly { readonly name: string; readonly configuration: SchedulerConfiguration }[] {
  const { kubernetesVersion: version, config = [] } = flags;
  if (config.length === 0) return [{ name: 'default', configuration: withPlugins(defaultConfiguration(version), plugins) }];
  return config.map((file) => {
    const additionalPlugins = plugins.map(({ name }) => name);
    const options = { version, allowMissingPlugins: flags.allowMissingPlugins === true, additionalPlugins };
    const { configuration, warnings } = readSchedulerConfigurationFile(file, options);
    for (const warning of warnings) terminal.stderr.write(`${file}: warning: ${warning}\n`);
    return { name: basename(file), configuration };
  });
}

/** Why a pod went where it went, under each configuration. */
function explain(placements: readonly Placement[], pod: string, terminal: Terminal): void {
  const key = pod.includes('/') ? pod : `default/${pod}`;
  for (const { name, explanations } of placements) {
    const explanation = explanations.find((candidate) => candidate.pod === key);
    if (explanation === undefined) throw new UsageError(`--explain: no pending pod is named ${key}`);
    terminal.stdout.write(`\n${placements.length > 1 ? `${name}: ` : ''}${explanationLines(explanation).join('\n')}\n`);
  }
}
