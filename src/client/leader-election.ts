import type { Lease } from '../api/workloads.js';
import { type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import type { Stream } from '../random/stream.js';
import type { ApiClient } from './types.js';

/** Defaults of --leader-elect-lease-duration, -renew-deadline, -retry-period, and the jitter of attempts (tools/leaderelection). */
export const LEASE_DURATION_SECONDS = 15;
export const RENEW_DEADLINE: Duration = 10e9;
export const RETRY_PERIOD: Duration = 2e9;
export const JITTER_FACTOR = 1.2;
const NAMESPACE = 'kube-system';

/** Times of an election, as component configurations state them. */
export interface ElectionTimes {
  readonly leaseDuration: Duration;
  readonly renewDeadline: Duration;
  readonly retryPeriod: Duration;
}

const DEFAULT_TIMES: ElectionTimes = {
  leaseDuration: LEASE_DURATION_SECONDS * 1e9,
  renewDeadline: RENEW_DEADLINE,
  retryPeriod: RETRY_PERIOD,
};

const OP_ATTEMPT = 1;
const OP_DEADLINE = 2;

const GET = 0;
const CREATE = 1;
const UPDATE = 2;
/** The update that a leader makes without reading first. */
const RENEW = 3;
const RELEASE = 4;
const TAGS = 8;

/** Told when a candidate becomes leader and when it is no longer. */
export interface LeaderOwner {
  startedLeading(replica: number): void;
  stoppedLeading(replica: number): void;
  /** The process of a candidate has started or ended, leading or not. */
  candidateStarted?(replica: number): void;
  candidateStopped?(replica: number): void;
}

/** What a candidate may do about a lease that it has read. */
export function mayAcquire(lease: Lease, identity: string, observedAt: Time, now: Time): boolean {
  const { holderIdentity, leaseDurationSeconds } = lease.spec;
  return holderIdentity === '' || holderIdentity === identity || observedAt + leaseDurationSeconds * 1e9 <= now;
}

/** The record that a candidate writes over what it has read (undefined: there is none yet). */
export function leaseRecord(
  name: string,
  identity: string,
  old: Lease | undefined,
  now: Time,
  namespace = NAMESPACE,
  leaseDurationSeconds = LEASE_DURATION_SECONDS,
): Lease {
  const mine = old?.spec.holderIdentity === identity;
  const transitions = (old?.spec.leaseTransitions ?? 0) + (old === undefined || mine ? 0 : 1);
  const metadata = { name, namespace, uid: '', resourceVersion: 0, generation: 1, creationTimestamp: now };
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: old?.metadata ?? metadata,
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds,
      acquireTime: mine ? (old.spec.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: transitions,
    },
  };
}

export interface LeaderElectorOptions {
  readonly simulation: Simulation;
  readonly client: ApiClient;
  readonly stream: Stream;
  readonly lease: string;
  /** Namespace of the lease; absent: kube-system. */
  readonly namespace?: string;
  /** Absent: the defaults of all components. */
  readonly times?: ElectionTimes;
  /** Name of the process; absent: that of the lease. */
  readonly process?: string;
  readonly replica: number;
  readonly owner: LeaderOwner;
  /** Whether it gives the lease back when it ends (kube-scheduler does, kube-controller-manager does not). */
  readonly releaseOnCancel: boolean;
}

/**
 * One candidate for a lease (client-go tools/leaderelection): renews every 2 s while it leads and gives up after 10 s without
 * success; tries every 2 to 4.4 s while another leads, and takes over when the record has not changed for 15 s by its own clock.
 */
export class LeaderElector implements Component, ResponseReceiver {
  readonly name: string;
  leading = false;
  /** The process that it is a candidate of runs. */
  running = false;
  /** Times it became leader, and requests that renewed the lease. */
  acquired = 0;
  renewals = 0;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly stream: Stream;
  private readonly lease: string;
  private readonly namespace: string;
  private readonly times: ElectionTimes;
  private readonly replica: number;
  private readonly owner: LeaderOwner;
  private readonly releaseOnCancel: boolean;
  private observed: Lease | undefined = undefined;
  private observedAt: Time = 0;
  /** Raised at every start and end of the process: answers and timers of an earlier life are not heard. */
  private life = 0;
  private deadline = 0;

  constructor(options: LeaderElectorOptions) {
    this.simulation = options.simulation;
    this.client = options.client;
    this.stream = options.stream;
    this.lease = options.lease;
    this.namespace = options.namespace ?? NAMESPACE;
    this.times = options.times ?? DEFAULT_TIMES;
    this.replica = options.replica;
    this.owner = options.owner;
    this.releaseOnCancel = options.releaseOnCancel;
    this.name = `${options.process ?? options.lease}-${options.replica}/leader-election`;
    this.target = this.simulation.add(this);
  }

