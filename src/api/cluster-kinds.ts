import type { Condition, KubernetesObject, ObjectReference } from './meta.js';

/** Small `core/v1` kinds: Namespace, ServiceAccount, ConfigMap, Secret, Endpoints. */

export interface Namespace extends KubernetesObject {
  readonly kind: 'Namespace';
  readonly status?: { readonly phase?: 'Active' | 'Terminating'; readonly conditions?: readonly Condition[] };
}

export interface ServiceAccount extends KubernetesObject {
  readonly kind: 'ServiceAccount';
  readonly secrets?: readonly ObjectReference[];
}

export interface ConfigMap extends KubernetesObject {
  readonly kind: 'ConfigMap';
  readonly data?: Readonly<Record<string, string>>;
}

export interface Secret extends KubernetesObject {
  readonly kind: 'Secret';
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export interface EndpointAddress {
  readonly ip: string;
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly targetRef?: ObjectReference;
}

export interface EndpointSubset {
  readonly addresses?: readonly EndpointAddress[];
  readonly notReadyAddresses?: readonly EndpointAddress[];
  readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol: string }[];
}

/** The legacy Endpoints object of a Service. */
export interface Endpoints extends KubernetesObject {
  readonly kind: 'Endpoints';
  readonly subsets?: readonly EndpointSubset[];
}
