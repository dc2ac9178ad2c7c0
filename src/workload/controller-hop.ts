import type { Duration } from '../kernel/time.js';
import type { Route } from '../network/ingress-rules.js';
import { retransmissions } from '../network/network.js';
import type { ConnectorOptions } from './connector.js';
import { UNREACHABLE_POD } from './mechanisms.js';
import type { Router } from './router.js';
import { NODE_UNREACHABLE } from './statistics.js';

/** Draws of a request: the controller's pod, and the way to it. */
const DRAW_CONTROLLER = 20;
const DRAW_CONTROLLER_TRIP = 448;
/** Whether the request, and its answer, are lost on that way and sent again. */
const DRAW_CONTROLLER_LOSS = 22;

/** A pod of an ingress controller that a request goes to: its address, the index of its node, the way there. */
export interface ControllerHop {
  readonly controller: number;
  readonly entry: number;
  readonly inside: Duration;
}

/** On to a pod of the ingress controller, as the proxy of the entry node chooses; null: the request has failed. */
export function hopToController({ spec, proxies, pods, network, nodes, draws }: ConnectorOptions, router: Router, request: number, entry: number): ControllerHop | null {
  const { requests } = pods;
  const { namespace, name } = spec.ingress!.controller!;
  const service = proxies.serviceNumber(namespace, name);
  const view = proxies.view(entry, service, true);
  if (view.addresses.length === 0) {
    router.noEndpoint(request, view, service);
    return null;
  }
  const number = requests.number[request]!;
  const first = requests.first[request]!;
  const controller = view.addresses[Math.floor(draws.at(number, first + DRAW_CONTROLLER).next() * view.addresses.length)]!;
  const from = nodes.hosts[entry]!;
  const to = pods.hostOf(controller) ?? from;
  requests.address[request] = controller;
  if (!network.reachable(from, to) || !network.reachable(to, from)) {
    requests.lag[request] = network.downFor(to);
    router.unreachable(request, NODE_UNREACHABLE, UNREACHABLE_POD);
    return null;
  }
  let inside = Math.round(draws.sample(network.roundTrip(from, to), number, first + DRAW_CONTROLLER_TRIP) / 2);
  let back = inside;
  const loss = network.lossBetween(from, to);
  if (loss > 0 && from !== to) {
    const losses = draws.at(number, first + DRAW_CONTROLLER_LOSS);
    inside += retransmissions(loss, losses.next());
    back += retransmissions(loss, losses.next());
  }
  requests.back[request] = requests.back[request]! + back;
  if (from !== to) requests.relay[request] = from + 1;
  return { controller, entry: nodes.hosts.indexOf(to), inside };
}

/** Where the controller that has a request sends it now (undefined: 404); null: its pod accepts none any more. */
export function routeOf({ spec, ingress, pods, simulation }: ConnectorOptions, controller: number | undefined): Route | undefined | null {
  const { host, path } = spec.ingress!;
  if (controller === undefined) return ingress!.route(host, path);
  const server = pods.at(controller);
  return server?.accepting === true ? ingress!.pods!.route(server, simulation.now, host, path) : null;
}
