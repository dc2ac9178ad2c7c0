import type { RawMap } from '../../api/reader.js';
import { SchedulerCore } from '../scheduler-core.js';
import { type ConfigurationOptions, type ConfigurationResult, readSchedulerConfiguration } from './configuration.js';

/**
 * Reads a KubeSchedulerConfiguration and makes sure that its profiles can be set up: exactly one queue sort plugin, at least
 * one that binds, one queue sort for all profiles. Errors name fields by path.
 */
export function loadSchedulerConfiguration(raw: RawMap, options: ConfigurationOptions): ConfigurationResult {
  const result = readSchedulerConfiguration(raw, options);
  if (result.errors.length > 0 || (options.additionalPlugins?.length ?? 0) > 0) return result;
  try {
    const core = new SchedulerCore(options.version, nowhere, result.configuration);
    const sorts = new Set([...core.frameworks.values()].map((framework) => framework.plugins.queueSort[0]!.name));
    if (sorts.size > 1) throw new Error('all profiles must use the same queue sort plugin');
  } catch (error) {
    const { message } = error as Error;
    return { ...result, errors: [{ field: 'profiles', type: 'Invalid value', detail: message }] };
  }
  return result;
}

const nowhere = { next: () => 0 };
