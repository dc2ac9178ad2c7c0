export { InputError, InputErrors, isInputError } from './input-error.js';
export { scenarioJsonSchema } from './json-schema.js';
export { type LoadOptions, loadManifests, loadScenario, validateFile } from './load.js';
export { isScenarioFile } from './scenario-file.js';
