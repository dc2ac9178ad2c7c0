import type { Service } from '../api/core.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, type Patch, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler, WorkQueue, WorkQueueConsumer } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, SECOND } from '../kernel/time.js';
import { type DistributionSpec, sample } from '../random/distribution.js';
import { hashText, type KeyedDraws } from '../random/stream.js';
import { AddFinalizerPatch } from './attachment-patches.js';
import { RemoveFinalizerPatch } from './garbage-collector.js';
import { type Backends, type BackendListener, LoadBalancerNodes } from './load-balancer-nodes.js';

/** servicehelper.LoadBalancerCleanupFinalizer. */
export const LOAD_BALANCER_FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
/** cloud-provider/controllers/service/controller.go minRetryDelay and maxRetryDelay. */
const MINIMUM_RETRY: Duration = 5 * SECOND;
const MAXIMUM_RETRY: Duration = 300 * SECOND;
/** The informer shows all Services to the controller again so often (serviceSyncPeriod). */
const SERVICE_RESYNC: Duration = 30 * SECOND;
/** Client limits of the cloud controller manager (--kube-api-qps, --kube-api-burst). */
const QPS = 20;
const BURST = 30;
/** Addresses that load balancers get: of 203.0.113.0/24, which is reserved for documentation (RFC 5737). */
const ADDRESSES = '203.0.113.';

const OP_CLOUD = 1;
const OP_RESYNC = 2;

type Step = 'finalizer' | 'cloud' | 'status' | 'release';

/** Whether a Service is to have a load balancer of the cloud (wantsLoadBalancer). */
export function wantsLoadBalancer({ spec, metadata }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.extra?.['loadBalancerClass'] === undefined && metadata.deletionTimestamp === undefined;
}

/** Whether its load balancer can be reached: the status names an address. */
export function hasLoadBalancer({ status }: Service): boolean {
  return (status?.loadBalancer?.ingress?.length ?? 0) > 0;
}

/** What of a Service the cloud's load balancer is made of (needsUpdate): ports and policies. */
function asks({ spec }: Service): string {
  return JSON.stringify([spec.ports ?? [], spec.sessionAffinity, spec.externalTrafficPolicy, spec.extra?.['loadBalancerSourceRanges']]);
}

/** status.loadBalancer, as the service controller writes it. */
export class LoadBalancerStatusPatch implements Patch {
  readonly bytes = 90;
  private readonly ip: string;

  /** @param ip empty: there is none any more */
  constructor(ip: string) {
    this.ip = ip;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const service = current as Service;
    const known = service.status?.loadBalancer?.ingress?.[0]?.ip ?? '';
    if (known === this.ip) return current;
    return { ...service, status: { ...service.status, loadBalancer: this.ip === '' ? {} : { ingress: [{ ip: this.ip }] } } } as Service;
  }
}

/**
 * The service controller of the cloud controller manager (cloud-provider/controllers/service): one Service after the other, a finalizer
 * first, then the cloud's own time, then the address in status.loadBalancer.ingress; deletions wait until the cloud has taken it away.
 */
export class ServiceLoadBalancerController implements Component, ResponseReceiver, WorkQueueConsumer, ResourceEventHandler<Service>, BackendListener {
  readonly name = 'service-lb-controller';
  /** Load balancers that the start state asks for are there at once; from now on the cloud takes its time. */
  limited = false;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly events: EventRecorder;
  private readonly services: Informer<Service>;
  private readonly queue: WorkQueue;
  private readonly nodes: LoadBalancerNodes;
  private readonly create: DistributionSpec;
  private readonly draws: KeyedDraws;
  /** Services that have a load balancer in the cloud, with its address. */
  private readonly balancers = new Map<string, string>();
  /** Services whose load balancer is to be made anew as they say now. */
  private readonly outdated = new Set<string>();
  private made = 0;
  private calls = 0;
  /** The Service in work, and where it is; empty: none. */
  private current = '';
  private removes = false;
  private step: Step = 'finalizer';

  constructor(context: ProcessContext, create: DistributionSpec) {
    const { simulation, randomness } = context;
    this.simulation = simulation;
    this.target = simulation.add(this);
    this.client = context.client(this.name, QPS, BURST);
    this.events = context.eventRecorder('service-controller', this.client);
    this.create = create;
    this.draws = randomness.keyed('cloud/load-balancers');
    this.queue = context.workQueue('service', this, MINIMUM_RETRY, MAXIMUM_RETRY);
    this.services = context.informers.informer<Service>('services');
    this.services.addEventHandler(this);
    this.nodes = new LoadBalancerNodes(context, this, MINIMUM_RETRY, MAXIMUM_RETRY);
    simulation.schedule(SERVICE_RESYNC, this.target, OP_RESYNC);
  }

  /** The nodes that the load balancer of a Service (`namespace/name`) sends to; undefined: it is none of this controller's making. */
  backendsOf(key: string): Backends | undefined {
    return this.nodes.backendsOf(key);
  }

