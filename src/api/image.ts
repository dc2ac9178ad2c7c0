import type { PodSpec } from './core.js';

/** Tag of an image name: what follows the last colon after the last slash; `latest` when there is none; a digest as written. */
export function imageTag(image: string): string {
  const at = image.indexOf('@');
  if (at >= 0) return image.slice(at + 1);
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/') ? image.slice(colon + 1) : 'latest';
}

/** The version of a pod for people: the tag of its first container's image. */
export function podVersion(spec: PodSpec): string {
  const first = spec.containers[0];
  return first === undefined ? '' : imageTag(first.image);
}

/** Host of an image's registry: what stands before the first slash if it looks like a host, else docker.io (distribution/reference). */
export function registryOf(image: string): string {
  const slash = image.indexOf('/');
  const first = slash < 0 ? '' : image.slice(0, slash);
  return first.includes('.') || first.includes(':') || first === 'localhost' ? first : 'docker.io';
}
