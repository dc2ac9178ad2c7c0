import type { PodTemplateSpec, Service } from '../api/core.js';
import { unmodelledRolloutFields } from '../api/manifest-rollouts.js';
import { matchesMap } from '../api/labels.js';
import type { Labels } from '../api/meta.js';
import { nearestName } from '../api/nearest.js';
import { readQuery } from '../api/metric-query.js';
import type { AnalysisTemplate, MetricTemplate } from '../api/rollout-kinds.js';
import type { ManifestSet } from './manifests.js';
import { invalidRollouts } from './rollout-findings.js';
import type { SourceItem } from './source.js';
import type { Finding } from './types.js';

/** What is worth knowing about manifests and is no error: Kubernetes would accept it. */

/** Names the place of a path of an item. */
export type Place = (item: SourceItem, path: readonly (string | number)[]) => string;

export function manifestFindings(set: ManifestSet, place: Place): Finding[] {
  return [...unmodelledFindings(set, place), ...fieldFindings(set, place), ...invalidRollouts(set, place), ...queryFindings(set, place), ...replacedFindings(set, place), ...serviceFindings(set, place)];
}

function unmodelledFindings(set: ManifestSet, place: Place): Finding[] {
  return [...set.unmodelled.values()].map(({ apiVersion, kind, stored, count, names, item }) => {
    const listed = names.length < count ? `${names.join(', ')}, …` : names.join(', ');
    return {
      severity: 'warning',
      message: `kind ${kind} (${apiVersion}) is not modelled: ${count} object${count === 1 ? '' : 's'} ${stored ? 'stored, nothing acts on them' : 'left out'} (${listed})`,
      position: place(item, ['kind']),
    };
  });
}

/** Fields of rollouts that are given and do nothing. */
function fieldFindings(set: ManifestSet, place: Place): Finding[] {
  return set.loaded.flatMap(({ object, item }) =>
    unmodelledRolloutFields(object).map(({ path, why }): Finding => {
      const field = (path[0] === 'spec' ? path.slice(1) : path).map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('').slice(1);
      return { severity: 'info', message: `${object.kind} "${object.metadata.name}": ${field} is not modelled: ${why}`, position: place(item, path) };
    }),
  );
}

/** Queries of metrics that are of no form that can be read. */
function queryFindings(set: ManifestSet, place: Place): Finding[] {
  return set.loaded.flatMap(({ object, item }) => {
    const queries: { readonly path: readonly (string | number)[]; readonly query: string | undefined }[] = [];
    if (object.kind === 'AnalysisTemplate' || object.kind === 'ClusterAnalysisTemplate') {
      ((object as AnalysisTemplate).spec.metrics ?? []).forEach(({ provider }, i) => {
        queries.push({ path: ['spec', 'metrics', i, 'provider', 'prometheus', 'query'], query: provider?.prometheus?.query });
      });
    } else if (object.kind === 'MetricTemplate') queries.push({ path: ['spec', 'query'], query: (object as MetricTemplate).spec.query });
    return queries
      .filter(({ query }) => typeof query === 'string' && readQuery(query) === undefined)
      .map(({ path }): Finding => ({
        severity: 'warning',
        message: `${object.kind} "${object.metadata.name}": this query is not understood: state under rollout.measurements what it finds`,
        position: place(item, path),
      }));
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
  const templates = new TemplateIndex(set);
  const findings: Finding[] = [];
  for (const { object, item } of set.loaded) {
    if (object.kind !== 'Service') continue;
    const { selector } = (object as Service).spec;
    const { namespace, name } = object.metadata;
    // Without a selector somebody else keeps the endpoints; that is in order.
    if (selector === undefined || Object.keys(selector).length === 0 || templates.selected(namespace, selector))
      continue;
    findings.push({
      severity: 'warning',
      message: `Service "${name}" selects nothing: no pod template in namespace ${namespace} has the labels ${pairs(selector)}${templates.hint(namespace, selector)}`,
      position: place(item, ['spec', 'selector']),
    });
  }
  return findings;
}

/** How many label sets a misspelt selector is compared with. */
const COMPARED = 1000;

/** Labels of pods and pod templates by namespace and pair, so that a big dump costs no quadratic search. */
class TemplateIndex {
  private readonly byPair = new Map<string, Labels[]>();
  private readonly byNamespace = new Map<string, Set<string>>();

  constructor(set: ManifestSet) {
    for (const { namespace, labels } of set.foreignTemplates) this.add(namespace, labels);
    for (const { object } of set.loaded) {
      const template = (object as { spec?: { template?: PodTemplateSpec } }).spec?.template;
      const labels = object.kind === 'Pod' ? object.metadata.labels : template?.metadata.labels;
      if (labels !== undefined) this.add(object.metadata.namespace, labels);
    }
  }

  private add(namespace: string, labels: Labels): void {
    let known = this.byNamespace.get(namespace);
    if (known === undefined) this.byNamespace.set(namespace, (known = new Set()));
    const text = pairs(labels);
    if (known.has(text)) return;
    known.add(text);
    for (const key in labels) {
      const pair = `${namespace}/${key}=${labels[key]}`;
      const list = this.byPair.get(pair);
      if (list === undefined) this.byPair.set(pair, [labels]);
      else list.push(labels);
    }
  }

  /** Whether some pods have all these labels. */
  selected(namespace: string, selector: Labels): boolean {
    const lists = Object.keys(selector).map((key) => this.byPair.get(`${namespace}/${key}=${selector[key]}`) ?? []);
    const shortest = lists.reduce((a, b) => (b.length < a.length ? b : a));
    return shortest.some((labels) => matchesMap(selector, labels));
  }

  /** The nearest labels that there are. */
  hint(namespace: string, selector: Labels): string {
    const known = [...(this.byNamespace.get(namespace) ?? [])].slice(0, COMPARED);
    const nearest = nearestName(pairs(selector), known);
    return nearest === undefined ? '' : `; the nearest are ${nearest}`;
  }
}

function pairs(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
