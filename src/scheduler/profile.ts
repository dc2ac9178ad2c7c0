import { Framework, type PluginSets } from './framework/framework.js';
import type { Handle, Plugin } from './framework/plugin.js';
import { defaultPlugins, defaultWeights } from './plugins/registry.js';

/** Sorts plugins into the extension points that they implement, in the order given. */
export function pluginSets(plugins: readonly Plugin[], weights: Readonly<Record<string, number>>): PluginSets {
  return {
    preEnqueue: plugins.filter((plugin) => plugin.preEnqueue !== undefined),
    queueSort: plugins.filter((plugin) => plugin.less !== undefined),
    preFilter: plugins.filter((plugin) => plugin.preFilter !== undefined),
    filter: plugins.filter((plugin) => plugin.filter !== undefined),
    postFilter: plugins.filter((plugin) => plugin.postFilter !== undefined),
    preScore: plugins.filter((plugin) => plugin.preScore !== undefined),
    score: plugins
      .filter((plugin) => plugin.scoreNodes !== undefined)
      .map((plugin) => ({ plugin, weight: weights[plugin.name] ?? 1 })),
    reserve: plugins.filter((plugin) => plugin.reserve !== undefined || plugin.unreserve !== undefined),
    permit: plugins.filter((plugin) => plugin.permit !== undefined),
    preBind: plugins.filter((plugin) => plugin.preBind !== undefined),
    bind: plugins.filter((plugin) => plugin.bind !== undefined),
    postBind: plugins.filter((plugin) => plugin.postBind !== undefined),
  };
}

/** The profile of a scheduler without configuration. */
export function defaultFramework(handle: Handle): Framework {
  return new Framework('default-scheduler', pluginSets(defaultPlugins(handle), defaultWeights), handle, undefined);
}
