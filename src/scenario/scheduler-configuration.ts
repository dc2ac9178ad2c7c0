import { existsSync, statSync } from 'node:fs';
import { fieldErrorText } from '../api/fields.js';
import { isMap, type RawMap } from '../api/reader.js';
import { defaultConfiguration, type SchedulerConfiguration } from '../scheduler/config/configuration.js';
import { joinConfigurations } from '../scheduler/config/join.js';
import { loadSchedulerConfiguration } from '../scheduler/config/load.js';
import type { KubernetesVersion } from '../scheduler/framework/features.js';
import { type InputError, throwInputErrors } from './input-error.js';
import { describeValue, readSource, SourceFile, type SourceItem, stepsOf } from './source.js';
import { type ParsedItem, parseItems } from './split.js';

export interface SchedulerConfigurationOptions {
  readonly version: KubernetesVersion;
  /** Leave plugins out that are known but not modelled, with a warning, instead of refusing the file. */
  readonly allowMissingPlugins?: boolean;
  /** Names of plugins that a user adds. */
  readonly additionalPlugins?: readonly string[];
}

/** A configuration with what is worth a warning. */
export interface LoadedConfiguration {
  readonly configuration: SchedulerConfiguration;
  readonly warnings: readonly string[];
}

const KIND = 'KubeSchedulerConfiguration';
/** What templates of Helm have and YAML files do not. */
const TEMPLATE = /\{\{-?\s*(?:if|range|with|define|include|\.|\$|\/\*)/;

/**
 * Reads a KubeSchedulerConfiguration file (v1), or a ConfigMap that holds one. Several documents are taken together: their
 * profiles side by side. Throws InputError or InputErrors with positions.
 */
export function readSchedulerConfigurationFile(
  path: string,
  options: SchedulerConfigurationOptions,
  missing?: (message: string) => InputError,
): LoadedConfiguration {
  const source = readSource(path, missing);
  const errors: InputError[] = [];
  const warnings = new Set<string>();
  const documents = configurationsIn(source, errors);
  throwInputErrors(errors);
  if (documents.length === 0) throw source.error(undefined, { message: `the file holds no ${KIND}` });
  const configurations: SchedulerConfiguration[] = [];
  for (const { value, item } of documents) {
    const loaded = loadSchedulerConfiguration(value as RawMap, options);
    for (const warning of loaded.warnings) warnings.add(warning);
    for (const error of loaded.errors) errors.push(item.error(stepsOf(error.field), { message: fieldErrorText(error) }));
    configurations.push(loaded.configuration);
  }
  throwInputErrors(errors);
  if (configurations.length > 1) {
    warnings.add(
      `${configurations.length} documents: their profiles are taken together (kube-scheduler itself reads the first one only)`,
    );
  }
  const joined = joinConfigurations(configurations);
  for (const { index, field, message } of joined.problems) {
    errors.push(documents[index]!.item.error(stepsOf(field), { message: `${field}: ${message}` }));
  }
  throwInputErrors(errors);
  return { configuration: joined.configuration ?? defaultConfiguration(options.version), warnings: [...warnings] };
}

/** The documents of a file that are, or hold, scheduler configurations. */
function configurationsIn(source: SourceFile, errors: InputError[]): ParsedItem[] {
  const found: ParsedItem[] = [];
  parseItems(source, {
    value: (value, item) => {
      const inner = isMap(value) && value.kind === 'ConfigMap' ? configurationsOfMap(value, item, errors) : undefined;
      if (inner !== undefined) found.push(...inner);
      else if (isMap(value)) found.push({ value, item });
      else errors.push(item.error([], { message: `expected a ${KIND}, found ${describeValue(value)}` }));
    },
    error: (error) => errors.push(error),
  });
  if (errors.length === 0 || !TEMPLATE.test(source.text())) return found;
  const { line, column } = errors[0]!;
  const position = line === undefined || column === undefined ? undefined : { line, column };
  throw source.error(position, { message: 'this is a Helm template, no YAML yet: render it first (helm template)' });
}

/** Configurations among the data of a ConfigMap; undefined when it holds none. */
function configurationsOfMap(map: RawMap, item: SourceItem, errors: InputError[]): ParsedItem[] | undefined {
  const data = isMap(map.data) ? map.data : {};
  const found: ParsedItem[] = [];
  for (const [key, text] of Object.entries(data)) {
    if (typeof text !== 'string' || !text.includes(KIND)) continue;
    const inner = new SourceFile(`${item.source.path} (data.${key})`, Buffer.from(text));
    parseItems(inner, {
      value: (value, at) => {
        if (isMap(value)) found.push({ value, item: at });
      },
      error: (error) => errors.push(error),
    });
  }
  return found.length === 0 && errors.length === 0 ? undefined : found;
}

/** How much of a file is looked at to tell what it is. */
const PEEK_BYTES = 65536;

/** Whether a file is a KubeSchedulerConfiguration (not a ConfigMap with one, which is a manifest too). */
export function isSchedulerConfigurationFile(path: string): boolean {
  if (!existsSync(path) || statSync(path).isDirectory()) return false;
  return /^(?:\{?\s*")?kind"?\s*:\s*"?KubeSchedulerConfiguration\b/m.test(readSource(path).text(0, PEEK_BYTES));
}
