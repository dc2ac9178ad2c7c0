import type { WebhookConfiguration } from '../api/admission-kinds.js';
import type { PodTemplateSpec } from '../api/core.js';
import { keyOf } from '../api/meta.js';
import type { Place } from './findings.js';
import type { InputError } from './input-error.js';
import type { LoadedObject } from './manifests.js';
import { nearestName } from '../api/nearest.js';
import type { Path } from './source.js';
import type { Finding, WebhookBehaviour } from './types.js';

/** What admission will look for and the manifests do not have. */

/** Webhooks that the scenario describes must be in a configuration. */
export function checkWebhooks(
  behaviours: readonly WebhookBehaviour[],
  loaded: readonly LoadedObject[],
  complain: (path: Path, message: string, suggestion?: string) => InputError,
): InputError[] {
  const names = loaded
    .filter(({ object }) => object.kind === 'MutatingWebhookConfiguration' || object.kind === 'ValidatingWebhookConfiguration')
    .flatMap(({ object }) => (object as WebhookConfiguration).webhooks.map(({ name }) => name));
  const errors: InputError[] = [];
  behaviours.forEach(({ name }, i) => {
    if (names.includes(name)) return;
    const nearest = nearestName(name, names);
    const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
    errors.push(complain(['cluster', 'webhooks', i, 'name'], `no manifest has a webhook named "${name}"${hint}`, nearest));
  });
  return errors;
}

/** Pod templates whose ServiceAccount no manifest has: their pods will be refused. */
export function accountFindings(loaded: readonly LoadedObject[], place: Place): Finding[] {
  const accounts = new Set(loaded.filter(({ object }) => object.kind === 'ServiceAccount').map(({ object }) => keyOf(object)));
  const findings: Finding[] = [];
  for (const { object, item } of loaded) {
    const template = (object as { spec?: { template?: PodTemplateSpec } }).spec?.template;
    const name = template?.spec?.serviceAccountName ?? 'default';
    const { namespace } = object.metadata;
    if (name === 'default' || accounts.has(`${namespace}/${name}`)) continue;
    findings.push({
      severity: 'warning',
      message: `${object.kind} "${object.metadata.name}" names ServiceAccount "${name}", which is not in namespace ${namespace}: its pods will be refused`,
      position: place(item, ['spec', 'template', 'spec', 'serviceAccountName']),
    });
  }
  return findings;
}
