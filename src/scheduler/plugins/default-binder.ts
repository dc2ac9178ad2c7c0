import type { ApiRequest } from '../../apiserver/request.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Plugin } from '../framework/plugin.js';

/** Binds by the pod's `binding` subresource (plugins/defaultbinder). */
export class DefaultBinder implements Plugin {
  readonly name = 'DefaultBinder';

  bind(pod: PodInfo, nodeName: string): ApiRequest {
    const { namespace, name } = pod.pod.metadata;
    return { verb: 'create', resource: 'pods', subresource: 'binding', namespace, name, target: nodeName };
  }
}
