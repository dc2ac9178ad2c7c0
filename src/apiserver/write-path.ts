import type { Webhook } from '../api/admission-kinds.js';
import type { KubernetesObject } from '../api/meta.js';
import type { EtcdClient, EtcdReceiver, EtcdResponse, KeyNote } from '../etcd/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { Duration } from '../kernel/time.js';
import type { Stream } from '../random/stream.js';
import { Admission } from './admission/admission.js';
import type { Attributes } from './admission/attributes.js';
import type { QuotaOwner } from './admission/quota-control.js';
import { ValidatingRun, type WebhookOwner } from './admission/webhook-run.js';
import { objectOf, stamp } from './cache-feeder.js';
import { type CachedObject, type CachedObjects, REGISTRY } from './cached-objects.js';
import { type Call, type CallTable, failure, type Operation } from './call.js';
import { EventLeases, type LeaseOwner } from './event-leases.js';
import { DeleteCollectionRun } from './delete-collection.js';
import { EvictionRun } from './eviction-run.js';
import { typicalBytes } from './object-size.js';
import { admitPlainly, alreadyExists, notFound, propose, Refusal, type RegistryContext, settle } from './registry.js';
import type { ApiResponse } from './request.js';
import type { WriteOwner, WritePathOptions } from './write-path-options.js';
import { attributesOf, keyIn, operationOf, PluginWait } from './write-steps.js';

/** Tags of etcd requests: slot of the call and life of the process. */
const LIVES = 64;
/** Where events are. */
const EVENTS = `${REGISTRY}events/`;
/** Largest body of a request (server/config.go MaxRequestBodyBytes). */
const MAXIMUM_BODY = 3 * 1024 * 1024;

interface Pause {
  readonly slot: number;
  readonly life: number;
}

/**
 * From a request that has had its CPU time to its answer, for all that goes to etcd: reads of single objects, and writes with
 * optimistic concurrency (k8s.io/apiserver pkg/storage/etcd3 store.go, GuaranteedUpdate).
 */
export class WritePath implements EtcdReceiver, WebhookOwner, QuotaOwner, LeaseOwner {
  readonly registry: RegistryContext;
  readonly owner: WriteOwner;
  readonly jitter: Stream;
  readonly kubernetesVersion: string;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly resumeOpcode: number;
  private readonly calls: CallTable;
  private readonly etcd: EtcdClient;
  /** null: no plugins, no webhooks, no quotas. */
  readonly admission: Admission | null;
  /** null: events stay. */
  readonly eventLeases: EventLeases | null;
  private readonly pauses = new Slots<Pause>();
  /** Raised when the process dies, so that answers to an earlier life are ignored. */
  private life = 0;

  constructor(options: WritePathOptions) {
    this.simulation = options.simulation;
    this.target = options.target;
    this.resumeOpcode = options.resumeOpcode;
    this.calls = options.calls;
    this.etcd = options.etcd;
    this.registry = options.registry;
    this.owner = options.owner;
    this.jitter = options.jitter;
    this.kubernetesVersion = options.kubernetesVersion;
    const { admission, jitter } = options;
    const { simulation, etcd, index, eventTtl } = options;
    this.eventLeases = eventTtl > 0 ? new EventLeases(simulation, etcd.clientFor?.(EVENTS) ?? etcd, index, eventTtl, this) : null;
    this.admission = admission === null ? null : new Admission(admission.view, options.etcd, this, admission.webhooks, jitter, admission.disabled);
  }

  /** The process died: nothing that is under way goes on. */
  reset(): void {
    this.life++;
    this.eventLeases?.reset();
    this.admission?.quota.reset();
  }