  backendsUpdated(key: string, nodes: number): void {
    const service = this.services.get(key);
    if (service === undefined) return;
    if (nodes === 0) this.events.event(service, 'Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer');
    else this.events.event(service, 'Normal', 'UpdatedLoadBalancer', 'Updated load balancer with new hosts');
  }

  onAdd(service: Service): void {
    const key = keyOf(service);
    // What somebody else has set up (a dump of a cluster) is left as it is.
    if (hasLoadBalancer(service) && !this.balancers.has(key)) this.balancers.set(key, service.status!.loadBalancer!.ingress![0]!.ip ?? '');
    if (wantsLoadBalancer(service) !== hasLoadBalancer(service) || this.leaves(service)) this.queue.add(key);
  }

  /** What the controller itself writes (finalizer, status) is no reason to look again (needsUpdate, needsCleanup). */
  onUpdate(old: Service, service: Service): void {
    const key = keyOf(service);
    if (wantsLoadBalancer(service) && this.balancers.has(key) && asks(old) !== asks(service)) this.outdated.add(key);
    if (wantsLoadBalancer(old) !== wantsLoadBalancer(service) || this.leaves(service) || this.outdated.has(key)) this.queue.add(key);
  }

  onDelete(service: Service): void {
    this.balancers.delete(keyOf(service));
    this.outdated.delete(keyOf(service));
    this.nodes.forget(keyOf(service));
  }

  private leaves({ metadata }: Service): boolean {
    return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(LOAD_BALANCER_FINALIZER) === true;
  }

  /** --concurrent-service-syncs is 1. */
  workAvailable(): void {
    if (this.current !== '') return;
    const key = this.queue.get();
    if (key === undefined) return;
    this.current = key;
    const service = this.services.get(key);
    if (service === undefined) this.finish(true);
    else if (wantsLoadBalancer(service)) {
      this.removes = false;
      if (hasLoadBalancer(service) && !this.outdated.has(key)) this.finish(true);
      else {
        this.outdated.delete(key);
        this.events.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer');
        this.run('finalizer');
      }
    } else if (this.leaves(service) || hasLoadBalancer(service)) {
      this.removes = true;
      if (!this.balancers.has(key)) {
        // Removed already; the cache does not show it yet.
        this.run('release');
        return;
      }
      this.events.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer');
      this.run('cloud');
    } else this.finish(true);
  }

  private run(step: Step): void {
    this.step = step;
    const key = this.current;
    const slash = key.indexOf('/');
    const named = { resource: 'services', namespace: key.slice(0, slash), name: key.slice(slash + 1) };
    const patch = (body: Patch, subresource?: 'status'): void => {
      const request: ApiRequest = { verb: 'patch', ...named, patch: body, ...(subresource === undefined ? {} : { subresource }) };
      this.client.request(request, this, 0);
    };
    switch (step) {
      case 'finalizer':
        patch(new AddFinalizerPatch(LOAD_BALANCER_FINALIZER));
        return;
      case 'cloud': {
        if (!this.removes && this.nodes.give(key) === 0) this.backendsUpdated(key, 0);
        const takes = this.limited ? sample(this.create, this.draws.source(hashText(`${key} ${this.calls++}`))) : 0;
        this.simulation.schedule(Math.round(takes), this.target, OP_CLOUD);
        return;
      }
      case 'status':
        patch(new LoadBalancerStatusPatch(this.removes ? '' : this.balancers.get(key)!), 'status');
        return;
      case 'release':
        patch(new RemoveFinalizerPatch(LOAD_BALANCER_FINALIZER));
    }
  }

  describe(opcode: number): string {
    return opcode === OP_RESYNC ? 'the service controller sees all Services again' : 'the cloud has made or removed a load balancer';
  }

  handle(opcode: number): void {
    if (opcode === OP_RESYNC) this.resync();
    else this.cloudDone();
  }

  /** An update without a difference is a reason to look only for what is to be removed (needsCleanup): a failed removal is tried again at the latest now. */
  private resync(): void {
    for (const service of this.services.list()) if (this.leaves(service)) this.queue.add(keyOf(service));
    this.simulation.schedule(SERVICE_RESYNC, this.target, OP_RESYNC);
  }

  private cloudDone(): void {
    const key = this.current;
    if (this.removes) {
      this.balancers.delete(key);
      this.nodes.forget(key);
    }
    else if (!this.balancers.has(key)) this.balancers.set(key, `${ADDRESSES}${(this.made++ % 254) + 1}`);
    this.run('status');
  }

  receive(_tag: number, response: ApiResponse): void {
    const gone = response.code === 404;
    if (!succeeded(response) && !gone) {
      this.finish(false);
      return;
    }
    if (gone) this.finish(true);
    else if (this.step === 'finalizer') this.run('cloud');
    else if (this.step === 'status' && this.removes) this.run('release');
    else {
      const service = this.services.get(this.current);
      if (service !== undefined) {
        if (this.removes) this.events.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer');
        else this.events.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
      }
      this.finish(true);
    }
  }

  private finish(done: boolean): void {
    const key = this.current;
    this.current = '';
    if (done) this.queue.forget(key);
    else this.queue.addRateLimited(key);
    this.queue.done(key);
    this.workAvailable();
  }
}
