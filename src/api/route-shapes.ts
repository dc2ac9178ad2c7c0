import { list, map, type Shape, unmodelled } from './shape.js';

/** Fields of routes of meshes and gateways whose weights divide the traffic. */

const HTTP = 'requests have no paths, methods or headers of their own';
const SUBSET = 'requests go to all endpoints of the host: give a Service for each version';

const COHORT = 'where headers are matched the cohort of the traffic matches; everything else matches all requests';
const INSIDE = 'requests from inside and through gateways are divided alike';
const destination = map({ host: 'text', subset: unmodelled(SUBSET, 'text'), port: 'any' });

const istioRoute: Readonly<Record<string, Shape>> = {
  name: unmodelled('routes are told apart by their headers', 'text'),
  match: unmodelled(COHORT, 'any'),
  route: list(map({ destination, weight: 'integer', headers: unmodelled(HTTP, 'any') })),
  mirror: destination,
  mirrorPercentage: map({ value: 'number' }),
  mirrors: unmodelled('give one mirror', 'any'),
  timeout: unmodelled('the timeout of the traffic holds', 'text'),
  retries: unmodelled('the retries of the traffic hold', 'any'),
  fault: unmodelled('no faults are injected', 'any'),
  ...Object.fromEntries(
    ['redirect', 'directResponse', 'delegate', 'rewrite', 'corsPolicy', 'headers'].map((name): [string, Shape] => [name, unmodelled(HTTP, 'any')]),
  ),
};

/** spec of a VirtualService (istio networking/v1). */
export const virtualServiceSpec = map({
  hosts: list('text'),
  gateways: unmodelled(INSIDE, 'any'),
  exportTo: unmodelled('the route is for all namespaces', 'any'),
  http: list(map(istioRoute)),
  tls: unmodelled('only HTTP is modelled', 'any'),
  tcp: unmodelled('only HTTP is modelled', 'any'),
});

/** spec of a DestinationRule (istio networking/v1). */
export const destinationRuleSpec = map({
  host: unmodelled('nothing is done to its requests', 'text'),
  subsets: unmodelled(SUBSET, 'any'),
  trafficPolicy: unmodelled('balancing and circuit breaking are those of the traffic', 'any'),
  exportTo: unmodelled('nothing is done to its requests', 'any'),
  workloadSelector: unmodelled('nothing is done to its requests', 'any'),
});

/** spec of a TrafficSplit (SMI). */
export const trafficSplitSpec = map({
  service: 'text',
  backends: list(map({ service: 'text', weight: 'intOrText' })),
  matches: unmodelled(HTTP, 'any'),
});

/** spec of an HTTPRoute (Gateway API v1). */
export const httpRouteSpec = map({
  parentRefs: list(
    map({
      group: 'text',
      kind: 'text',
      name: 'text',
      namespace: unmodelled('its Service is in the namespace of the route', 'text'),
      sectionName: unmodelled(INSIDE, 'text'),
      port: 'integer',
    }),
  ),
  hostnames: unmodelled(HTTP, 'any'),
  rules: list(
    map({
      name: unmodelled('rules are told apart by their headers', 'text'),
      matches: unmodelled(COHORT, 'any'),
      backendRefs: list(
        map({
          name: 'text',
          namespace: unmodelled('Services are those of the namespace of the route', 'text'),
          port: 'integer',
          weight: 'integer',
          group: 'text',
          kind: 'text',
          filters: unmodelled(HTTP, 'any'),
        }),
      ),
      filters: list(
        map({
          type: 'text',
          requestMirror: map({ backendRef: map({ name: 'text', group: 'text', kind: 'text', namespace: unmodelled('Services are those of the namespace of the route', 'text'), port: 'integer' }), percent: 'integer', fraction: unmodelled('give percent', 'any') }),
          ...Object.fromEntries(
            ['requestHeaderModifier', 'responseHeaderModifier', 'requestRedirect', 'urlRewrite', 'cors', 'extensionRef'].map((name): [string, Shape] => [name, unmodelled(HTTP, 'any')]),
          ),
        }),
      ),
      timeouts: unmodelled('the timeout of the traffic holds', 'any'),
      retry: unmodelled('the retries of the traffic hold', 'any'),
      sessionPersistence: unmodelled('every request is divided anew', 'any'),
    }),
  ),
});
