import { fieldErrorText } from '../api/fields.js';
import { isMap } from '../api/reader.js';
import type { KubernetesVersion } from '../scheduler/framework/features.js';
import { loadSchedulerConfiguration } from '../scheduler/config/load.js';
import type { SchedulerConfiguration } from '../scheduler/config/configuration.js';
import { describeValue, readSource, stepsOf } from './source.js';
import { parseSingle } from './split.js';
import { throwInputErrors } from './input-error.js';

export interface SchedulerConfigurationOptions {
  readonly version: KubernetesVersion;
  /** Leave plugins out that are known but not modelled, with a warning, instead of refusing the file. */
  readonly allowMissingPlugins?: boolean;
}

/** Reads a KubeSchedulerConfiguration file (v1). Throws InputError or InputErrors with positions; returns what is worth a warning. */
export function readSchedulerConfigurationFile(
  path: string,
  options: SchedulerConfigurationOptions,
): { readonly configuration: SchedulerConfiguration; readonly warnings: readonly string[] } {
  const source = readSource(path);
  const { item, value } = parseSingle(source);
  if (!isMap(value)) throw item.error([], { message: `expected a KubeSchedulerConfiguration, found ${describeValue(value)}` });
  const { configuration, errors, warnings } = loadSchedulerConfiguration(value, options);
  throwInputErrors(errors.map((error) => item.error(stepsOf(error.field), { message: fieldErrorText(error) })));
  return { configuration, warnings };
}