  /** A call has had its CPU time: it is a get, create, update, patch or delete. */
  begin(slot: number): void {
    const call = this.calls.get(slot);
    const { kind } = call;
    if (call.bodyBytes > MAXIMUM_BODY) {
      this.owner.respond(slot, failure(413, `Request entity too large: limit is ${MAXIMUM_BODY}`));
      return;
    }
    if (kind.creates) {
      this.mutate(slot, call, undefined, true);
      return;
    }
    const { verb, subresource } = kind;
    if (subresource === 'token') {
      // TokenREST.Create reads the account; nothing is written.
      this.readNamed(slot, call);
      return;
    }
    if (verb === 'create' && subresource !== 'binding') {
      this.mutate(slot, call, undefined, true);
      return;
    }
    if (verb === 'deletecollection') {
      this.operate(call, new DeleteCollectionRun(this, slot, call.request)).start();
      return;
    }
    const live = verb === 'get' && call.request.fromCache !== true;
    const cached = live ? undefined : this.find(call, this.owner.cacheOf(kind).objects);
    // GuaranteedUpdate starts from the cached object; one that the cache does not have is looked up.
    if (cached === undefined) {
      this.readNamed(slot, call);
      return;
    }
    if (verb === 'get') {
      this.owner.respond(slot, { code: 200, object: cached.object });
      return;
    }
    call.cached = cached;
    this.mutate(slot, call, cached.object, false);
  }

  /** The object of a request in the watch cache. Most clients write one object again and again (the lease of a node): it is tried first. */
  private find({ name, namespace, caller }: Call, objects: CachedObjects): CachedObject | undefined {
    const { last } = caller;
    if (last !== null && last.home === objects && last.name === name && caller.lastNamespace === namespace) return last;
    const found = objects.find(namespace, name);
    if (found !== undefined) {
      caller.last = found;
      caller.lastNamespace = namespace;
    }
    return found;
  }

  private operate<O extends Operation>(call: Call, operation: O): O {
    call.operation = operation;
    return operation;
  }

  /** Reads the object that a request names from etcd. The key as text that etcd knows already, if the cache has it. */
  private readNamed(slot: number, call: Call): void {
    const { kind, namespace, name } = call;
    call.fresh = true;
    call.proposed = undefined;
    call.deleting = false;
    const cached = this.find(call, this.owner.cacheOf(kind).objects);
    if (cached === undefined) this.read(slot, kind.resource, namespace === '' ? name : `${namespace}/${name}`);
    else this.readAt(slot, cached.path);
  }

  /** Asks etcd for an object, with a quorum. */
  read(slot: number, resource: string, key: string): void {
    this.readAt(slot, `${REGISTRY}${resource}/${key}`);
  }

  private readAt(slot: number, key: string): void {
    this.calls.etcdSentAt[slot] = this.simulation.now;
    this.etcd.request({ op: 'range', key, prefix: false }, this, this.tag(slot));
  }

  /** Writes an object if its revision is still the expected one (0: if there is none). */
  put(slot: number, resource: string, object: KubernetesObject, expectedModRevision: number): void {
    this.putAt(slot, keyIn(resource, object), typicalBytes(resource, object), object, expectedModRevision, undefined, 0);
  }

  private putAt(slot: number, key: string, bytes: number, object: KubernetesObject, expectedModRevision: number, note: KeyNote | undefined, lease: number): void {
    this.calls.etcdSentAt[slot] = this.simulation.now;
    this.etcd.request({ op: 'txn', key, expectedModRevision, then: 'put', value: object, bytes, note, lease }, this, this.tag(slot));
  }

  /** Deletes an object if its revision is still the expected one. */
  remove(slot: number, resource: string, object: KubernetesObject, expectedModRevision: number): void {
    this.calls.etcdSentAt[slot] = this.simulation.now;
    const key = keyIn(resource, object);
    this.etcd.request({ op: 'txn', key, expectedModRevision, then: 'delete', bytes: 0 }, this, this.tag(slot));
  }

  /** The call's operation is told after a while. */
  pause(slot: number, delay: Duration): void {
    this.simulation.schedule(delay, this.target, this.resumeOpcode, this.pauses.put({ slot, life: this.life }));
  }

  /** A pause is over. */
  resume(argument: number): void {
    const { slot, life } = this.pauses.take(argument);
    if (life === this.life) this.calls.get(slot).operation!.resumed();
  }

  private tag(slot: number): number {
    return slot * LIVES + (this.life % LIVES);
  }

