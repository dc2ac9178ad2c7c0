import type { Secret, ServiceAccount } from '../api/cluster-kinds.js';
import type { Pod } from '../api/core.js';
import { environmentReferences } from '../api/pod-references.js';
import { formatTimestamp, parseTimestamp } from '../api/timestamps.js';
import { TOKEN_TYPE } from './service-account-tokens.js';

/** What becomes of token Secrets that nobody uses, pure (pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go). */

export const LAST_USED = 'kubernetes.io/legacy-token-last-used';
export const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';

const DAY_MS = 86_400_000;

/** `2026-03-10`, in UTC. */
export function dateOf(milliseconds: number): string {
  return formatTimestamp(milliseconds).slice(0, 10);
}

/** Milliseconds at the beginning of a date; undefined: it is none. */
export function parseDate(text: string): number | undefined {
  return text.length === 10 ? parseTimestamp(`${text}T00:00:00Z`) : undefined;
}

/** Whether the use of tokens has been tracked for long enough; `since`: the date that the API server's ConfigMap names. */
export function isTrackedLongEnough(since: string, now: number, period: number): boolean {
  const start = parseDate(since);
  return start !== undefined && now >= start + DAY_MS + period;
}

/** What a token is: to be kept, to be marked as invalid since today, or to be deleted. */
export type TokenFate = 'keep' | 'mark' | 'delete';

/**
 * What becomes of one token. Only those that were made for an account automatically count: the account names them. Times are milliseconds
 * since 1970; `created`: when the Secret was made.
 */
export function fateOf(secret: Secret, account: ServiceAccount | undefined, mounted: boolean, created: number, now: number, period: number): TokenFate {
  const { labels, deletionTimestamp, name } = secret.metadata;
  if (secret.type !== TOKEN_TYPE || created >= now - period || deletionTimestamp !== undefined) return 'keep';
  const preserved = dateOf(now - period);
  const lastUsed = labels?.[LAST_USED];
  if (lastUsed !== undefined && (parseDate(lastUsed) === undefined || lastUsed >= preserved)) return 'keep';
  if (account?.secrets?.some((reference) => reference.name === name) !== true || mounted) return 'keep';
  const since = labels?.[INVALID_SINCE] ?? '';
  if (parseDate(since) === undefined) return 'mark';
  return since >= preserved ? 'keep' : 'delete';
}

interface SecretSource {
  readonly secretName?: string;
  readonly name?: string;
  readonly secretRef?: { readonly name?: string };
  readonly nodePublishSecretRef?: { readonly name?: string };
}

/** Sources of volumes that name a Secret in `secretRef`. */
const WITH_SECRET: readonly string[] = ['cephfs', 'cinder', 'flexVolume', 'rbd', 'scaleIO', 'iscsi', 'storageos'];

/** Names of the Secrets that a pod reads (VisitPodSecretNames). */
export function secretNames({ spec }: Pod): readonly string[] {
  const names: (string | undefined)[] = [];
  const pull = spec.extra?.['imagePullSecrets'] as readonly { readonly name?: string }[] | undefined;
  for (const { name } of pull ?? []) names.push(name);
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    for (const { resource, name } of environmentReferences(container)) if (resource === 'secrets') names.push(name);
  }
  for (const volume of (spec.volumes ?? []) as readonly Readonly<Record<string, SecretSource | undefined>>[]) {
    names.push(volume['secret']?.secretName, volume['azureFile']?.secretName, volume['csi']?.nodePublishSecretRef?.name);
    for (const kind of WITH_SECRET) names.push(volume[kind]?.secretRef?.name);
    const projected = volume['projected'] as { readonly sources?: readonly { readonly secret?: SecretSource }[] } | undefined;
    for (const { secret } of projected?.sources ?? []) names.push(secret?.name);
  }
  return names.filter((name) => name !== undefined && name !== '') as string[];
}
