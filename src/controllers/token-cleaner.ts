import type { ConfigMap, Secret, ServiceAccount } from '../api/cluster-kinds.js';
import { copyMetadata, withMetadata } from '../api/copies.js';
import type { Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, type Patch, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, MILLISECOND, type Time } from '../kernel/time.js';
import { objectRequest } from './controller.js';
import { isAccountOf, TOKEN_TYPE } from './service-account-tokens.js';
import { dateOf, fateOf, INVALID_SINCE, isTrackedLongEnough, secretNames } from './token-cleaning.js';

const HOUR: Duration = 3600e9;
/** --legacy-service-account-token-clean-up-period. */
export const CLEAN_UP_PERIOD: Duration = 365 * 24 * HOUR;
/** DefaultCleanerSyncInterval. */
const SYNC_INTERVAL: Duration = 24 * HOUR;
/** ConfigMap in which API servers note since when they track the use of tokens (pkg/controlplane/controller/legacytokentracking). */
const TRACKING = { namespace: 'kube-system', name: 'kube-apiserver-legacy-service-account-token-tracking' };
/** How often it looks whether its caches are filled (cache.WaitForCacheSync). */
const SYNC_POLL: Duration = 100 * MILLISECOND;

const OP_EVALUATE = 1;
const TAG_TRACKING = 1;
const TAG_WRITE = 2;

/**
 * Marks token Secrets that were made for ServiceAccounts automatically, as clusters before 1.24 did, once they have not been used for
 * the period, and deletes them after as long again. It looks every 24 h while there is such a Secret. Where no manifest brings the API
 * servers' ConfigMap, they track since the start.
 */
export class LegacyTokenCleaner implements Component, ResponseReceiver {
  readonly name = 'legacy-service-account-token-cleaner';
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly period: Duration;
  /** Of the simulation's start, milliseconds since 1970. */
  private readonly epoch: number;
  private readonly start: Time;
  private readonly secrets: Informer<Secret>;
  private readonly accounts: Informer<ServiceAccount>;
  private readonly pods: Informer<Pod>;
  /** Of the component; negative: there has been no token yet. */
  private target = -1;
  private tokens = 0;
  private armed = false;
  /** When the round has begun. */
  private begun: Time = 0;
  /** Writes of a round, one after the other. */
  private round: ApiRequest[] = [];

  constructor(context: ProcessContext, client: ApiClient) {
    const { simulation, scenario, informers } = context;
    this.simulation = simulation;
    this.client = client;
    this.period = scenario.cluster.controllerManager.legacyServiceAccountTokenCleanUpPeriod ?? CLEAN_UP_PERIOD;
    this.epoch = scenario.startTime;
    this.start = simulation.now;
    this.accounts = informers.informer<ServiceAccount>('serviceaccounts');
    this.pods = informers.informer<Pod>('pods');
    this.secrets = informers.informer<Secret>('secrets');
    this.secrets.addEventHandler(new TokenHandler(this));
  }

  tokenSeen(): void {
    this.tokens++;
    this.arm();
  }

  tokenGone(): void {
    this.tokens--;
  }

  private arm(): void {
    if (this.armed || this.tokens === 0) return;
    this.armed = true;
    if (this.target < 0) this.target = this.simulation.add(this);
    const { now } = this.simulation;
    const age = now - this.start;
    const next = Math.ceil(age / SYNC_INTERVAL) * SYNC_INTERVAL + this.start;
    this.simulation.post(next - now, this.target, OP_EVALUATE);
  }

  describe(): string {
    return 'looks for tokens that nobody uses';
  }

  handle(): void {
    if (![this.secrets, this.accounts, this.pods].every(({ synced }) => synced)) {
      this.simulation.post(SYNC_POLL, this.target, OP_EVALUATE);
      return;
    }
    this.armed = false;
    this.begun = this.simulation.now;
    this.client.request({ verb: 'get', resource: 'configmaps', ...TRACKING }, this, TAG_TRACKING);
    if (this.tokens > 0) {
      this.armed = true;
      const next = (Math.floor((this.simulation.now - this.start) / SYNC_INTERVAL) + 1) * SYNC_INTERVAL + this.start;
      this.simulation.post(next - this.simulation.now, this.target, OP_EVALUATE);
    }
  }

  receive(tag: number, response: ApiResponse): void {
    if (tag === TAG_TRACKING) {
      if (!succeeded(response) && response.code !== 404) return;
      const since = response.code === 404 ? dateOf(this.epoch) : (response.object as ConfigMap).data?.['since'];
      if (since !== undefined) this.round = this.evaluate(since, this.begun);
    }
    const request = this.round.shift();
    if (request !== undefined) this.client.request(request, this, TAG_WRITE);
  }

  /** What a round that begins at a time writes; `since`: the date from which on tokens are tracked (evaluateSATokens). */
  evaluate(since: string, at: Time): ApiRequest[] {
    const now = this.epoch + at / MILLISECOND;
    const period = this.period / MILLISECOND;
    if (!isTrackedLongEnough(since, now, period)) return [];
    const used = new Map<string, Set<string>>();
    const requests: ApiRequest[] = [];
    for (const secret of this.secrets.list()) {
      if (secret.type !== TOKEN_TYPE) continue;
      const { namespace, annotations, creationTimestamp, resourceVersion, name } = secret.metadata;
      const account = this.accounts.get(`${namespace}/${annotations?.['kubernetes.io/service-account.name'] ?? ''}`);
      const own = isAccountOf(account, secret) ? account : undefined;
      const created = this.epoch + creationTimestamp / MILLISECOND;
      const fate = fateOf(secret, own, own !== undefined && this.usedIn(namespace, used).has(name), created, now, period);
      if (fate === 'mark') requests.push(objectRequest('patch', 'secrets', secret, { patch: new InvalidSincePatch(dateOf(now)) }));
      else if (fate === 'delete') requests.push(objectRequest('delete', 'secrets', secret, { preconditions: { resourceVersion } }));
    }
    return requests;
  }

  private usedIn(namespace: string, used: Map<string, Set<string>>): Set<string> {
    let names = used.get(namespace);
    if (names === undefined) {
      names = new Set<string>();
      for (const pod of this.pods.list()) if (pod.metadata.namespace === namespace) for (const name of secretNames(pod)) names.add(name);
      used.set(namespace, names);
    }
    return names;
  }
}

/** Marks a token as invalid since a date. */
class InvalidSincePatch implements Patch {
  readonly bytes = 120;
  readonly date: string;

  constructor(date: string) {
    this.date = date;
  }

  apply(current: KubernetesObject): KubernetesObject {
    if (current.metadata.labels?.[INVALID_SINCE] === this.date) return current;
    const metadata = copyMetadata(current.metadata);
    metadata.labels = { ...metadata.labels, [INVALID_SINCE]: this.date };
    return withMetadata(current, metadata);
  }
}

class TokenHandler implements ResourceEventHandler<Secret> {
  private readonly cleaner: LegacyTokenCleaner;

  constructor(cleaner: LegacyTokenCleaner) {
    this.cleaner = cleaner;
  }

  onAdd(secret: Secret): void {
    if (secret.type === TOKEN_TYPE) this.cleaner.tokenSeen();
  }

  onUpdate(): void {}

  onDelete(secret: Secret): void {
    if (secret.type === TOKEN_TYPE) this.cleaner.tokenGone();
  }
}
