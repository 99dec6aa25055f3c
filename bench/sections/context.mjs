/**
 * What every section gets: how to run a measuring script, what was asked for, and where absences go.
 *
 * @typedef {object} Context
 * @property {{ path: string, version: string, from: string, reason?: string }} node
 * @property {{ path: string, version: string, from: string }} installed
 * @property {boolean} quick
 * @property {boolean} full
 * @property {number} threads
 * @property {(name: string) => boolean} wants a set by name
 * @property {(name: string) => boolean} asks for a set by name, or for none: for sections with sets of their own
 * @property {(script: string, input: object, options?: { node?: { path: string }, limitSeconds?: number, flags?: string[] }) => Promise<any>} run
 *   answers the script's value, or undefined with the reason among `absent`
 * @property {(script: string, input: object, options?: { limitSeconds?: number, threads?: number, what?: string }) => Promise<any>} py
 * @property {(what: string, reason: string) => void} absent
 * @property {(text: string) => void} say
 * @property {string} root
 */
export {}
