import type { EndpointAddress, EndpointSubset, Endpoints } from './cluster-kinds.js';
import * as known from './known-fields.js';
import { present } from './manifest-pod.js';
import type { ObjectMeta, ObjectReference } from './meta.js';
import { type FieldReader, fieldPath, type RawMap } from './reader.js';

/** Endpoints that somebody writes by hand, for a Service without a selector, with the defaults of pkg/apis/core/v1. */
export function readEndpoints(read: FieldReader, raw: RawMap, metadata: ObjectMeta): Endpoints {
  read.rest(raw, '', known.endpoints.modelled, known.endpoints.others);
  const subsets = read.listOf(raw, 'subsets', '', (item, at) => readSubset(read, item, at));
  return { apiVersion: 'v1', kind: 'Endpoints', metadata, ...(subsets === undefined ? {} : { subsets }) };
}

function readSubset(read: FieldReader, raw: RawMap, at: string): EndpointSubset {
  read.rest(raw, at, known.endpointSubset.modelled, known.endpointSubset.others);
  return present<EndpointSubset>({
    addresses: read.listOf(raw, 'addresses', at, (item, path) => readAddress(read, item, path)),
    notReadyAddresses: read.listOf(raw, 'notReadyAddresses', at, (item, path) => readAddress(read, item, path)),
    ports: read.listOf(raw, 'ports', at, (item, path) => {
      read.rest(item, path, known.endpointPort.modelled, known.endpointPort.others);
      const port = read.integer(item, 'port', path);
      if (port === undefined) read.missing(path, 'port');
      return present<{ name?: string; port: number; protocol: string }>({
        name: read.text(item, 'name', path),
        port: port ?? 0,
        protocol: read.choice(item, 'protocol', path, ['TCP', 'UDP', 'SCTP']) ?? 'TCP',
      });
    }),
  });
}

function readAddress(read: FieldReader, raw: RawMap, at: string): EndpointAddress {
  read.rest(raw, at, known.endpointAddress.modelled, known.endpointAddress.others);
  const ip = read.text(raw, 'ip', at);
  if (ip === undefined) read.missing(at, 'ip');
  const target = read.map(raw, 'targetRef', at);
  const path = fieldPath(at, 'targetRef');
  return present<EndpointAddress>({
    ip: ip ?? '',
    nodeName: read.text(raw, 'nodeName', at),
    targetRef:
      target === undefined
        ? undefined
        : present<ObjectReference>({
            apiVersion: read.text(target, 'apiVersion', path),
            kind: read.text(target, 'kind', path) ?? '',
            namespace: read.text(target, 'namespace', path),
            name: read.text(target, 'name', path) ?? '',
            uid: read.text(target, 'uid', path),
            fieldPath: undefined,
          }),
  });
}
