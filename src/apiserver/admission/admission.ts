import type { Webhook, WebhookConfiguration } from '../../api/admission-kinds.js';
import type { EtcdClient } from '../../etcd/types.js';
import type { Stream } from '../../random/stream.js';
import type { NamespaceIndex, ObjectsByNamespace } from '../namespace-index.js';
import { REQUEST_KINDS, type RequestKind } from '../request-kind.js';
import type { WatchCache } from '../watch-cache.js';
import type { ApiResponse } from '../request.js';
import type { AdmissionView, Attributes, Verdict } from './attributes.js';
import { isActive } from './namespace-lifecycle.js';
import { AdmissionPlugins, pluginsConcern } from './plugins.js';
import { QuotaControl, type QuotaOwner, quotasConcern } from './quota-control.js';
import { MutatingRun, ValidatingRun, type WebhookOwner } from './webhook-run.js';
import type { WebhookServers } from './webhook-calls.js';
import { WebhookMetrics } from './webhook-figures.js';
import { webhookMatches, webhooksInOrder } from './webhooks.js';

/** All that a server looks up by namespace, or as a whole, for admission. */
export const INDEXED_CONFIGURATIONS: readonly string[] = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'];

const NONE: readonly Webhook[] = [];

/** What looks at the requests of a kind: not asked yet, or some of these. */
const KNOWN = 1;
const PLUGINS = 2;
const QUOTAS = 4;

/** The webhooks of one kind of configurations, in order. */
class WebhookList {
  private readonly configurations: ObjectsByNamespace;
  private readonly disabled: boolean;
  private version = -1;
  private webhooks = NONE;

  constructor(configurations: ObjectsByNamespace, disabled: boolean) {
    this.configurations = configurations;
    this.disabled = disabled;
  }

  all(): readonly Webhook[] {
    const { version } = this.configurations;
    if (this.version !== version && !this.disabled) {
      this.version = version;
      this.webhooks = webhooksInOrder(this.configurations.in('') as Iterable<WebhookConfiguration>);
    }
    return this.webhooks;
  }

  /** Those that a request goes to. */
  matching(attributes: Attributes, view: AdmissionView): readonly Webhook[] {
    const all = this.all();
    return all.length === 0 ? NONE : all.filter((webhook) => webhookMatches(webhook, attributes, view));
  }
}

/** Admission of one server: the plugins, the webhooks and the quotas, in the server's order. */
export class Admission {
  readonly quota: QuotaControl;
  readonly webhooks = new WebhookMetrics();
  private readonly plugins: AdmissionPlugins;
  private readonly view: AdmissionView;
  private readonly servers: WebhookServers;
  private readonly stream: Stream;
  private readonly disabled: ReadonlySet<string>;
  private readonly mutating: WebhookList;
  private readonly validating: WebhookList;
  private readonly namespaces: WatchCache;
  private readonly quotas: ObjectsByNamespace;
  /** What looks at requests, by number of the kind. */
  private readonly looks = new Uint8Array(REQUEST_KINDS);

  constructor(view: NamespaceIndex, etcd: EtcdClient, owner: QuotaOwner, servers: WebhookServers, stream: Stream, disabled: ReadonlySet<string>) {
    this.view = view;
    this.disabled = disabled;
    this.plugins = new AdmissionPlugins(view, disabled);
    this.quota = new QuotaControl(view, etcd, owner);
    this.servers = servers;
    this.stream = stream;
    this.mutating = new WebhookList(view.of('mutatingwebhookconfigurations'), disabled.has('MutatingAdmissionWebhook'));
    this.validating = new WebhookList(view.of('validatingwebhookconfigurations'), disabled.has('ValidatingAdmissionWebhook'));
    this.namespaces = view.cache('namespaces');
    this.quotas = view.of('resourcequotas');
  }

  /**
   * Whether anything has a say in requests of a kind in a namespace. Most are updates and events, in clusters without webhooks: all that is
   * asked of them is that their namespace is there.
   */
  concerns(kind: RequestKind, namespace: string): boolean {
    let looks = this.looks[kind.number]!;
    if (looks === 0) {
      looks = KNOWN | (pluginsConcern(kind) ? PLUGINS : 0) | (quotasConcern(kind) ? QUOTAS : 0);
      this.looks[kind.number] = looks;
    }
    if ((looks & PLUGINS) !== 0 || this.mutating.all().length > 0 || this.validating.all().length > 0) return true;
    if (namespace === '') return false;
    if ((looks & QUOTAS) !== 0 && this.quotas.count(namespace) > 0) return true;
    return kind.verb !== 'delete' && !isActive(this.namespaces.objects.find('', namespace)?.object);
  }

  /** The plugins that change objects; `attempt` counts the waits of this request. */
  mutate(attributes: Attributes, attempt: number): Verdict {
    return this.plugins.mutate(attributes, attempt, this.stream);
  }

  /** Whether quotas have a say in a request. */
  hasQuotas(attributes: Attributes): boolean {
    return !this.disabled.has('ResourceQuota') && this.quota.concerns(attributes);
  }

  /** The plugins that only look. */
  validate(attributes: Attributes): ApiResponse | undefined {
    return this.plugins.validate(attributes);
  }

  /** Mutating webhooks that a request goes to, in order. */
  mutatingWebhooks(attributes: Attributes): readonly Webhook[] {
    return this.mutating.matching(attributes, this.view);
  }

  /** Validating webhooks that a request goes to. */
  validatingWebhooks(attributes: Attributes): readonly Webhook[] {
    return this.validating.matching(attributes, this.view);
  }

  mutatingRun(owner: WebhookOwner, slot: number, attributes: Attributes, webhooks: readonly Webhook[]): MutatingRun {
    return new MutatingRun(owner, slot, attributes, webhooks, this.servers, this.stream, this.webhooks);
  }

  validatingRun(owner: WebhookOwner, slot: number, attributes: Attributes, webhooks: readonly Webhook[]): ValidatingRun {
    const run = new ValidatingRun(owner, slot, attributes, this.webhooks);
    run.call(webhooks, this.servers, this.stream);
    return run;
  }
}
