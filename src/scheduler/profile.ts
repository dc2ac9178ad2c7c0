import type { RawMap } from '../api/reader.js';
import type { Uniform } from '../random/stream.js';
import { type ExtensionPoint, extensionPoints, type ProfileConfiguration } from './config/configuration.js';
import { Framework, type PluginSets } from './framework/framework.js';
import type { Handle, Plugin } from './framework/plugin.js';
import { createPlugin } from './plugins/registry.js';

/** Makes a plugin that a user adds; undefined for names that are not theirs. */
export interface PluginFactory {
  create(name: string, handle: Handle, args: RawMap): Plugin | undefined;
}

/** What a module with a user's plugin exports as default: a class to be made with the handle and its arguments (`pluginConfig`). */
export type PluginConstructor = new (handle: Handle, args: RawMap) => Plugin;

const noArguments: RawMap = {};

/** Plugins of a user, by the name that profiles enable them by. */
export class UserPlugins implements PluginFactory {
  private readonly constructors: ReadonlyMap<string, PluginConstructor>;

  constructor(constructors: ReadonlyMap<string, PluginConstructor>) {
    this.constructors = constructors;
  }

  get names(): readonly string[] {
    return [...this.constructors.keys()];
  }

  create(name: string, handle: Handle, args: RawMap): Plugin | undefined {
    const Constructor = this.constructors.get(name);
    return Constructor === undefined ? undefined : new Constructor(handle, args);
  }
}

/** The method by which a plugin takes part in an extension point. */
const methodOf: Readonly<Record<ExtensionPoint, readonly (keyof Plugin)[]>> = {
  preEnqueue: ['preEnqueue'],
  queueSort: ['less'],
  preFilter: ['preFilter'],
  filter: ['filter'],
  postFilter: ['postFilter'],
  preScore: ['preScore'],
  score: ['scoreNodes'],
  reserve: ['reserve', 'unreserve'],
  permit: ['permit'],
  preBind: ['preBind'],
  bind: ['bind'],
  postBind: ['postBind'],
};

function implementsPoint(plugin: Plugin, point: ExtensionPoint): boolean {
  return methodOf[point].some((method) => plugin[method] !== undefined);
}

/** Makes the framework of a profile: plugins made once each, extension points expanded (runtime/framework.go NewFramework). */
export function createFramework(
  profile: ProfileConfiguration,
  handle: Handle,
  draws: Uniform,
  additional?: PluginFactory,
): Framework {
  const plugins = new Map<string, Plugin>();
  const make = (name: string): Plugin => {
    let plugin = plugins.get(name);
    if (plugin === undefined) {
      plugin = createPlugin(name, handle, profile.args, draws) ??
        additional?.create(name, handle, profile.args.others[name] ?? noArguments);
      if (plugin === undefined) throw new Error(`profile ${profile.schedulerName}: no plugin named ${name}`);
      plugins.set(name, plugin);
    }
    return plugin;
  };
  const sets = {} as Record<ExtensionPoint, Plugin[]>;
  for (const point of extensionPoints) sets[point] = expand(profile, point, make);
  const weights = new Map<string, number>();
  for (const { name, weight } of [...(profile.points.score?.enabled ?? []), ...profile.multiPoint.enabled]) {
    if (!weights.has(name)) weights.set(name, weight === 0 ? 1 : weight);
  }
  const pluginSets: PluginSets = {
    ...sets,
    score: sets.score.map((plugin) => ({ plugin, weight: weights.get(plugin.name)! })),
  };
  if (pluginSets.queueSort.length !== 1) {
    throw new Error(
      `profile ${profile.schedulerName}: exactly one queue sort plugin is needed, found ${pluginSets.queueSort.length}`,
    );
  }
  if (pluginSets.bind.length === 0)
    throw new Error(`profile ${profile.schedulerName}: at least one bind plugin is needed`);
  return new Framework(profile.schedulerName, pluginSets, handle, profile.percentageOfNodesToScore);
}

/**
 * Plugins of one extension point: those named for it that multiPoint names too, then those of multiPoint, then the others
 * named for it (expandMultiPointPlugins).
 */
function expand(profile: ProfileConfiguration, point: ExtensionPoint, make: (name: string) => Plugin): Plugin[] {
  const own = profile.points[point] ?? { enabled: [], disabled: [] };
  const named = [...new Set(own.enabled.map((entry) => entry.name))];
  if (own.disabled.includes('*')) return named.map(make);
  const overriding = new Set<string>();
  const general: string[] = [];
  for (const { name } of profile.multiPoint.enabled) {
    if (!implementsPoint(make(name), point) || own.disabled.includes(name)) continue;
    if (named.includes(name)) overriding.add(name);
    else general.push(name);
  }
  return [
    ...named.filter((name) => overriding.has(name)),
    ...general,
    ...named.filter((name) => !overriding.has(name)),
  ].map(make);
}
