import type { Webhook } from '../../api/admission-kinds.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { Duration } from '../../kernel/time.js';
import type { Stream } from '../../random/stream.js';
import type { Operation } from '../call.js';
import type { ApiResponse } from '../request.js';
import type { Attributes } from './attributes.js';
import type { WebhookCall, WebhookServers } from './webhook-calls.js';
import type { WebhookMetrics } from './webhook-figures.js';
import { refusalOf } from './webhooks.js';

/** Told when all webhooks of a request have answered. */
export interface WebhookOwner {
  /** Webhooks take so long; the run is resumed then. */
  webhookCalled(slot: number, duration: Duration): void;
  /** `object`: after the changes of mutating webhooks. */
  webhooksAnswered(slot: number, object: KubernetesObject | undefined, refusal: ApiResponse | undefined): void;
  /** Mutating webhooks that a request goes to, given what others have made of it. */
  mutatingWebhooks(attributes: Attributes): readonly Webhook[];
}

/** Mutating webhooks one after the other; those with reinvocationPolicy IfNeeded once more if a later one changed the object. */
export class MutatingRun implements Operation {
  private readonly owner: WebhookOwner;
  private readonly slot: number;
  private attributes: Attributes;
  private readonly servers: WebhookServers;
  private readonly stream: Stream;
  private readonly metrics: WebhookMetrics;
  /** The call under way. */
  private call: WebhookCall | null = null;
  private webhooks: readonly Webhook[];
  private next = 0;
  private again = false;
  /** Position of the last webhook that changed the object in the first round; −1: none. */
  private lastChange = -1;
  private refusal: ApiResponse | undefined = undefined;

  constructor(owner: WebhookOwner, slot: number, attributes: Attributes, webhooks: readonly Webhook[], servers: WebhookServers, stream: Stream, metrics: WebhookMetrics) {
    this.metrics = metrics;
    this.owner = owner;
    this.slot = slot;
    this.attributes = attributes;
    this.webhooks = webhooks;
    this.servers = servers;
    this.stream = stream;
  }

  /** Calls the next webhook, or reports the end. */
  start(): void {
    const webhook = this.webhooks[this.next];
    if (this.refusal !== undefined || webhook === undefined) {
      this.end();
      return;
    }
    this.call = this.servers.call(webhook, this.stream);
    const { duration, answer } = this.call;
    this.refusal = refusalOf(webhook, answer);
    const { object } = this.attributes;
    if (answer.kind === 'allowed' && object !== undefined) {
      const changed = this.servers.mutate(webhook, object);
      if (changed !== object) {
        this.attributes = { ...this.attributes, object: changed };
        if (!this.again) this.lastChange = this.next;
      }
    }
    this.next++;
    this.owner.webhookCalled(this.slot, duration);
  }

  private end(): void {
    if (this.refusal === undefined && !this.again && this.lastChange > 0) {
      // What came before the last change has not seen it.
      const earlier = this.webhooks.slice(0, this.lastChange);
      this.again = true;
      this.next = 0;
      this.webhooks = this.owner.mutatingWebhooks(this.attributes).filter((each) => each.reinvocationPolicy === 'IfNeeded' && earlier.includes(each));
      this.start();
      return;
    }
    this.owner.webhooksAnswered(this.slot, this.attributes.object, this.refusal);
  }

  resumed(): void {
    const { answer, duration } = this.call!;
    this.metrics.called(this.webhooks[this.next - 1]!, 'admit', this.attributes.operation, answer, duration);
    this.start();
  }

  etcdAnswered(): void {
    throw new Error('a request that waits for webhooks asks etcd nothing');
  }
}

/** Validating webhooks, all at once; the request waits for the last one, and the first refusal counts. */
export class ValidatingRun implements Operation {
  private readonly owner: WebhookOwner;
  private readonly slot: number;
  private readonly attributes: Attributes;
  private readonly metrics: WebhookMetrics;
  private readonly calls: { readonly webhook: Webhook; readonly call: WebhookCall }[] = [];
  private refusal: ApiResponse | undefined = undefined;

  constructor(owner: WebhookOwner, slot: number, attributes: Attributes, metrics: WebhookMetrics) {
    this.owner = owner;
    this.slot = slot;
    this.attributes = attributes;
    this.metrics = metrics;
  }

  /** Calls the webhooks. */
  call(webhooks: readonly Webhook[], servers: WebhookServers, stream: Stream): void {
    let longest = 0;
    let first = Number.POSITIVE_INFINITY;
    for (const webhook of webhooks) {
      const call = servers.call(webhook, stream);
      this.calls.push({ webhook, call });
      const { duration, answer } = call;
      const refusal = refusalOf(webhook, answer);
      if (refusal !== undefined && duration < first) {
        first = duration;
        this.refusal = refusal;
      }
      if (duration > longest) longest = duration;
    }
    this.owner.webhookCalled(this.slot, longest);
  }

  resumed(): void {
    const { operation, object } = this.attributes;
    for (const { webhook, call } of this.calls) this.metrics.called(webhook, 'validating', operation, call.answer, call.duration);
    this.owner.webhooksAnswered(this.slot, object, this.refusal);
  }

  etcdAnswered(): void {
    throw new Error('a request that waits for webhooks asks etcd nothing');
  }
}