  private mutate(slot: number, call: Call, current: KubernetesObject | undefined, fresh: boolean): void {
    call.base = current;
    call.fresh = fresh;
    const { kind, request } = call;
    const { admission } = this;
    const proposal = kind.subresource === 'eviction' ? undefined : propose(request, kind, current, this.registry);
    if (proposal instanceof Refusal) this.refuse(slot, call, proposal.response);
    else if (admission === null) this.settle(slot, call, admitPlainly(kind, proposal), false);
    else if (!admission.concerns(kind, call.namespace)) this.settle(slot, call, proposal, false);
    else {
      call.candidate = proposal;
      call.waits = 0;
      this.admit(slot, call, admission);
    }
  }

  /** A refusal that came from a cached object is checked against the store once. */
  private refuse(slot: number, call: Call, response: ApiResponse): void {
    if (call.fresh) this.owner.respond(slot, response);
    else this.readNamed(slot, call);
  }

  /** Mutating admission: the plugins, then the webhooks. */
  private admit(slot: number, call: Call, admission: Admission): void {
    const attributes = attributesOf(call, call.candidate);
    const verdict = admission.mutate(attributes, call.waits);
    if (verdict.kind === 'wait') {
      call.waits++;
      call.operation = new PluginWait(this, slot);
      this.pause(slot, verdict.delay);
      return;
    }
    if (verdict.kind === 'refuse') {
      this.refuse(slot, call, verdict.response);
      return;
    }
    const admitted: Attributes = verdict.object === attributes.object ? attributes : { ...attributes, object: verdict.object };
    const webhooks = admission.mutatingWebhooks(admitted);
    if (webhooks.length === 0) this.settle(slot, call, verdict.object ?? call.candidate, true);
    else this.operate(call, admission.mutatingRun(this, slot, admitted, webhooks)).start();
  }

  /** A plugin looks again. */
  admitAgain(slot: number): void {
    const call = this.calls.get(slot);
    call.operation = null;
    this.admit(slot, call, this.admission!);
  }

  mutatingWebhooks(attributes: Attributes): readonly Webhook[] {
    return this.admission!.mutatingWebhooks(attributes);
  }

  webhookCalled(slot: number, duration: Duration): void {
    this.calls.get(slot).excluded += duration;
    this.pause(slot, duration);
  }

  webhooksAnswered(slot: number, object: KubernetesObject | undefined, refusal: ApiResponse | undefined): void {
    const call = this.calls.get(slot);
    const validated = call.operation instanceof ValidatingRun;
    call.operation = null;
    if (refusal !== undefined) this.refuse(slot, call, refusal);
    else if (validated) this.askQuotas(slot, call, attributesOf(call, call.proposed));
    else this.settle(slot, call, object ?? call.candidate, true);
  }

  /** Validation, and validating admission (`admitted`: it has a say). */
  private settle(slot: number, call: Call, object: KubernetesObject | undefined, admitted: boolean): void {
    const { request, kind, base } = call;
    if (kind.subresource !== 'eviction') {
      const decision = settle(request, kind, base, object, this.registry);
      if (decision.kind === 'fail') {
        this.refuse(slot, call, decision.response);
        return;
      }
      if (decision.kind === 'unchanged') {
        if (call.fresh) this.owner.respond(slot, { code: 200, object: decision.object });
        else this.readNamed(slot, call);
        return;
      }
      call.proposed = decision.object;
      call.deleting = decision.kind === 'delete';
      call.deletes = decision.kind === 'put' && decision.deletes === true;
      call.expectedRevision = decision.expectedRevision;
    }
    if (admitted) this.validate(slot, call, this.admission!);
    else this.write(slot, call);
  }

  private validate(slot: number, call: Call, admission: Admission): void {
    const attributes = attributesOf(call, call.proposed);
    const refusal = admission.validate(attributes);
    if (refusal !== undefined) {
      this.refuse(slot, call, refusal);
      return;
    }
    const webhooks = admission.validatingWebhooks(attributes);
    if (webhooks.length === 0) this.askQuotas(slot, call, attributes);
    else this.operate(call, admission.validatingRun(this, slot, attributes, webhooks));
  }

