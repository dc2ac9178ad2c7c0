import type { Webhook } from '../../api/admission-kinds.js';
import type { KubernetesObject, Labels } from '../../api/meta.js';
import { type Duration, SECOND } from '../../kernel/time.js';
import { type DistributionSpec, sample } from '../../random/distribution.js';
import type { Stream } from '../../random/stream.js';
import type { WebhookBehaviour } from '../../scenario/types.js';
import type { WebhookAnswer } from './webhooks.js';

/** How long a webhook takes, and what it answers. */
export interface WebhookCall {
  readonly duration: Duration;
  readonly answer: WebhookAnswer;
}

/** apiserver_admission_webhook_*: calls of one webhook since the start. */
export interface WebhookFigures {
  calls: number;
  /** Calls that got no answer in time, or none at all. */
  failures: number;
  denials: number;
  /** Nanoseconds of all calls together. */
  time: Duration;
}

/** HTTP status of a denial that names none: what controller-runtime's webhooks answer. */
const FORBIDDEN = 403;

/** The webhooks of a cluster as the scenario describes them: their latency, their failures, what they change and deny. */
export class WebhookServers {
  readonly figures = new Map<string, WebhookFigures>();
  /** Names of webhooks that are down: nobody listens. */
  readonly down = new Set<string>();
  private readonly behaviours: readonly WebhookBehaviour[];
  private readonly latency: DistributionSpec;

  /** `latency`: of webhooks that the scenario says nothing about. */
  constructor(behaviours: readonly WebhookBehaviour[], latency: DistributionSpec) {
    this.behaviours = behaviours;
    this.latency = latency;
  }

  /** One call: draws its latency and its outcome. */
  call(webhook: Webhook, stream: Stream): WebhookCall {
    const behaviour = this.behaviours.find(({ name }) => name === webhook.name);
    const duration = sample(behaviour?.latency ?? this.latency, stream);
    const result = this.outcome(webhook, behaviour, duration, stream);
    const figures = this.figures.get(webhook.name) ?? { calls: 0, failures: 0, denials: 0, time: 0 };
    this.figures.set(webhook.name, figures);
    figures.calls++;
    figures.time += result.duration;
    if (result.answer.kind === 'denied') figures.denials++;
    else if (result.answer.kind !== 'allowed') figures.failures++;
    return result;
  }

  private outcome(webhook: Webhook, behaviour: WebhookBehaviour | undefined, duration: Duration, stream: Stream): WebhookCall {
    const { failures = 0, denials = 0, message = '' } = behaviour ?? {};
    if (this.down.has(webhook.name) || (failures > 0 && stream.next() < failures)) return { duration: 0, answer: { kind: 'refused' } };
    const limit = webhook.timeoutSeconds * SECOND;
    if (duration >= limit) return { duration: limit, answer: { kind: 'timeout' } };
    if (denials > 0 && stream.next() < denials) return { duration, answer: { kind: 'denied', message, code: FORBIDDEN } };
    return { duration, answer: { kind: 'allowed' } };
  }

  /** What a mutating webhook makes of an object: the labels and annotations that the scenario names. Same reference: nothing. */
  mutate(webhook: Webhook, object: KubernetesObject): KubernetesObject {
    const behaviour = this.behaviours.find(({ name }) => name === webhook.name);
    if (behaviour === undefined) return object;
    const { metadata } = object;
    const labels = added(metadata.labels, behaviour.labels);
    const annotations = added(metadata.annotations, behaviour.annotations);
    if (labels === metadata.labels && annotations === metadata.annotations) return object;
    const changed = { ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) };
    return { ...object, metadata: { ...metadata, ...changed } };
  }
}

function added(have: Labels | undefined, more: Labels | undefined): Labels | undefined {
  if (more === undefined || Object.entries(more).every(([key, value]) => have?.[key] === value)) return have;
  return { ...have, ...more };
}
