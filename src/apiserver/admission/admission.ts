import type { Webhook, WebhookConfiguration } from '../../api/admission-kinds.js';
import type { EtcdClient } from '../../etcd/types.js';
import type { Stream } from '../../random/stream.js';
import type { NamespaceIndex } from '../namespace-index.js';
import type { ApiResponse } from '../request.js';
import type { AdmissionView, Attributes, Verdict } from './attributes.js';
import { AdmissionPlugins } from './plugins.js';
import { QuotaControl, type QuotaOwner } from './quota-control.js';
import { MutatingRun, ValidatingRun, type WebhookOwner } from './webhook-run.js';
import type { WebhookServers } from './webhook-calls.js';
import { WebhookMetrics } from './webhook-figures.js';
import { webhookMatches, webhooksInOrder } from './webhooks.js';

type Configurations = 'mutatingwebhookconfigurations' | 'validatingwebhookconfigurations';

/** All that a server looks up by namespace, or as a whole, for admission. */
export const INDEXED_CONFIGURATIONS: readonly Configurations[] = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'];

class WebhookList {
  version = -1;
  webhooks: readonly Webhook[] = [];
}

const NONE: readonly Webhook[] = [];

/** Admission of one server: the plugins, the webhooks and the quotas, in the server's order. */
export class Admission {
  readonly quota: QuotaControl;
  readonly webhooks = new WebhookMetrics();
  private readonly plugins: AdmissionPlugins;
  private readonly view: AdmissionView;
  private readonly servers: WebhookServers;
  private readonly stream: Stream;
  private readonly disabled: ReadonlySet<string>;
  private readonly mutating = new WebhookList();
  private readonly validating = new WebhookList();

  constructor(view: NamespaceIndex, etcd: EtcdClient, owner: QuotaOwner, servers: WebhookServers, stream: Stream, disabled: ReadonlySet<string>) {
    this.view = view;
    this.disabled = disabled;
    this.plugins = new AdmissionPlugins(view, disabled);
    this.quota = new QuotaControl(view, etcd, owner);
    this.servers = servers;
    this.stream = stream;
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
    return this.matching(this.mutating, 'mutatingwebhookconfigurations', attributes);
  }

  /** Validating webhooks that a request goes to. */
  validatingWebhooks(attributes: Attributes): readonly Webhook[] {
    return this.matching(this.validating, 'validatingwebhookconfigurations', attributes);
  }

  mutatingRun(owner: WebhookOwner, slot: number, attributes: Attributes, webhooks: readonly Webhook[]): MutatingRun {
    return new MutatingRun(owner, slot, attributes, webhooks, this.servers, this.stream, this.webhooks);
  }

  validatingRun(owner: WebhookOwner, slot: number, attributes: Attributes, webhooks: readonly Webhook[]): ValidatingRun {
    const run = new ValidatingRun(owner, slot, attributes, this.webhooks);
    run.call(webhooks, this.servers, this.stream);
    return run;
  }

  private matching(list: WebhookList, resource: Configurations, attributes: Attributes): readonly Webhook[] {
    if (this.disabled.has(resource === 'mutatingwebhookconfigurations' ? 'MutatingAdmissionWebhook' : 'ValidatingAdmissionWebhook')) return NONE;
    const version = this.view.version(resource);
    if (list.version !== version) {
      list.version = version;
      list.webhooks = webhooksInOrder(this.view.in(resource, '') as Iterable<WebhookConfiguration>);
    }
    if (list.webhooks.length === 0) return NONE;
    return list.webhooks.filter((webhook) => webhookMatches(webhook, attributes, this.view));
  }
}