  private askQuotas(slot: number, call: Call, attributes: Attributes): void {
    if (this.admission?.hasQuotas(attributes) === true) this.admission.quota.decide(slot, attributes);
    else this.write(slot, call);
  }

  quotaDecided(slot: number, refusal: ApiResponse | undefined): void {
    const call = this.calls.get(slot);
    if (refusal !== undefined) this.refuse(slot, call, refusal);
    else this.write(slot, call);
  }

  private write(slot: number, call: Call): void {
    const { kind, proposed } = call;
    if (kind.subresource === 'eviction') this.operate(call, new EvictionRun(this, slot, call.request)).start();
    else if (call.deleting) this.remove(slot, kind.resource, proposed!, call.expectedRevision);
    else if (kind.resource === 'events' && this.eventLeases !== null) this.eventLeases.take(slot);
    else this.putProposed(slot, call, 0);
  }

  leaseReady(slot: number, lease: number, error: string): void {
    if (error === '') this.putProposed(slot, this.calls.get(slot), lease);
    else this.owner.respond(slot, failure(500, error, 'Unknown'));
  }

  private putProposed(slot: number, call: Call, lease: number): void {
    const { kind, cached, expectedRevision } = call;
    const proposed = call.proposed!;
    const bytes = kind.objectBytes >= 0 ? kind.objectBytes : typicalBytes(kind.resource, proposed);
    if (kind.creates && expectedRevision === 0) {
      const made = this.owner.cacheOf(kind).objects.prepare(proposed);
      this.putAt(slot, made.path, bytes, proposed, 0, made, lease);
      return;
    }
    // The name as text that etcd knows already, unless a body names something else.
    const known = cached !== null && proposed.metadata.name === cached.name ? cached : undefined;
    const key = known === undefined ? keyIn(kind.resource, proposed) : known.path;
    this.putAt(slot, key, bytes, proposed, expectedRevision, known, lease);
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    if (tag % LIVES !== this.life % LIVES) return;
    const slot = Math.floor(tag / LIVES);
    const call = this.calls.get(slot);
    this.owner.metrics.observeEtcd(operationOf(call), call.kind, this.simulation.now - this.calls.etcdSentAt[slot]!, response.error !== undefined);
    if (response.error !== undefined) {
      // The server has no words of its own for errors of etcd (endpoints/handlers/responsewriters/status.go).
      this.owner.respond(slot, failure(500, response.error, 'Unknown'));
      return;
    }
    if (call.operation !== null) {
      call.operation.etcdAnswered(response);
      return;
    }
    if (call.proposed === undefined) this.readAnswered(slot, call, objectOf(response.kvs?.[0]));
    else this.written(slot, call, response);
  }

  private readAnswered(slot: number, call: Call, current: KubernetesObject | undefined): void {
    const { kind } = call;
    if (kind.subresource === 'token') this.owner.respond(slot, current === undefined ? notFound(call.request) : { code: 201, object: current });
    else if (kind.verb !== 'get') this.mutate(slot, call, current, true);
    else if (current === undefined) this.owner.respond(slot, notFound(call.request));
    else this.owner.respond(slot, { code: 200, object: current });
  }

  private written(slot: number, call: Call, response: EtcdResponse): void {
    const { kind } = call;
    this.owner.metrics.observeEtcdWrite(this.simulation.now - this.calls.etcdSentAt[slot]!);
    if (response.succeeded) {
      const object = call.proposed!;
      if (!call.deleting) stamp(object, response.revision);
      if (call.deletes) {
        call.deletes = false;
        call.deleting = true;
        this.remove(slot, kind.resource, object, response.revision);
        return;
      }
      this.owner.respond(slot, { code: kind.verb === 'create' ? 201 : 200, object });
      return;
    }
    // The compare failed: somebody wrote in between.
    call.conflicts++;
    if (kind.creates) this.owner.respond(slot, alreadyExists(call.request));
    else this.mutate(slot, call, objectOf(response.kvs?.[0]), true);
  }
}