  /** Each start of the process has an identity of its own (host name and a random part). */
  private get identity(): string {
    return `control-plane-${this.replica}_${this.life}`;
  }

  /** The process starts: it becomes a candidate after a while. */
  start(delay: Duration = 0): void {
    this.life++;
    this.running = true;
    this.observed = undefined;
    this.owner.candidateStarted?.(this.replica);
    this.simulation.schedule(delay, this.target, OP_ATTEMPT, this.life);
  }

  /** The process ends: gracefully (a leader may release its lease) or by a crash. */
  stop(graceful: boolean): void {
    if (!this.running) return;
    const { leading } = this;
    if (leading && graceful && this.releaseOnCancel) this.release();
    this.running = false;
    this.life++;
    this.leading = false;
    this.simulation.cancel(this.deadline);
    if (leading) this.owner.stoppedLeading(this.replica);
    this.owner.candidateStopped?.(this.replica);
  }

  describe(opcode: number): string {
    return opcode === OP_ATTEMPT ? 'a candidate tries to get or renew its lease' : 'a leader could not renew its lease in time';
  }

  handle(opcode: number, life: number): void {
    if (life !== this.life) return;
    if (opcode === OP_ATTEMPT) this.attempt();
    else this.lose();
  }

  private attempt(): void {
    const valid = this.observedAt + this.times.leaseDuration > this.simulation.now;
    if (this.leading && valid) this.write(RENEW);
    else this.read();
  }

  private read(): void {
    this.client.request({ verb: 'get', resource: 'leases', namespace: this.namespace, name: this.lease }, this, this.life * TAGS + GET);
  }

  private write(kind: number): void {
    const body = leaseRecord(this.lease, this.identity, this.observed, this.simulation.now, this.namespace, this.leaseSeconds);
    const verb = kind === CREATE ? 'create' : 'update';
    this.client.request({ verb, resource: 'leases', namespace: this.namespace, name: this.lease, body }, this, this.life * TAGS + kind);
  }

  /** LeaseDuration in whole seconds, as the record holds it (leaderelection.go: integer division). */
  private get leaseSeconds(): number {
    return Math.max(1, Math.trunc(this.times.leaseDuration / 1e9));
  }

  private release(): void {
    const old = this.observed!;
    const spec = { ...old.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: this.simulation.now };
    const body: Lease = { ...old, spec };
    this.client.request({ verb: 'update', resource: 'leases', namespace: this.namespace, name: this.lease, body }, this, this.life * TAGS + RELEASE);
  }

  receive(tag: number, response: ApiResponse): void {
    if (Math.floor(tag / TAGS) !== this.life) return;
    const kind = tag % TAGS;
    if (kind === GET) this.readAnswered(response);
    else if (succeeded(response)) this.held(response.object as Lease);
    // A renewal that failed is tried once more from what is stored, at once.
    else if (kind === RENEW && response.code !== 0) this.read();
    else this.tryAgain();
  }

  private readAnswered(response: ApiResponse): void {
    const { now } = this.simulation;
    if (response.code === 404) {
      this.observed = undefined;
      this.write(CREATE);
      return;
    }
    if (!succeeded(response)) {
      this.tryAgain();
      return;
    }
    const lease = response.object as Lease;
    if (lease.metadata.resourceVersion !== this.observed?.metadata.resourceVersion) {
      this.observed = lease;
      this.observedAt = now;
    }
    if (mayAcquire(lease, this.identity, this.observedAt, now)) this.write(UPDATE);
    else this.tryAgain();
  }

  /** The lease is ours for another while. */
  private held(lease: Lease): void {
    this.observed = lease;
    this.observedAt = this.simulation.now;
    this.simulation.cancel(this.deadline);
    // The next renewal begins in 2 s (at once after acquiring) and has 10 s to succeed.
    const first = !this.leading;
    const { retryPeriod, renewDeadline } = this.times;
    this.schedule(OP_ATTEMPT, first ? 0 : retryPeriod);
    this.deadline = this.schedule(OP_DEADLINE, (first ? 0 : retryPeriod) + renewDeadline);
    if (first) {
      this.leading = true;
      this.acquired++;
      this.owner.startedLeading(this.replica);
    } else this.renewals++;
  }

  private tryAgain(): void {
    const { retryPeriod } = this.times;
    this.schedule(OP_ATTEMPT, this.leading ? retryPeriod : Math.round(retryPeriod * (1 + this.stream.next() * JITTER_FACTOR)));
  }

  private schedule(opcode: number, delay: Duration): number {
    return this.simulation.schedule(delay, this.target, opcode, this.life);
  }

  /** The process ends because its lease is no longer sure, and is started again as a new candidate. */
  private lose(): void {
    this.stop(true);
    this.start();
  }
}
