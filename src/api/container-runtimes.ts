/** Container runtimes, told apart by the prefix of `status.nodeInfo.containerRuntimeVersion` as kubelets report it. */
export type RuntimeName = 'containerd' | 'cri-o' | 'docker';

export const RUNTIME_NAMES: readonly RuntimeName[] = ['containerd', 'cri-o', 'docker'];

/** The runtime of `containerd://2.1.4`; undefined: none that is known. */
export function runtimeOf(version: string): RuntimeName | undefined {
  return RUNTIME_NAMES.find((name) => version === name || version.startsWith(`${name}://`));
}
