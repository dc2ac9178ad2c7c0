import type { PodTemplateSpec } from '../api/core.js';
import type { LabelSelector } from '../api/meta.js';
import { equal } from '../api/equal.js';

/** Label that tells ReplicaSets of one Deployment apart (apps/v1 DefaultDeploymentUniqueLabelKey). */
export const POD_TEMPLATE_HASH = 'pod-template-hash';

/** Characters of generated names: no vowels, no 0, 1, 3 (apimachinery util/rand). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1a hash of a text's UTF-8 bytes (characters above 127 are taken as their code units), 32 bits. */
export function fnv1a(text: string, seed = 0x811c9dc5): number {
  let hash = seed | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ (text.charCodeAt(i) & 0xff), 0x01000193);
  return hash >>> 0;
}

/** apimachinery `rand.SafeEncodeString`: every character by its code modulo 27 in the alphabet of names. */
export function safeEncode(text: string): string {
  let encoded = '';
  for (let i = 0; i < text.length; i++) encoded += ALPHABET[text.charCodeAt(i) % ALPHABET.length];
  return encoded;
}

/**
 * Hash of a pod template in the form of names: FNV-1a over a canonical dump of the template (keys sorted), and over the
 * collision count when there is one, as decimal digits, encoded (controller_utils.go ComputeHash). The real dump is Go's, so
 * the digits differ from a real cluster's; the form and the use are the same.
 */
export function templateHash(template: unknown, collisionCount?: number): string {
  let hash = fnv1a(canonical(template));
  if (collisionCount !== undefined) {
    const bytes = String.fromCharCode(
      collisionCount & 255,
      (collisionCount >>> 8) & 255,
      (collisionCount >>> 16) & 255,
      (collisionCount >>> 24) & 255,
      0,
      0,
      0,
      0,
    );
    hash = fnv1a(bytes, hash);
  }
  return safeEncode(String(hash));
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const record = value as Record<string, unknown>;
  const keys = Object.keys(record).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(record[key])}`).join(',')}}`;
}

/** The template with the hash among its labels. */
export function templateWithHash(template: PodTemplateSpec, hash: string): PodTemplateSpec {
  return { ...template, metadata: { ...template.metadata, labels: { ...template.metadata.labels, [POD_TEMPLATE_HASH]: hash } } };
}

/** The selector with the hash among its labels (util/labels CloneSelectorAndAddLabel). */
export function selectorWithHash(selector: LabelSelector, hash: string): LabelSelector {
  return { ...selector, matchLabels: { ...selector.matchLabels, [POD_TEMPLATE_HASH]: hash } };
}

/** Whether two templates are equal when the hash label is left out (deployment_util.go EqualIgnoreHash). */
export function equalIgnoringHash(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  if (a === b) return true;
  if (a.spec !== b.spec && !equal(a.spec, b.spec)) return false;
  return (
    equal(labelsWithoutHash(a), labelsWithoutHash(b)) &&
    equal(a.metadata.annotations ?? {}, b.metadata.annotations ?? {}) &&
    equal(a.metadata.finalizers ?? [], b.metadata.finalizers ?? [])
  );
}

function labelsWithoutHash(template: PodTemplateSpec): Record<string, string> {
  const { [POD_TEMPLATE_HASH]: _, ...labels } = { ...template.metadata.labels };
  return labels;
}
