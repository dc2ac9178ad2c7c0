export { InputError, InputErrors, isInputError } from './input-error.js';
export { scenarioJsonSchema } from './json-schema.js';
export { isScenarioFile, type LoadOptions, loadManifests, loadScenario, validateFile } from './load.js';
