import type { PodTemplateSpec, Service } from '../api/core.js';
import { matchesMap } from '../api/labels.js';
import type { Labels } from '../api/meta.js';
import { nearestName } from '../api/nearest.js';
import type { ManifestSet } from './manifests.js';
import type { SourceItem } from './source.js';
import type { Finding } from './types.js';

/** What is worth knowing about manifests and is no error: Kubernetes would accept it. */

/** Names the place of a path of an item. */
export type Place = (item: SourceItem, path: readonly (string | number)[]) => string;

export function manifestFindings(set: ManifestSet, place: Place): Finding[] {
  return [...unmodelledFindings(set, place), ...replacedFindings(set, place), ...serviceFindings(set, place)];
}

function unmodelledFindings(set: ManifestSet, place: Place): Finding[] {
  return [...set.unmodelled.values()].map(({ apiVersion, kind, count, names, item }) => {
    const listed = names.length < count ? `${names.join(', ')}, …` : names.join(', ');
    return {
      severity: 'warning',
      message: `kind ${kind} (${apiVersion}) is not modelled: ${count} object${count === 1 ? '' : 's'} left out (${listed})`,
      position: place(item, ['kind']),
    };
  });
}

function replacedFindings(set: ManifestSet, place: Place): Finding[] {
  return set.replaced.map(({ object, item }) => ({
    severity: 'warning',
    message: `${object.kind} "${object.metadata.name}" is given twice; the last one holds`,
    position: place(item, ['metadata', 'name']),
  }));
}

function serviceFindings(set: ManifestSet, place: Place): Finding[] {
  const templates = podLabels(set);
  const findings: Finding[] = [];
  for (const { object, item } of set.loaded) {
    if (object.kind !== 'Service') continue;
    const { selector } = (object as Service).spec;
    const { namespace, name } = object.metadata;
    // Without a selector somebody else keeps the endpoints; that is in order.
    if (selector === undefined || Object.keys(selector).length === 0) continue;
    const candidates = templates.filter((template) => template.namespace === namespace);
    if (candidates.some((template) => matchesMap(selector, template.labels))) continue;
    findings.push({
      severity: 'warning',
      message: `Service "${name}" selects nothing: no pod template in namespace ${namespace} has the labels ${pairs(selector)}${hint(selector, candidates)}`,
      position: place(item, ['spec', 'selector']),
    });
  }
  return findings;
}

interface Template {
  readonly namespace: string;
  readonly labels: Labels;
}

function podLabels(set: ManifestSet): Template[] {
  const templates: Template[] = [...set.foreignTemplates];
  const seen = new Set<Labels>();
  for (const { object } of set.loaded) {
    const template = (object as { spec?: { template?: PodTemplateSpec } }).spec?.template;
    const labels = object.kind === 'Pod' ? object.metadata.labels : template?.metadata.labels;
    if (labels === undefined || seen.has(labels)) continue;
    seen.add(labels);
    templates.push({ namespace: object.metadata.namespace, labels });
  }
  return templates;
}

function pairs(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function hint(selector: Labels, candidates: readonly Template[]): string {
  const nearest = nearestName(pairs(selector), candidates.slice(0, 1000).map((template) => pairs(template.labels)));
  return nearest === undefined ? '' : `; the nearest are ${nearest}`;
}
