import { INDEXED_CONFIGURATIONS } from './admission/admission.js';
import { INDEXED_FOR_ADMISSION } from './admission/plugins.js';
import { RBAC_RESOURCES } from './authorization/rbac.js';

/** Resources that a server looks up by namespace, or as a whole. */
export const INDEXED: readonly string[] = ['poddisruptionbudgets', ...RBAC_RESOURCES, ...INDEXED_FOR_ADMISSION, ...INDEXED_CONFIGURATIONS];
