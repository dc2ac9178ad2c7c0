import type { Simulation } from '../kernel/simulation.js';
import type { KubeProxies } from '../node/kube-proxy.js';

/** How the requests to a Service are divided among other Services, as a mesh or an ingress has been told. */
export interface TrafficSplit {
  /** Services by `namespace/name`, with weights of which at least one is above 0. */
  readonly backends: readonly { readonly service: string; readonly weight: number }[];
  /** Requests of the cohort (header or cookie) go here, whatever the weights; absent: they are like all others. */
  readonly match?: string;
  /** A copy of this share (0..1) of the requests goes here too; its answers are dropped. */
  readonly mirror?: { readonly service: string; readonly share: number };
}

/** A split with Services as numbers of the proxies and weights summed up to 1. */
class ActiveSplit {
  readonly services: readonly number[];
  readonly bounds: readonly number[];
  readonly match: number;
  readonly mirror: number;
  readonly mirrorShare: number;

  constructor(split: TrafficSplit, number: (service: string) => number) {
    const used = split.backends.filter(({ weight }) => weight > 0);
    const total = used.reduce((sum, { weight }) => sum + weight, 0);
    let below = 0;
    this.services = used.map(({ service }) => number(service));
    this.bounds = used.map(({ weight }) => (below += weight) / total);
    this.match = split.match === undefined ? -1 : number(split.match);
    this.mirror = split.mirror === undefined ? -1 : number(split.mirror.service);
    this.mirrorShare = split.mirror?.share ?? 0;
  }
}

/** Splits in force, by Service. Whoever plays the data plane sets them; requests look them up by number. */
export class TrafficSplits {
  private readonly simulation: Simulation;
  private readonly proxies: KubeProxies;
  private readonly splits: (ActiveSplit | undefined)[] = [];
  private readonly texts = new Map<string, TrafficSplit>();

  constructor(simulation: Simulation, proxies: KubeProxies) {
    this.simulation = simulation;
    this.proxies = proxies;
  }

  /** Divides the requests to a Service (`namespace/name`) from now on; undefined: they go to its own endpoints. */
  set(service: string, split: TrafficSplit | undefined): void {
    this.simulation.catchUp();
    const number = this.number(service);
    const usable = split?.backends.some(({ weight }) => weight > 0) === true;
    if (split !== undefined && usable) {
      this.splits[number] = new ActiveSplit(split, (name) => this.number(name));
      this.texts.set(service, split);
    } else {
      this.splits[number] = undefined;
      this.texts.delete(service);
    }
  }

  /** What was set for a Service. */
  get(service: string): TrafficSplit | undefined {
    return this.texts.get(service);
  }

  /** Whether requests to a Service may go elsewhere. */
  has(service: number): boolean {
    return this.splits[service] !== undefined;
  }

  /** The Service that serves a request to `service`: `u` in [0, 1) decides by weight, `cohort` says that a header or cookie matches. */
  backend(service: number, u: number, cohort: boolean): number {
    const split = this.splits[service];
    if (split === undefined) return service;
    if (cohort && split.match >= 0) return split.match;
    const { bounds, services } = split;
    for (let i = 0; i < bounds.length; i++) if (u < bounds[i]!) return services[i]!;
    return services[services.length - 1]!;
  }

  /** The Service that gets a copy of a request to `service`; −1: none does. */
  mirror(service: number, u: number): number {
    const split = this.splits[service];
    return split !== undefined && split.mirror >= 0 && u < split.mirrorShare ? split.mirror : -1;
  }

  private number(service: string): number {
    const slash = service.indexOf('/');
    return this.proxies.serviceNumber(service.slice(0, slash), service.slice(slash + 1));
  }
}
