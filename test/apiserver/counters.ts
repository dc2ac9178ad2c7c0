import assert from 'node:assert/strict';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { ApiResponse, Patch, ResponseReceiver } from '../../src/apiserver/request.js';
import type { RestClient } from '../../src/client/rest-client.js';

/** Writers that count up a label of ConfigMaps: what is lost shows. */

function countOf(object: KubernetesObject): number {
  return Number(object.metadata.labels?.['count'] ?? 0);
}

function counted(object: KubernetesObject): KubernetesObject {
  return { ...object, metadata: { ...object.metadata, labels: { count: String(countOf(object) + 1) } } };
}

/** A patch that counts one up. */
export class Increment implements Patch {
  readonly bytes = 10;
  apply(current: KubernetesObject): KubernetesObject {
    return counted(current);
  }
}

/** Reads an object, counts one up and writes it, again after each 409, as controllers do. */
export class Writer implements ResponseReceiver {
  readonly successes: { readonly seen: number; readonly wrote: number }[] = [];
  conflicts = 0;
  private readonly client: RestClient;
  private readonly name: string;
  private seen = 0;

  constructor(client: RestClient, name: string) {
    this.client = client;
    this.name = name;
  }

  read(): void {
    this.client.request({ verb: 'get', resource: 'configmaps', namespace: 'n', name: this.name }, this, 0);
  }

  receive(tag: number, response: ApiResponse): void {
    if (response.code === 409) {
      this.conflicts++;
      this.read();
    } else if (response.code === 200 && tag === 0) {
      const { object } = response;
      this.seen = object!.metadata.resourceVersion;
      this.client.request({ verb: 'update', resource: 'configmaps', namespace: 'n', name: this.name, body: counted(object!) }, this, 1);
    } else if (response.code === 200) this.successes.push({ seen: this.seen, wrote: response.object!.metadata.resourceVersion });
  }
}

/** Checks that the versions of an object count up one by one, and that each success of its writers replaced the version it had seen. */
export function nothingLost(
  name: string,
  versions: readonly { readonly value: unknown; readonly modRevision: number }[],
  writers: readonly { readonly name: string; readonly writer: Writer }[],
): { readonly conflicts: number; readonly writes: number } {
  let conflicts = 0;
  let writes = 0;
  versions.forEach(({ value, modRevision }, i) => {
    assert.equal(countOf(value as KubernetesObject), i, `${name}@${modRevision} does not build on the version before it`);
  });
  const before = new Map(versions.map(({ modRevision }, i) => [modRevision, versions[i - 1]?.modRevision]));
  for (const { name: written, writer } of writers) {
    if (written !== name) continue;
    conflicts += writer.conflicts;
    for (const { seen, wrote } of writer.successes) {
      writes++;
      assert.equal(before.get(wrote), seen);
    }
  }
  return { conflicts, writes };
}
