import type { Webhook } from '../../api/admission-kinds.js';
import type { Duration } from '../../kernel/time.js';
import { LogHistogram } from '../../stats/index.js';
import type { Operation } from './attributes.js';
import type { WebhookAnswer } from './webhooks.js';

/** Label `type` of the two kinds (plugin/webhook/{mutating,validating}/dispatcher.go). */
export type WebhookType = 'admit' | 'validating';

/** What a call that got no answer counts as: an error that is no status becomes ServiceUnavailable (dispatcher.go). */
const NO_ANSWER = 503;

/** Labels and what they count. */
export interface Counted<L> {
  readonly labels: L;
  count: number;
}

interface CallLabels {
  readonly name: string;
  readonly operation: Operation;
  readonly rejected: string;
  readonly type: WebhookType;
}

/** apiserver_admission_webhook_* of one server (k8s.io/apiserver pkg/admission/metrics), since the start. */
export class WebhookMetrics {
  /** By name, type, operation and whether the request was rejected: nanoseconds. */
  readonly durations = new Map<string, { readonly labels: CallLabels; readonly durations: LogHistogram }>();
  /** By status code, too. */
  readonly requests = new Map<string, Counted<CallLabels & { readonly code: string }>>();
  readonly rejections = new Map<string, Counted<{ readonly name: string; readonly operation: Operation; readonly type: WebhookType; readonly error_type: string; readonly rejection_code: string }>>();
  /** Calls without an answer that failurePolicy Ignore let pass. */
  readonly failOpen = new Map<string, Counted<{ readonly name: string; readonly type: WebhookType }>>();

  /** A webhook has answered, or has not. */
  called({ name, failurePolicy }: Webhook, type: WebhookType, operation: Operation, answer: WebhookAnswer, duration: Duration): void {
    const answered = answer.kind === 'allowed' || answer.kind === 'denied';
    const rejected = answer.kind === 'denied' || (!answered && failurePolicy !== 'Ignore');
    const code = String(answer.kind === 'allowed' ? 200 : answer.kind === 'denied' ? answer.code : NO_ANSWER);
    const labels: CallLabels = { name, operation, rejected: String(rejected), type };
    const key = `${name} ${type} ${operation} ${rejected}`;
    let taken = this.durations.get(key);
    if (taken === undefined) this.durations.set(key, (taken = { labels, durations: new LogHistogram() }));
    taken.durations.observe(duration);
    count(this.requests, `${key} ${code}`, { ...labels, code });
    if (rejected) {
      const error_type = answered ? 'no_error' : 'calling_webhook_error';
      count(this.rejections, `${key} ${error_type} ${code}`, { name, operation, type, error_type, rejection_code: code });
    } else if (!answered) count(this.failOpen, `${name} ${type}`, { name, type });
  }
}

function count<L>(into: Map<string, Counted<L>>, key: string, labels: L): void {
  const known = into.get(key);
  if (known === undefined) into.set(key, { labels, count: 1 });
  else known.count++;
}
