import type { RawMap } from '../api/reader.js';
import type { UserPluginSpec } from '../scenario/types.js';
import type { Handle, Plugin } from './framework/plugin.js';
import type { PluginConstructor, PluginFactory } from './profile.js';

/**
 * Code of users' plugins by source. Code is no state: scenarios and checkpoints hold the source's name only, and every process
 * that runs them reads the source anew.
 */
const codeBySource = new Map<string, PluginConstructor>();

/** Makes the code of a plugin known. */
export function registerPluginCode(source: string, code: PluginConstructor): void {
  codeBySource.set(source, code);
}

/** Makes a scenario's plugins, each with its arguments from `pluginConfig`. */
export class ScenarioPlugins implements PluginFactory {
  private readonly specs: readonly UserPluginSpec[];

  constructor(specs: readonly UserPluginSpec[]) {
    this.specs = specs;
  }

  create(name: string, handle: Handle, args: RawMap): Plugin | undefined {
    const spec = this.specs.find((each) => each.name === name);
    if (spec === undefined) return undefined;
    const Code = codeBySource.get(spec.source);
    if (Code === undefined) throw new Error(`scheduler plugin ${name}: its code ${spec.source} was not read`);
    let plugin: Plugin;
    try {
      plugin = new Code(handle, args);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`scheduler plugin ${name} could not be made: ${why}`, { cause: error });
    }
    if (plugin.name !== name) {
      throw new Error(`scheduler plugin ${name}: its class calls itself ${JSON.stringify(plugin.name)}; both names must be the same`);
    }
    return plugin;
  }
}
